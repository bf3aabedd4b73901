"""Forgetting a person: who is meant, whatever they were to us."""

from collections.abc import Iterator

from crm_core.contact.commands import ForgetPerson
from crm_core.contact.contact import Contact, contacts
from crm_core.contact.events import PersonForgotten
from crm_core.kernel.refusals import NotOnRecord
from crm_core.lead.errors import LeadAlreadyConverted
from crm_core.lead.lead import Lead


@contacts.decision
def forget(contact: Contact, lead: Lead, command: ForgetPerson) -> Iterator[PersonForgotten]:
    """A contact is forgotten together with every lead it came from; doing it again is not news."""
    noun, status = ("contact", contact.status) if command.lead_id is None else ("lead", lead.status)
    person = command.contact_id or command.lead_id
    assert person is not None  # noqa: S101 - the command has exactly one; this tells the type checker
    if status == "unknown":
        raise NotOnRecord(noun, person)
    if command.lead_id is not None and lead.contact_id is not None:
        raise LeadAlreadyConverted(command.lead_id, lead.contact_id, lead.account_id, lead.deal_id)
    if status != "forgotten":
        yield PersonForgotten(
            contact_id=command.contact_id,
            lead_id=command.lead_id,
            subjects=(person, *contact.lead_ids),
            ground=command.ground,
            request_ref=command.request_ref,
        )
