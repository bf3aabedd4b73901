"""A form submission: recorded once, and the beginning of a lead if we do not know who sent it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from crm_core.contact.contact import Contact, require_contact
from crm_core.form.commands import SubmitForm
from crm_core.form.events import FormSubmitted
from crm_core.kernel.decider import Decider
from crm_core.kernel.ids import AccountId, ContactId, LeadId
from crm_core.lead.events import LeadCaptured
from crm_core.lead.lead import Lead, require_lead


@dataclass(frozen=True, slots=True)
class Submission:
    """Whether it is on record, and whose it is."""

    status: Literal["unknown", "on_record"] = "unknown"
    lead_id: LeadId | None = None
    contact_id: ContactId | None = None
    account_id: AccountId | None = None


def evolve(submission: Submission, event: FormSubmitted) -> Submission:
    """The submission after one more fact."""
    return Submission("on_record", event.lead_id, event.contact_id, event.account_id)


submissions: Decider[Submission] = Decider("submission", initial=Submission(), evolve=evolve)


@submissions.decision
def submit(
    submission: Submission, lead: Lead, contact: Contact, command: SubmitForm
) -> Iterator[FormSubmitted | LeadCaptured]:
    """Websites deliver twice: the same submission again is not news."""
    if submission.status == "on_record":
        return
    require_contact(contact, command.contact_id)
    is_new = command.contact_id is None and lead.status == "unknown"
    if not is_new:
        require_lead(lead, command.lead_id)
    yield FormSubmitted(
        submission_id=command.submission_id,
        form=command.form,
        lead_id=command.lead_id,
        contact_id=command.contact_id or lead.contact_id,
        account_id=contact.account_id or lead.account_id,
        name=command.name,
        email=command.email,
        company=command.company,
        phone=command.phone,
        message=command.message,
        referrer=command.referrer,
        utm_source=command.utm_source,
        utm_medium=command.utm_medium,
        utm_campaign=command.utm_campaign,
    )
    if command.lead_id is not None and is_new:
        yield LeadCaptured(
            lead_id=command.lead_id,
            name=command.name,
            company=command.company,
            email=command.email,
            phone=command.phone,
            channel="form",
            source=command.utm_source,
            medium=command.utm_medium,
            campaign=command.utm_campaign,
            referrer=command.referrer,
            submission_id=command.submission_id,
        )
