"""What an interaction or a task is about: the things it names, and whose they are."""

from typing import TypedDict

from crm_core.contact.contact import Contact, require_contact
from crm_core.deal.deal import Deal, require_deal
from crm_core.interaction.commands import AddNote, HoldDemo, HoldMeeting, LogCall
from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, TicketId
from crm_core.lead.lead import Lead, require_lead
from crm_core.task.commands import AddTask
from crm_core.ticket.ticket import Ticket, require_ticket


class Regarding(TypedDict):
    """The ids that the event carries, so that it appears on every timeline it belongs to."""

    ticket_id: TicketId | None
    deal_id: DealId | None
    lead_id: LeadId | None
    contact_id: ContactId | None
    account_id: AccountId | None


def regarding(
    ticket: Ticket,
    deal: Deal,
    lead: Lead,
    contact: Contact,
    command: AddTask | HoldDemo | HoldMeeting | LogCall | AddNote,
) -> Regarding:
    """Everything that the command names, and the lead, contact and account behind it.

    Raises:
        NotOnRecord: something it names is not on record.
        PersonIsForgotten: somebody it names was forgotten.
    """
    require_ticket(ticket, command.ticket_id)
    require_deal(deal, command.deal_id)
    require_lead(lead, command.lead_id)
    require_contact(contact, command.contact_id)
    return {
        "ticket_id": command.ticket_id,
        "deal_id": command.deal_id,
        "lead_id": command.lead_id or deal.lead_id,
        "contact_id": command.contact_id or ticket.contact_id or deal.contact_id or lead.contact_id,
        "account_id": ticket.account_id or deal.account_id or lead.account_id or contact.account_id,
    }
