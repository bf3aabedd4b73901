"""A lead: how far the interest has grown, and the decisions until it converts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

from crm_core.contact.events import PersonForgotten
from crm_core.interaction.events import CallLogged, DemoHeld, MeetingHeld
from crm_core.kernel.decider import Decider
from crm_core.kernel.ids import AccountId, ContactId, DealId, UserId
from crm_core.kernel.refusals import require_known, require_new
from crm_core.kernel.replacing import replace
from crm_core.lead.commands import AssignLead, CaptureLead, DisqualifyLead, QualifyLead, RecycleLead
from crm_core.lead.errors import LeadAlreadyConverted, LeadIsDisqualified
from crm_core.lead.events import (
    LeadAssigned,
    LeadCaptured,
    LeadConverted,
    LeadDisqualified,
    LeadEvent,
    LeadQualified,
    LeadRecycled,
    LeadStatus,
)

Touch: TypeAlias = CallLogged | DemoHeld | MeetingHeld


@dataclass(frozen=True, slots=True)
class Lead:
    """Where the lead stands, who owns it and what it became; not who it is."""

    status: LeadStatus | Literal["unknown", "forgotten"] = "unknown"
    owner: UserId | None = None
    cycle: int = 1
    qualification: LeadQualified | None = None
    contact_id: ContactId | None = None
    account_id: AccountId | None = None
    deal_id: DealId | None = None


def evolve(lead: Lead, event: LeadEvent | Touch | PersonForgotten) -> Lead:
    """The lead after one more fact. The first touch of a new or nurtured lead means that it is being worked."""
    match event:
        case LeadCaptured():
            return replace(lead, status="new")
        case LeadAssigned(owner=owner):
            return replace(lead, owner=owner)
        case CallLogged() | DemoHeld() | MeetingHeld():
            return replace(lead, status="working") if lead.status in ("new", "nurturing") else lead
        case LeadQualified():
            return replace(lead, status="qualified", qualification=event)
        case LeadDisqualified():
            return replace(lead, status="disqualified")
        case LeadRecycled(cycle=cycle):
            return replace(lead, status="nurturing", cycle=cycle, qualification=None)
        case LeadConverted(contact_id=contact_id, account_id=account_id, deal_id=deal_id):
            return replace(lead, status="converted", contact_id=contact_id, account_id=account_id, deal_id=deal_id)
        case PersonForgotten():
            return replace(lead, status="forgotten")


leads: Decider[Lead] = Decider("lead", initial=Lead(), evolve=evolve)


def require_lead(lead: Lead, lead_id: UUID | None) -> None:
    """A lead that a command names must be on record and not forgotten; naming none is fine.

    Raises:
        NotOnRecord: no such lead.
        PersonIsForgotten: the person was forgotten.
    """
    if lead_id is not None:
        require_known("lead", lead_id, lead.status)


def require_unconverted(lead: Lead, lead_id: UUID) -> None:
    """The lead must be on record and must not have become a contact.

    Raises:
        NotOnRecord: no such lead.
        PersonIsForgotten: the person was forgotten.
        LeadAlreadyConverted: it is a contact now.
    """
    require_lead(lead, lead_id)
    if lead.contact_id is not None:
        raise LeadAlreadyConverted(lead_id, lead.contact_id, lead.account_id, lead.deal_id)


def require_alive(lead: Lead, lead_id: UUID) -> None:
    """The lead must be one that can still be worked.

    Raises:
        NotOnRecord: no such lead.
        PersonIsForgotten: the person was forgotten.
        LeadAlreadyConverted: it is a contact now.
        LeadIsDisqualified: it was given up.
    """
    require_unconverted(lead, lead_id)
    if lead.status == "disqualified":
        raise LeadIsDisqualified(lead_id)


@leads.decision
def capture(lead: Lead, command: CaptureLead) -> Iterator[LeadCaptured]:
    """A lead has one first source, so it is captured once."""
    require_new("lead", command.lead_id, lead.status)
    yield LeadCaptured(
        lead_id=command.lead_id,
        name=command.name,
        company=command.company,
        email=command.email,
        phone=command.phone,
        job_title=command.job_title,
        channel=command.channel,
        source=command.source,
        medium=command.medium,
        campaign=command.campaign,
        referrer=command.referrer,
    )


@leads.decision
def assign(lead: Lead, command: AssignLead) -> Iterator[LeadAssigned]:
    """The owner it has already is not news."""
    require_alive(lead, command.lead_id)
    if command.owner != lead.owner:
        yield LeadAssigned(
            lead_id=command.lead_id,
            owner=command.owner,
            previous=lead.owner,
            rule=command.rule,
            reason=command.reason,
        )


@leads.decision
def qualify(lead: Lead, command: QualifyLead) -> Iterator[LeadQualified]:
    """Knowing one of the four facts better is news; knowing the same is not."""
    require_alive(lead, command.lead_id)
    qualified = LeadQualified(
        lead_id=command.lead_id,
        budget=command.budget,
        authority=command.authority,
        need=command.need,
        timing=command.timing,
    )
    if qualified != lead.qualification:
        yield qualified


@leads.decision
def disqualify(lead: Lead, command: DisqualifyLead) -> Iterator[LeadDisqualified]:
    """A lead is given up once in a cycle, for one reason."""
    require_alive(lead, command.lead_id)
    yield LeadDisqualified(lead_id=command.lead_id, reason=command.reason, note=command.note)


@leads.decision
def recycle(lead: Lead, command: RecycleLead) -> Iterator[LeadRecycled]:
    """Also the way back for a lead that was given up."""
    require_unconverted(lead, command.lead_id)
    if lead.status != "nurturing":
        yield LeadRecycled(lead_id=command.lead_id, cycle=lead.cycle + 1, reason=command.reason, note=command.note)
