"""A CRM for tests: its time passes only when told to, and then what is due is done in order."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Invalid, Money, NotFound
from crm_core.commands import AddTask, AssignLead, CaptureLead, CompleteTask, OpenDeal, SubmitForm
from crm_core.errors import FollowerHalted, ViewNotFolded
from crm_core.events import TaskAdded, TaskCompleted
from crm_core.kernel.ids import TaskId
from crm_core.testing import MONDAY, MovableClock, a_crm
from policies import Policy, Sleep, Wake, Woken, follow_up_on_demo_request, thank_on_purchase
from projections import pipeline, timeline

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Open:
    task_id: TaskId | None = None


def remember(memory: Open, event: TaskAdded | TaskCompleted, at: datetime) -> Open:
    return Open(event.task_id)


def react(memory: Open, event: TaskAdded | TaskCompleted | Woken, at: datetime) -> Iterator[AddTask | Wake | Sleep]:
    match event:
        case TaskAdded():
            yield Wake(after=timedelta(days=7))
        case TaskCompleted():
            yield Sleep()
        case Woken():
            yield AddTask(title="Still open", assignee="ann", due=at)
            yield Wake(after=timedelta(days=7))


def nag() -> Policy[Open]:
    """Every week that a task is open, a task to look at it."""
    return Policy("nag_when_open", key=lambda event: event.task_id, initial=Open(), evolve=remember, react=react)


def asked_for_a_demo(crm: CRM) -> UUID:
    lead = crm.execute(CaptureLead(name="Ada", channel="form"), by="ann").id
    crm.execute(AssignLead(lead_id=lead, owner="kim"), by="ann")
    crm.execute(SubmitForm(form="demo_request", name="Ada", lead_id=lead), by="customer:web")
    return UUID(str(lead))


def tasks(crm: CRM, thing: UUID) -> list[tuple[str, datetime]]:
    return [(fact.event.kind, fact.recorded_at) for fact in crm.history(thing) if isinstance(fact.event, TaskAdded)]


def test_two_quiet_weeks_fire_what_is_due_when_it_is_due() -> None:
    with a_crm(policies=[follow_up_on_demo_request]) as crm:
        lead = asked_for_a_demo(crm)
        crm.clock.advance(days=14)

        assert tasks(crm, lead) == [("follow_up", MONDAY), ("reminder", MONDAY + DAY)]
        assert crm.clock.now() == MONDAY + 14 * DAY


def test_an_alarm_that_sets_the_next_one_rings_as_often_as_it_would_have() -> None:
    with a_crm(policies=[nag()], follow=[]) as crm:
        first = crm.execute(AddTask(title="Call", assignee="ann"), by="ann").id
        crm.clock.advance(days=21)

        added = [fact.recorded_at - MONDAY for fact in crm.log(types=["task.added"])]
        assert added == [0 * DAY, 7 * DAY, 14 * DAY, 21 * DAY]
        crm.execute(CompleteTask(task_id=first), by="ann")
        crm.clock.advance(days=21)
        assert len(list(crm.log(types=["task.added"]))) == 4


def test_time_never_passes_by_itself() -> None:
    with a_crm(policies=["follow_up_on_demo_request"]) as crm:
        lead = asked_for_a_demo(crm)
        crm.settle(policies=True)
        crm.settle(policies=True)

        assert {fact.recorded_at for fact in crm.history(lead)} == {MONDAY}
        assert crm.next_alarm() == MONDAY + DAY
        assert len(tasks(crm, lead)) == 1


def test_a_policy_that_was_not_switched_on_does_nothing() -> None:
    with a_crm() as crm:
        lead = asked_for_a_demo(crm)
        crm.clock.advance(days=14)
        assert tasks(crm, lead) == []
        assert crm.next_alarm() is None


def test_moving_the_clock_folds_the_views_in_this_thread() -> None:
    before = threading.active_count()
    with a_crm(follow=[pipeline]) as crm:
        crm.execute(OpenDeal(title="Roof", amount=Money(1, "EUR"), owner="ann"), by="ann")
        with pytest.raises(ViewNotFolded):
            crm.view(pipeline)
        crm.clock.advance()
        assert len(crm.view(pipeline)) == 1
        assert threading.active_count() == before


@pytest.mark.parametrize(
    "amount",
    [
        {"days": -1}, {"hours": 1, "minutes": -61}, {"fortnights": 1}, {"days": float("nan")}, {"days": float("inf")},
        {"days": "1"}, {"weeks": 10**6},
    ],
)  # fmt: skip
def test_time_passes_forwards_and_in_amounts_of_time(amount: dict[str, Any]) -> None:
    clock = MovableClock()
    with pytest.raises(Invalid, match="clock"):
        clock.advance(**amount)
    assert clock.now() == MONDAY


@pytest.mark.parametrize(
    ("instant", "rule"),
    [
        (MONDAY.replace(tzinfo=None), "without a time zone"),
        (MONDAY - timedelta(microseconds=1), "forwards only"),
        ("2026-03-03", "must be an aware datetime"),
        (datetime.max.replace(tzinfo=UTC) - timedelta(days=1), None),
    ],
)
def test_a_clock_is_moved_to_an_instant_that_is_one_and_not_over(instant: Any, rule: str | None) -> None:
    clock = MovableClock()
    if rule is None:
        assert clock.advance_to(instant) == clock.now() == instant
        return
    with pytest.raises(Invalid, match=rule):
        clock.advance_to(instant)
    assert clock.now() == MONDAY


def test_a_clock_begins_at_an_instant() -> None:
    with pytest.raises(Invalid, match="start: a datetime without a time zone"):
        MovableClock(datetime(2026, 3, 2))  # noqa: DTZ001 - the very mistake
    assert MovableClock(datetime.fromisoformat("2026-03-02T10:00+01:00")).now() == MONDAY


def test_a_timedelta_will_do() -> None:
    clock = MovableClock()
    assert clock.advance(timedelta(days=1), hours=1) == MONDAY + timedelta(hours=25)


def test_several_crms_live_by_one_clock_and_a_closed_one_no_longer(tmp_path: Path) -> None:
    clock, url = MovableClock(), f"sqlite:///{tmp_path}/acme.db"
    with a_crm(url, clock=clock, policies=["follow_up_on_demo_request"]) as crm, a_crm(clock=clock) as other:
        lead = asked_for_a_demo(crm)
        clock.advance(days=2)
        assert len(tasks(crm, lead)) == 2
        assert other.clock is clock
    clock.advance(days=2)
    with a_crm(url, clock=clock) as again:
        assert len(tasks(again, lead)) == 2
        assert len(again.view(timeline)) > 0


def test_an_own_policy_takes_the_place_of_the_installed_one_of_its_name() -> None:
    own = Policy("thank_on_purchase", key=lambda event: event.task_id, initial=Open(), evolve=remember, react=react)
    with a_crm(policies=[own]) as crm:
        assert [one for one in crm.policies if one.name == "thank_on_purchase"] == [own]
    with a_crm() as crm:
        assert thank_on_purchase in crm.policies


def test_a_policy_that_fails_stops_the_clock_where_it_failed() -> None:
    def fail(memory: Open, event: TaskAdded | Woken, at: datetime) -> Iterator[Wake]:
        if isinstance(event, Woken):
            raise ZeroDivisionError
        yield Wake(after=DAY)

    failing = Policy("fail_on_waking", key=lambda event: event.task_id, initial=Open(), evolve=remember, react=fail)
    with a_crm(policies=[failing], follow=[]) as crm:
        crm.execute(AddTask(title="Call", assignee="ann"), by="ann")
        with pytest.raises(FollowerHalted, match="fail_on_waking"):
            crm.clock.advance(days=3)
        assert crm.clock.now() == MONDAY + DAY


def test_a_policy_must_be_installed_to_be_switched_on() -> None:
    with pytest.raises(NotFound, match="no policy thank_them is installed; there are"):
        a_crm(policies=["thank_them"])
    with pytest.raises(NotFound, match="there are none"):
        a_crm(policies=["pipeline"], follow=[pipeline])
    with pytest.raises(Invalid, match="a list of policies"):
        a_crm(policies="thank_on_purchase")
