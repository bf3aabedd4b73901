"""Acme's part of the domain a year later: another version of a visit, and an event that is new. For a child process."""

from collections.abc import Iterator

from crm_core.commands import Command
from crm_core.contact.contact import Contact, contacts
from crm_core.events import Event
from crm_core.kernel.ids import ContactId
from crm_core.kernel.personal import Public


class VisitRecorded(Event, type="acme.visit.recorded", version=2, stream="contact_id"):
    """One of us was at a customer's, for a while."""

    contact_id: Public[ContactId]
    seconds: Public[int]


class VisitPlanned(Event, type="acme.visit.planned", stream="contact_id"):
    """One of us will be at a customer's."""

    contact_id: Public[ContactId]


class RecordVisit(Command):
    """Record a visit."""

    contact_id: Public[ContactId]


class PlanVisit(Command):
    """Plan a visit."""

    contact_id: Public[ContactId]


@contacts.decision
def record(contact: Contact, command: RecordVisit) -> Iterator[VisitRecorded]:
    """Any visit."""
    yield VisitRecorded(contact_id=command.contact_id, seconds=60)


@contacts.decision
def plan(contact: Contact, command: PlanVisit) -> Iterator[VisitPlanned]:
    """Any visit."""
    yield VisitPlanned(contact_id=command.contact_id)
