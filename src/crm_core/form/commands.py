"""What a website may ask to be recorded."""

from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from crm_core.kernel.fields import Email, Key, Label, Line, Phone, Text
from crm_core.kernel.ids import ContactId, LeadId, SubmissionId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Private, Public


class SubmitForm(Command):
    """Record a filled-in form, and capture a lead if it comes from nobody on record.

    With `contact_id` it is a contact's; with the `lead_id` of a lead on record it is that lead's. The
    `utm_…` fields become the lead's first source. A submission id on record records nothing.

    Raises:
        NotOnRecord: no such contact, or no such lead beside a contact.
        PersonIsForgotten: the contact or lead was forgotten.
    """

    submission_id: Public[SubmissionId] = new()
    lead_id: Public[LeadId | None] = new()
    contact_id: Public[ContactId | None] = None
    form: Public[Key]
    name: Private[Line]
    email: Private[Email | None] = None
    company: Private[Line | None] = None
    phone: Private[Phone | None] = None
    message: Private[Text | None] = None
    referrer: Private[Line | None] = None
    utm_source: Public[Label | None] = None
    utm_medium: Public[Label | None] = None
    utm_campaign: Public[Label | None] = None

    @model_validator(mode="before")
    @classmethod
    def _a_contact_is_no_new_lead(cls, said: Any) -> Any:
        if isinstance(said, dict) and said.get("contact_id") is not None:
            return {"lead_id": None, **said}
        return said

    @model_validator(mode="after")
    def _is_from_somebody(self) -> "SubmitForm":
        if self.lead_id is None and self.contact_id is None:
            raise PydanticCustomError("sender", "needs a lead_id or a contact_id; leave both out for a new lead")
        return self
