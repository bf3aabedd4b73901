"""Conversion: a qualified lead becomes a contact, an account and a deal, all at once or not at all."""

from collections.abc import Iterator

from crm_core.account.account import Account, require_account
from crm_core.account.events import AccountAdded
from crm_core.contact.contact import Contact, require_contact
from crm_core.contact.events import ContactAdded, ContactLinkedToAccount, ContactMatchedToLead
from crm_core.deal.deal import Deal, require_deal
from crm_core.deal.events import DealOpened
from crm_core.definitions.pipelines import Pipelines
from crm_core.kernel.refusals import require_new
from crm_core.lead.commands import ConvertLead
from crm_core.lead.errors import LeadHasNoOwner, LeadNotQualified
from crm_core.lead.events import LeadConverted
from crm_core.lead.lead import Lead, leads, require_unconverted


@leads.decision
def convert(
    lead: Lead, contact: Contact, account: Account, deal: Deal, pipelines: Pipelines, command: ConvertLead
) -> Iterator[LeadConverted | AccountAdded | ContactAdded | ContactMatchedToLead | ContactLinkedToAccount | DealOpened]:
    """Only a qualified lead converts, once, into things that are either new or on record."""
    require_unconverted(lead, command.lead_id)
    if lead.status != "qualified":
        raise LeadNotQualified(command.lead_id, lead.status)
    yield LeadConverted(
        lead_id=command.lead_id,
        contact_id=command.contact_id,
        account_id=command.account_id or contact.account_id,
        deal_id=command.deal_id,
    )
    yield from _account(lead, account, command)
    yield from _contact(lead, contact, command)
    yield from _deal(lead, contact, deal, pipelines, command)


def _account(lead: Lead, account: Account, command: ConvertLead) -> Iterator[AccountAdded]:
    if command.company is None or command.account_id is None:
        require_account(account, command.account_id)
        return
    require_new("account", command.account_id, account.status)
    yield AccountAdded(
        account_id=command.account_id,
        name=command.company,
        owner=command.owner or lead.owner,
        lead_id=command.lead_id,
    )


def _contact(
    lead: Lead, contact: Contact, command: ConvertLead
) -> Iterator[ContactAdded | ContactMatchedToLead | ContactLinkedToAccount]:
    if command.name is None:
        require_contact(contact, command.contact_id)
        yield ContactMatchedToLead(contact_id=command.contact_id, lead_id=command.lead_id)
    else:
        require_new("contact", command.contact_id, contact.status)
        yield ContactAdded(
            contact_id=command.contact_id,
            name=command.name,
            email=command.email,
            phone=command.phone,
            job_title=command.job_title,
            owner=command.owner or lead.owner,
            lead_id=command.lead_id,
        )
    if command.account_id is not None and not contact.is_linked(command.account_id, command.role):
        yield ContactLinkedToAccount(contact_id=command.contact_id, account_id=command.account_id, role=command.role)


def _deal(lead: Lead, contact: Contact, deal: Deal, pipelines: Pipelines, command: ConvertLead) -> Iterator[DealOpened]:
    if command.title is None or command.amount is None or command.deal_id is None:
        require_deal(deal, command.deal_id)
        return
    require_new("deal", command.deal_id, deal.status)
    owner = command.owner or lead.owner
    if owner is None:
        raise LeadHasNoOwner(command.lead_id)
    stage = pipelines.starting_stage(command.pipeline, command.stage)
    yield DealOpened(
        deal_id=command.deal_id,
        contact_id=command.contact_id,
        account_id=command.account_id or contact.account_id,
        lead_id=command.lead_id,
        title=command.title,
        amount=command.amount,
        pipeline=command.pipeline,
        stage=stage.key,
        probability=stage.probability,
        owner=owner,
        expected_close=command.expected_close,
    )
