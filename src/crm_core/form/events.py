"""What people sent us through the forms of a website."""

from crm_core.kernel.ids import AccountId, ContactId, LeadId, SubmissionId
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import Personal, Public


class FormSubmitted(
    Event, type="form.submitted", stream="submission_id", says="{name} submitted the form {form}[: {message}]"
):
    """Somebody filled in a form: a lead, or a contact we know already."""

    submission_id: Public[SubmissionId]
    form: Public[str]
    lead_id: Public[LeadId | None] = None
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None
    name: Personal[str]
    email: Personal[str | None] = None
    company: Personal[str | None] = None
    phone: Personal[str | None] = None
    message: Personal[str | None] = None
    referrer: Personal[str | None] = None
    utm_source: Public[str | None] = None
    utm_medium: Public[str | None] = None
    utm_campaign: Public[str | None] = None
