"""What was said and done with customers.

Each is recorded once, on the first of its ticket, deal, lead and contact, and regards all of them.
"""

from typing import Literal, TypeAlias

from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, TicketId
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import Personal, Public

HAPPENED_TO = ("ticket_id", "deal_id", "lead_id", "contact_id")

Direction: TypeAlias = Literal["inbound", "outbound"]
CallOutcome: TypeAlias = Literal["connected", "voicemail", "no_answer"]
NoteKind: TypeAlias = Literal["note", "concern", "interest"]


class DemoHeld(
    Event, type="demo.held", stream=HAPPENED_TO, says="demo held[; concerns: {concerns}][; next: {next_step}]"
):
    """We showed the product; `concerns` are the objections raised, `next_step` is what was agreed."""

    ticket_id: Public[TicketId | None] = None
    deal_id: Public[DealId | None] = None
    lead_id: Public[LeadId | None] = None
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None
    concerns: Personal[tuple[str, ...]] = ()
    next_step: Personal[str | None] = None
    attendees: Personal[tuple[str, ...]] = ()
    summary: Personal[str | None] = None
    duration_s: Public[int | None] = None


class CallLogged(Event, type="call.logged", stream=HAPPENED_TO, says="{direction} call, {outcome}[: {summary}]"):
    """We called a customer or they called us; `outcome` tells whether anybody was reached."""

    ticket_id: Public[TicketId | None] = None
    deal_id: Public[DealId | None] = None
    lead_id: Public[LeadId | None] = None
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None
    direction: Public[Direction]
    outcome: Public[CallOutcome]
    duration_s: Public[int | None] = None
    participants: Personal[tuple[str, ...]] = ()
    summary: Personal[str | None] = None


class MeetingHeld(Event, type="meeting.held", stream=HAPPENED_TO, says="met about {topic}[; next: {next_step}]"):
    """We met, in person or on a screen, for something other than a demo."""

    ticket_id: Public[TicketId | None] = None
    deal_id: Public[DealId | None] = None
    lead_id: Public[LeadId | None] = None
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None
    topic: Personal[str]
    attendees: Personal[tuple[str, ...]] = ()
    summary: Personal[str | None] = None
    next_step: Personal[str | None] = None
    duration_s: Public[int | None] = None


class NoteAdded(Event, type="note.added", stream=HAPPENED_TO, says="{kind}: {text}"):
    """Somebody wrote down something worth knowing: a plain note, a concern or an interest."""

    ticket_id: Public[TicketId | None] = None
    deal_id: Public[DealId | None] = None
    lead_id: Public[LeadId | None] = None
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None
    kind: Public[NoteKind] = "note"
    text: Personal[str]


Interaction: TypeAlias = DemoHeld | CallLogged | MeetingHeld | NoteAdded
