"""Recording what was said and done: once, on the thing it happened to, regarding all it is about."""

from collections.abc import Iterator

from crm_core.contact.contact import Contact, contacts
from crm_core.deal.deal import Deal
from crm_core.interaction.commands import AddNote, HoldDemo, HoldMeeting, LogCall
from crm_core.interaction.events import CallLogged, DemoHeld, MeetingHeld, NoteAdded
from crm_core.interaction.regarding import regarding
from crm_core.lead.lead import Lead
from crm_core.ticket.ticket import Ticket


@contacts.decision
def hold_demo(ticket: Ticket, deal: Deal, lead: Lead, contact: Contact, command: HoldDemo) -> Iterator[DemoHeld]:
    """A demo is held with somebody, or about something, on record."""
    yield DemoHeld(
        **regarding(ticket, deal, lead, contact, command),
        concerns=command.concerns,
        next_step=command.next_step,
        attendees=command.attendees,
        summary=command.summary,
        duration_s=command.duration_s,
    )


@contacts.decision
def log_call(ticket: Ticket, deal: Deal, lead: Lead, contact: Contact, command: LogCall) -> Iterator[CallLogged]:
    """A call that nobody answered is a call too."""
    yield CallLogged(
        **regarding(ticket, deal, lead, contact, command),
        direction=command.direction,
        outcome=command.outcome,
        duration_s=command.duration_s,
        participants=command.participants,
        summary=command.summary,
    )


@contacts.decision
def hold_meeting(
    ticket: Ticket, deal: Deal, lead: Lead, contact: Contact, command: HoldMeeting
) -> Iterator[MeetingHeld]:
    """A meeting is about something on record."""
    yield MeetingHeld(
        **regarding(ticket, deal, lead, contact, command),
        topic=command.topic,
        attendees=command.attendees,
        summary=command.summary,
        next_step=command.next_step,
        duration_s=command.duration_s,
    )


@contacts.decision
def add_note(ticket: Ticket, deal: Deal, lead: Lead, contact: Contact, command: AddNote) -> Iterator[NoteAdded]:
    """A note is about something on record."""
    yield NoteAdded(**regarding(ticket, deal, lead, contact, command), kind=command.kind, text=command.text)
