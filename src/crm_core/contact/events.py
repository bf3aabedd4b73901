"""What can happen to a person we know."""

from datetime import date
from typing import Literal, TypeAlias
from uuid import UUID

from crm_core.kernel.ids import AccountId, ContactId, LeadId, UserId
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import Personal, Public

ForgettingGround: TypeAlias = Literal[
    "no_longer_needed", "consent_withdrawn", "objection", "unlawful", "legal_obligation", "child"
]
"""Why a person is forgotten: the grounds of GDPR article 17(1), (a) to (f) in order."""


class ContactAdded(Event, type="contact.added", says="added {name}"):
    """A person is now known to us by name; `lead_id` is the lead they came from, if any."""

    contact_id: Public[ContactId]
    name: Personal[str]
    email: Personal[str | None] = None
    phone: Personal[str | None] = None
    job_title: Personal[str | None] = None
    owner: Public[UserId | None] = None
    lead_id: Public[LeadId | None] = None


class ContactRenamed(Event, type="contact.renamed", says="is now called {name}"):
    """The person goes by another name from now on."""

    contact_id: Public[ContactId]
    name: Personal[str]


class ContactLinkedToAccount(Event, type="contact.linked_to_account", says="linked to account {account_id} as {role}"):
    """The person acts for an organisation in some role; earlier links stay as they were.

    `since` is the day it began in the world; None: not known.
    """

    contact_id: Public[ContactId]
    account_id: Public[AccountId]
    role: Public[str]
    since: Public[date | None] = None


class ContactMatchedToLead(Event, type="contact.matched_to_lead", says="turned out to be behind lead {lead_id}"):
    """A lead turned out to be a person we knew already."""

    contact_id: Public[ContactId]
    lead_id: Public[LeadId]


class PersonForgotten(
    Event,
    type="person.forgotten",
    stream=("contact_id", "lead_id"),
    says="forgotten: {ground}[, request {request_ref}]",
):
    """The person's data is to be destroyed for good: keys of every subject in `subjects`.

    `subjects` are the contact and every lead it came from, or a lead that never became a contact.
    """

    contact_id: Public[ContactId | None] = None
    lead_id: Public[LeadId | None] = None
    subjects: Public[tuple[UUID, ...]]
    ground: Public[ForgettingGround]
    request_ref: Public[str | None] = None


ContactEvent: TypeAlias = (
    ContactAdded | ContactRenamed | ContactLinkedToAccount | ContactMatchedToLead | PersonForgotten
)
