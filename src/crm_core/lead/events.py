"""What can happen to a lead, from the first sign of interest to conversion or disqualification."""

from typing import Literal, TypeAlias

from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, SubmissionId, UserId
from crm_core.kernel.messages import Event
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Personal, Public

LeadStatus: TypeAlias = Literal["new", "working", "nurturing", "qualified", "disqualified", "converted"]
"""The categories every custom label maps to."""
Channel: TypeAlias = Literal[
    "form", "email", "phone", "chat", "social", "event", "referral", "advert", "import", "other"
]
"""How a lead first reached us."""
Authority: TypeAlias = Literal["decision_maker", "influencer", "user", "unknown"]
Need: TypeAlias = Literal["critical", "important", "nice_to_have", "unknown"]
Timing: TypeAlias = Literal["now", "this_quarter", "this_year", "later", "unknown"]
DisqualifyReason: TypeAlias = Literal[
    "no_budget", "no_fit", "no_authority", "no_response", "competitor", "duplicate", "spam"
]
RecycleReason: TypeAlias = Literal["not_ready", "no_response", "rejected_by_sales", "disqualified_by_mistake", "other"]


class LeadCaptured(
    Event, type="lead.captured", says="lead came in by {channel}[, source {source}][: {name}][, {company}]"
):
    """Somebody we do not know yet has shown interest; this is their first source, and it stays the first.

    The lead is a person (`name`), an organisation (`company`) or both. `referrer` is the page or the
    person that sent them.
    """

    lead_id: Public[LeadId]
    name: Personal[str | None] = None
    company: Personal[str | None] = None
    email: Personal[str | None] = None
    phone: Personal[str | None] = None
    job_title: Personal[str | None] = None
    channel: Public[Channel]
    source: Public[str | None] = None
    medium: Public[str | None] = None
    campaign: Public[str | None] = None
    referrer: Personal[str | None] = None
    submission_id: Public[SubmissionId | None] = None


class LeadAssigned(Event, type="lead.assigned", says="lead assigned to {owner}"):
    """Somebody owns the lead from now on; `rule` names the assignment rule that chose them, if one did."""

    lead_id: Public[LeadId]
    owner: Public[UserId]
    previous: Public[UserId | None] = None
    rule: Public[str | None] = None
    reason: Personal[str | None] = None


class LeadQualified(
    Event, type="lead.qualified", says="lead qualified: need {need}, timing {timing}[, budget {budget}]"
):
    """Sales accepts the lead, on what is known of budget, authority, need and timing.

    Recorded again when one of the four is known better. `budget` None: not known.
    """

    lead_id: Public[LeadId]
    budget: Public[Money | None] = None
    authority: Public[Authority] = "unknown"
    need: Public[Need] = "unknown"
    timing: Public[Timing] = "unknown"


class LeadDisqualified(Event, type="lead.disqualified", says="lead disqualified: {reason}"):
    """The lead is not worth pursuing now, for a reason that reports can count."""

    lead_id: Public[LeadId]
    reason: Public[DisqualifyReason]
    note: Personal[str | None] = None


class LeadRecycled(Event, type="lead.recycled", says="lead recycled into cycle {cycle}: {reason}"):
    """The lead goes back to nurturing and starts over; `cycle` counts from 2, the first capture being 1."""

    lead_id: Public[LeadId]
    cycle: Public[int]
    reason: Public[RecycleReason]
    note: Personal[str | None] = None


class LeadConverted(Event, type="lead.converted", says="lead converted"):
    """The lead became a contact, and where given an account and a deal; this is its last change of status."""

    lead_id: Public[LeadId]
    contact_id: Public[ContactId]
    account_id: Public[AccountId | None] = None
    deal_id: Public[DealId | None] = None


LeadEvent: TypeAlias = LeadCaptured | LeadAssigned | LeadQualified | LeadDisqualified | LeadRecycled | LeadConverted
