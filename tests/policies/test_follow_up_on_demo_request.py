"""A demo is asked for: who is told, when, and when nobody need be reminded."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm_core.commands import AddTask
from crm_core.events import (
    CallLogged,
    DemoHeld,
    FormSubmitted,
    LeadAssigned,
    LeadConverted,
    LeadDisqualified,
    LeadQualified,
)
from crm_core.kernel.messages import Command, Event
from crm_core.kernel.recorded import Recorded
from policies import follow_up_on_demo_request
from policies.testing import START, tell
from tests.story import ADA, KIM, LEAD, LEE, SUBMISSION, assigned

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
wanted = FormSubmitted(submission_id=SUBMISSION, form="demo_request", lead_id=LEAD, name="Ada Okafor")
newsletter = FormSubmitted(submission_id=SUBMISSION, form="newsletter", lead_id=LEAD, name="Ada Okafor")
from_a_customer = FormSubmitted(submission_id=SUBMISSION, form="demo_request", contact_id=ADA, name="Ada Okafor")
shown = DemoHeld(lead_id=LEAD)
called = CallLogged(lead_id=LEAD, direction="outbound", outcome="connected")
to_lee = LeadAssigned(lead_id=LEAD, owner=LEE, previous=KIM)


def tasks(*story: Event | Recorded | timedelta) -> list[tuple[str, str, datetime | None]]:
    """(kind, assignee, due) of the tasks that come of a story."""
    return [(one.kind, one.assignee, one.due) for one in map(as_task, tell(follow_up_on_demo_request, *story))]


def as_task(command: Command) -> AddTask:
    assert isinstance(command, AddTask)
    assert command.lead_id == LEAD
    return command


def test_the_owner_follows_up_within_a_day_of_being_given_the_lead() -> None:
    assert tasks(wanted, HOUR, assigned) == [("follow_up", KIM, START + HOUR + DAY)]


def test_the_sales_desk_is_asked_to_assign_a_lead_that_nobody_owns_after_four_hours() -> None:
    assert tasks(wanted, 3 * HOUR) == []
    assert tasks(wanted, 30 * DAY) == [("todo", "sales_desk", START + 4 * HOUR)]


def test_a_lead_that_is_assigned_in_time_is_not_asked_about() -> None:
    assert tasks(wanted, 3 * HOUR, assigned, shown, 30 * DAY) == [("follow_up", KIM, START + 27 * HOUR)]


def test_the_owner_is_reminded_once_if_nobody_has_been_in_touch_for_a_day() -> None:
    assert tasks(wanted, assigned, 30 * DAY) == [("follow_up", KIM, START + DAY), ("reminder", KIM, START + DAY)]


@pytest.mark.parametrize(
    "touch",
    [
        shown,
        called,
        LeadQualified(lead_id=LEAD),
        LeadDisqualified(lead_id=LEAD, reason="spam"),
        LeadConverted(lead_id=LEAD, contact_id=ADA),
    ],
)
def test_whoever_has_dealt_with_the_lead_needs_no_reminder(touch: Event) -> None:
    assert tasks(wanted, assigned, 23 * HOUR, touch, 30 * DAY) == [("follow_up", KIM, START + DAY)]


def test_a_lead_given_up_before_it_had_an_owner_needs_none() -> None:
    assert tasks(wanted, LeadDisqualified(lead_id=LEAD, reason="spam"), 30 * DAY) == []


def test_a_new_owner_is_told_and_gets_a_day_of_their_own() -> None:
    assert tasks(wanted, assigned, 23 * HOUR, to_lee, 30 * DAY) == [
        ("follow_up", KIM, START + DAY),
        ("follow_up", LEE, START + 47 * HOUR),
        ("reminder", LEE, START + 47 * HOUR),
    ]


def test_a_new_owner_of_a_lead_that_was_dealt_with_has_nothing_to_do() -> None:
    assert tasks(wanted, assigned, shown, to_lee, 30 * DAY) == [("follow_up", KIM, START + DAY)]


def test_a_lead_that_has_an_owner_already_is_followed_up_at_once() -> None:
    assert tasks(assigned, DAY, wanted, shown) == [("follow_up", KIM, START + 2 * DAY)]


def test_the_same_form_twice_is_one_request_and_buys_no_time() -> None:
    assert tasks(wanted, 3 * HOUR, wanted, 30 * DAY) == [("todo", "sales_desk", START + 4 * HOUR)]
    assert tasks(assigned, wanted, HOUR, wanted, shown) == [("follow_up", KIM, START + DAY)]


def test_a_request_after_the_first_was_dealt_with_is_a_new_one() -> None:
    assert len(tasks(wanted, assigned, shown, DAY, wanted, shown)) == 2


def test_another_form_asks_for_nothing() -> None:
    assert tasks(newsletter, assigned, 30 * DAY) == []


def test_a_lead_that_asked_for_no_demo_is_none_of_its_business() -> None:
    assert tasks(assigned, 30 * DAY, to_lee) == []


def test_a_form_from_a_contact_is_about_no_lead() -> None:
    assert tell(follow_up_on_demo_request, from_a_customer, 30 * DAY) == []


def test_a_demo_that_is_told_of_days_later_still_ends_the_wait() -> None:
    long_ago = Recorded.of(shown, at=START - 3 * DAY, recorded_at=START + 23 * HOUR)
    assert tasks(wanted, assigned, long_ago, 30 * DAY) == [("follow_up", KIM, START + DAY)]


def test_titles_hold_nothing_personal() -> None:
    said: list[Any] = tell(follow_up_on_demo_request, wanted, 5 * HOUR, assigned, 2 * DAY)
    assert [task.title for task in said] == [
        "Assign the lead that asked for a demo",
        "Follow up on the demo request",
        "Nobody has been in touch since the demo was asked for",
    ]
