"""What one may ask to be done about a person."""

from datetime import date

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from crm_core.contact.events import ForgettingGround
from crm_core.kernel.fields import Email, Label, Line, Login, Phone
from crm_core.kernel.ids import AccountId, ContactId, LeadId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Private, Public


class AddContact(Command):
    """Put a person on record, and link them to the account they work for if one is given.

    Raises:
        AlreadyOnRecord: the contact id is taken.
        NotOnRecord: no such account.
    """

    contact_id: Public[ContactId] = new()
    name: Private[Line]
    email: Private[Email | None] = None
    phone: Private[Phone | None] = None
    job_title: Private[Line | None] = None
    owner: Public[Login | None] = None
    account_id: Public[AccountId | None] = None
    role: Public[Label] = "employee"
    since: Public[date | None] = None


class RenameContact(Command):
    """Record the name a person goes by now.

    Raises:
        NotOnRecord: no such contact.
        PersonIsForgotten: the person was forgotten.
    """

    contact_id: Public[ContactId]
    name: Private[Line]


class LinkContactToAccount(Command):
    """Say that a person acts for an organisation; the same link again records nothing.

    Raises:
        NotOnRecord: no such contact or account.
        PersonIsForgotten: the person was forgotten.
    """

    contact_id: Public[ContactId]
    account_id: Public[AccountId]
    role: Public[Label] = "employee"
    since: Public[date | None] = None


class ForgetPerson(Command):
    """Destroy what is personal about a contact and its leads, or about a lead that never became a contact.

    Exactly one of the two ids. What happened stays on record without its personal values. Forgetting
    a forgotten person records nothing. `request_ref` is the number of the request, not a name.

    Raises:
        NotOnRecord: no such contact or lead.
        LeadAlreadyConverted: the lead became a contact; forget that one.
    """

    contact_id: Public[ContactId | None] = None
    lead_id: Public[LeadId | None] = None
    ground: Public[ForgettingGround]
    request_ref: Public[Label | None] = None

    @model_validator(mode="after")
    def _names_one(self) -> "ForgetPerson":
        if (self.contact_id is None) == (self.lead_id is None):
            raise PydanticCustomError("one_person", "needs contact_id or lead_id, exactly one of them")
        return self
