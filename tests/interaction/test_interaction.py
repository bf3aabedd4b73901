"""Interactions: recorded once, on the thing they happened to, regarding all they are about."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from crm_core.commands import AddNote, HoldDemo, HoldMeeting, LogCall
from crm_core.errors import Invalid, NotOnRecord, PersonIsForgotten
from crm_core.events import CallLogged, DemoHeld, LeadConverted, MeetingHeld, NoteAdded
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.messages import Command
from crm_core.testing import given
from tests.story import (
    ADA,
    DEAL,
    FABRIKAM,
    LEAD,
    TICKET,
    ada,
    asked,
    captured,
    forgotten,
    lead_forgotten,
    opened,
)

KINDS: list[Callable[..., Command]] = [
    HoldDemo,
    LogCall,
    partial(HoldMeeting, topic="Prices"),
    partial(AddNote, text="Prefers mail."),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["demo", "call", "meeting", "note"])


def test_a_demo_is_held_with_concerns_and_a_next_step() -> None:
    given(opened).when(
        HoldDemo(
            deal_id=DEAL,
            concerns=("Too dear", "No export"),
            next_step="Send an offer",
            attendees=("Ada Okafor",),
            summary="Went well.",
            duration_s=1800,
        )
    ).then(
        DemoHeld(
            deal_id=DEAL,
            lead_id=LEAD,
            contact_id=ADA,
            account_id=FABRIKAM,
            concerns=("Too dear", "No export"),
            next_step="Send an offer",
            attendees=("Ada Okafor",),
            summary="Went well.",
            duration_s=1800,
        )
    )


def test_a_call_is_logged_answered_or_not() -> None:
    given(captured).when(LogCall(lead_id=LEAD, outcome="no_answer", participants=("Ada",), summary="-")).then(
        CallLogged(lead_id=LEAD, direction="outbound", outcome="no_answer", participants=("Ada",), summary="-")
    )


def test_a_meeting_is_held_about_something() -> None:
    given(ada).when(HoldMeeting(contact_id=ADA, topic="Prices", next_step="Offer", duration_s=60)).then(
        MeetingHeld(contact_id=ADA, topic="Prices", next_step="Offer", duration_s=60)
    )


def test_a_concern_is_a_note_of_its_own_kind() -> None:
    given(asked).when(AddNote(ticket_id=TICKET, kind="concern", text="Fears for her data.")).then(
        NoteAdded(ticket_id=TICKET, contact_id=ADA, account_id=FABRIKAM, kind="concern", text="Fears for her data.")
    )


def test_what_happened_to_a_converted_lead_regards_the_customer() -> None:
    converted = LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM)
    given(captured, converted).when(AddNote(lead_id=LEAD, text="Late mail")).then(
        NoteAdded(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM, text="Late mail")
    )


@pytest.mark.parametrize(
    ("about", "stream"),
    [
        ({"ticket_id": TICKET, "deal_id": DEAL, "lead_id": LEAD, "contact_id": ADA}, TICKET),
        ({"deal_id": DEAL, "lead_id": LEAD, "contact_id": ADA}, DEAL),
        ({"lead_id": LEAD, "contact_id": ADA}, LEAD),
        ({"contact_id": ADA}, ADA),
    ],
    ids=["ticket", "deal", "lead", "contact"],
)
@each_kind
def test_it_is_recorded_on_the_first_of_ticket_deal_lead_and_contact(
    kind: Callable[..., Command], about: dict[str, Any], stream: UUID
) -> None:
    [event] = given(asked, opened, captured, ada).when(kind(**about)).events
    assert catalogue.of(event).stream(event) == stream
    assert {name: getattr(event, name) for name in about} == about


@each_kind
def test_it_is_about_something(kind: Callable[..., Command]) -> None:
    with pytest.raises(Invalid, match="needs a ticket_id, deal_id, lead_id or contact_id"):
        kind()


@each_kind
@pytest.mark.parametrize(
    ("noun", "about"),
    [
        ("ticket", {"ticket_id": TICKET}),
        ("deal", {"deal_id": DEAL}),
        ("lead", {"lead_id": LEAD}),
        ("contact", {"contact_id": ADA}),
    ],
    ids=["ticket", "deal", "lead", "contact"],
)
def test_it_is_about_something_on_record(kind: Callable[..., Command], noun: str, about: dict[str, Any]) -> None:
    refusal = given().when(kind(**about)).refused(NotOnRecord)
    assert (refusal.noun, refusal.id) == (noun, next(iter(about.values())))


@each_kind
def test_nothing_more_is_recorded_about_forgotten_people(kind: Callable[..., Command]) -> None:
    given(ada, forgotten).when(kind(contact_id=ADA)).refused(PersonIsForgotten)
    given(captured, lead_forgotten).when(kind(lead_id=LEAD)).refused(PersonIsForgotten)


@pytest.mark.parametrize("wrong", ["", " \n", "x" * 20_001, None])
def test_a_note_says_something_and_not_too_much(wrong: Any) -> None:
    with pytest.raises(Invalid) as caught:
        AddNote(contact_id=ADA, text=wrong)
    assert caught.value.field == "text"


def test_a_note_is_kept_as_it_was_typed() -> None:
    assert AddNote(contact_id=ADA, text="  - one\n  - two\n").text == "  - one\n  - two\n"
