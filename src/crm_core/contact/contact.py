"""A person on record: what decisions need to know of them, and the decisions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from crm_core.account.account import Account, require_account
from crm_core.contact.commands import AddContact, LinkContactToAccount, RenameContact
from crm_core.contact.events import (
    ContactAdded,
    ContactLinkedToAccount,
    ContactMatchedToLead,
    ContactRenamed,
    PersonForgotten,
)
from crm_core.kernel.decider import Decider
from crm_core.kernel.ids import AccountId, LeadId
from crm_core.kernel.refusals import require_known, require_new
from crm_core.kernel.replacing import replace


@dataclass(frozen=True, slots=True)
class Contact:
    """Where the person works now, in which roles ever, and which leads they came from; not who they are."""

    status: Literal["unknown", "on_record", "forgotten"] = "unknown"
    account_id: AccountId | None = None
    lead_ids: tuple[LeadId, ...] = ()
    links: frozenset[tuple[UUID, str]] = frozenset()

    def is_linked(self, account_id: AccountId, role: str) -> bool:
        """Whether this very link is on record."""
        return (account_id, role) in self.links


def evolve(
    contact: Contact, event: ContactAdded | ContactLinkedToAccount | ContactMatchedToLead | PersonForgotten
) -> Contact:
    """The person after one more fact."""
    match event:
        case ContactAdded(lead_id=lead_id):
            return replace(contact, status="on_record", lead_ids=() if lead_id is None else (lead_id,))
        case ContactLinkedToAccount(account_id=account_id, role=role):
            return replace(contact, account_id=account_id, links=contact.links | {(account_id, role)})
        case ContactMatchedToLead(lead_id=lead_id):
            return replace(contact, lead_ids=(*contact.lead_ids, lead_id))
        case PersonForgotten():
            return replace(contact, status="forgotten")


contacts: Decider[Contact] = Decider("contact", initial=Contact(), evolve=evolve)


def require_contact(contact: Contact, contact_id: UUID | None) -> None:
    """A contact that a command names must be on record and not forgotten; naming none is fine.

    Raises:
        NotOnRecord: no such contact.
        PersonIsForgotten: the person was forgotten.
    """
    if contact_id is not None:
        require_known("contact", contact_id, contact.status)


@contacts.decision
def add(contact: Contact, account: Account, command: AddContact) -> Iterator[ContactAdded | ContactLinkedToAccount]:
    """A person is added once; where they work is a second fact."""
    require_new("contact", command.contact_id, contact.status)
    require_account(account, command.account_id)
    yield ContactAdded(
        contact_id=command.contact_id,
        name=command.name,
        email=command.email,
        phone=command.phone,
        job_title=command.job_title,
        owner=command.owner,
    )
    if command.account_id is not None:
        yield ContactLinkedToAccount(
            contact_id=command.contact_id, account_id=command.account_id, role=command.role, since=command.since
        )


@contacts.decision
def rename(contact: Contact, command: RenameContact) -> Iterator[ContactRenamed]:
    """The state keeps no name to compare with, so every renaming is recorded."""
    require_contact(contact, command.contact_id)
    yield ContactRenamed(contact_id=command.contact_id, name=command.name)


@contacts.decision
def link(contact: Contact, account: Account, command: LinkContactToAccount) -> Iterator[ContactLinkedToAccount]:
    """The same role in the same place is not news."""
    require_contact(contact, command.contact_id)
    require_account(account, command.account_id)
    if not contact.is_linked(command.account_id, command.role):
        yield ContactLinkedToAccount(
            contact_id=command.contact_id, account_id=command.account_id, role=command.role, since=command.since
        )
