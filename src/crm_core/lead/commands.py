"""What one may ask to be done with a lead."""

from datetime import date
from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from crm_core.kernel.fields import Amount, Email, Key, Label, Line, Login, Phone, Text
from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Private, Public
from crm_core.lead.events import Authority, Channel, DisqualifyReason, Need, RecycleReason, Timing


class CaptureLead(Command):
    """Put somebody who showed interest on record: a person, an organisation, or both.

    Raises:
        AlreadyOnRecord: the lead id is taken.
    """

    lead_id: Public[LeadId] = new()
    name: Private[Line | None] = None
    company: Private[Line | None] = None
    email: Private[Email | None] = None
    phone: Private[Phone | None] = None
    job_title: Private[Line | None] = None
    channel: Public[Channel]
    source: Public[Label | None] = None
    medium: Public[Label | None] = None
    campaign: Public[Label | None] = None
    referrer: Private[Line | None] = None

    @model_validator(mode="after")
    def _names_somebody(self) -> "CaptureLead":
        if self.name is None and self.company is None:
            raise PydanticCustomError("somebody", "needs a name or a company")
        return self


class AssignLead(Command):
    """Give the lead an owner; the owner it has already records nothing.

    Raises:
        NotOnRecord: no such lead.
        PersonIsForgotten: the person was forgotten.
        LeadAlreadyConverted: it is a contact now.
        LeadIsDisqualified: it was given up.
    """

    lead_id: Public[LeadId]
    owner: Public[Login]
    rule: Public[Label | None] = None
    reason: Private[Line | None] = None


class QualifyLead(Command):
    """Accept the lead for selling, or state better what is known of it; the same facts again record nothing.

    Raises:
        NotOnRecord: no such lead.
        PersonIsForgotten: the person was forgotten.
        LeadAlreadyConverted: it is a contact now.
        LeadIsDisqualified: it was given up.
    """

    lead_id: Public[LeadId]
    budget: Public[Amount | None] = None
    authority: Public[Authority] = "unknown"
    need: Public[Need] = "unknown"
    timing: Public[Timing] = "unknown"


class DisqualifyLead(Command):
    """Give the lead up, for a reason.

    Raises:
        NotOnRecord: no such lead.
        PersonIsForgotten: the person was forgotten.
        LeadAlreadyConverted: it is a contact now.
        LeadIsDisqualified: it was given up before.
    """

    lead_id: Public[LeadId]
    reason: Public[DisqualifyReason]
    note: Private[Text | None] = None


class RecycleLead(Command):
    """Send the lead back to nurturing, as a new cycle; a lead in nurturing records nothing.

    Raises:
        NotOnRecord: no such lead.
        PersonIsForgotten: the person was forgotten.
        LeadAlreadyConverted: it is a contact now.
    """

    lead_id: Public[LeadId]
    reason: Public[RecycleReason]
    note: Private[Text | None] = None


class ConvertLead(Command):
    """Turn a qualified lead into a contact, an account and a deal, all at once or not at all.

    `name` makes a new contact, as the person was reviewed; without it, `contact_id` is a contact on
    record. `company` makes a new account; without it, `account_id` is one on record, or there is none.
    `title` and `amount` open a deal; without them, `deal_id` is one on record, or there is none.
    `owner` is the lead's owner if left out. `stage` None: the first of the pipeline.

    Raises:
        NotOnRecord: no such lead, or no such contact, account or deal to convert into.
        AlreadyOnRecord: the contact, account or deal to be added is on record.
        PersonIsForgotten: the person was forgotten.
        LeadAlreadyConverted: it was converted before; carries the ids.
        LeadNotQualified: it is not qualified.
        LeadHasNoOwner: nobody would own the deal.
        NoSuchPipeline, NoSuchStage, ClosingStage: the deal cannot start there.
    """

    lead_id: Public[LeadId]
    contact_id: Public[ContactId] = new()
    name: Private[Line | None] = None
    email: Private[Email | None] = None
    phone: Private[Phone | None] = None
    job_title: Private[Line | None] = None
    account_id: Public[AccountId | None] = new()
    company: Public[Line | None] = None
    role: Public[Label] = "employee"
    deal_id: Public[DealId | None] = new()
    title: Private[Line | None] = None
    amount: Public[Amount | None] = None
    pipeline: Public[Key] = "standard"
    stage: Public[Key | None] = None
    expected_close: Public[date | None] = None
    owner: Public[Login | None] = None

    @model_validator(mode="before")
    @classmethod
    def _what_is_left_out_is_not_wanted(cls, said: Any) -> Any:
        if not isinstance(said, dict):
            return said
        without_account = {"account_id": None} if said.get("company") is None else {}
        without_deal = {"deal_id": None} if said.get("title") is None else {}
        return {**without_account, **without_deal, **said}

    @model_validator(mode="after")
    def _is_whole(self) -> "ConvertLead":
        if (self.title is None) != (self.amount is None):
            raise PydanticCustomError("deal", "a deal needs both title and amount")
        if self.title is not None and self.deal_id is None:
            raise PydanticCustomError("deal_id", "a new deal cannot have deal_id None")
        if self.company is not None and self.account_id is None:
            raise PydanticCustomError("account_id", "a new account cannot have account_id None")
        return self
