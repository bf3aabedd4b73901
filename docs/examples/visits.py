"""A customer with whom we have spent an hour is thanked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from crm_core import Recorded
from crm_core.commands import AddTask, Command
from crm_core.contact.contact import Contact, contacts, require_contact
from crm_core.events import Event
from crm_core.kernel.fields import Count, Login, Text
from crm_core.kernel.ids import ContactId
from crm_core.kernel.personal import Personal, Private, Public
from policies import Policy
from projections import projection


class VisitRecorded(Event, type="acme.visit.recorded", stream="contact_id", says="visited by {owner}[: {notes}]"):
    """One of us was at a customer's."""

    contact_id: Public[ContactId]
    owner: Public[str]
    minutes: Public[int]
    notes: Personal[str | None] = None


class RecordVisit(Command):
    contact_id: Public[ContactId]
    owner: Public[Login]
    minutes: Public[Count]
    notes: Private[Text | None] = None


@contacts.decision
def record_visit(contact: Contact, command: RecordVisit) -> Iterator[VisitRecorded]:
    require_contact(contact, command.contact_id)
    yield VisitRecorded(**command.model_dump())


@dataclass(frozen=True, slots=True)
class Visits:
    owner: str = ""
    minutes: int = 0


@projection("visits", key=lambda event: event.owner)
def visits(row: Visits | None, event: VisitRecorded, seen: Recorded) -> Visits:
    return Visits(event.owner, event.minutes + (row.minutes if row else 0))


def remember(seen: Visits, event: VisitRecorded, at: datetime) -> Visits:
    return Visits(event.owner, event.minutes + seen.minutes)


def react(seen: Visits, event: VisitRecorded, at: datetime) -> Iterator[AddTask]:
    if seen.minutes - event.minutes < 60 <= seen.minutes:
        yield AddTask(title="Thank for the hour", assignee=seen.owner, due=at, contact_id=event.contact_id)


say_thanks = Policy("say_thanks", key=lambda event: event.contact_id, initial=Visits(), evolve=remember, react=react)
