"""What one may ask to be done with a ticket."""

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from crm_core.kernel.fields import Line, Login, Text
from crm_core.kernel.ids import AccountId, ContactId, TicketId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Private, Public
from crm_core.ticket.events import (
    Author,
    Priority,
    ReopenReason,
    TicketChannel,
    TicketKind,
    Visibility,
    WaitingFor,
)


class OpenTicket(Command):
    """Take up what a customer asks. `account_id` None: the account the contact works for.

    Raises:
        AlreadyOnRecord: the ticket id is taken.
        NotOnRecord: no such contact or account.
        PersonIsForgotten: the contact was forgotten.
    """

    ticket_id: Public[TicketId] = new()
    contact_id: Public[ContactId]
    account_id: Public[AccountId | None] = None
    subject: Private[Line]
    message: Private[Text]
    kind: Public[TicketKind] = "question"
    priority: Public[Priority] = "normal"
    channel: Public[TicketChannel] = "email"


class AssignTicket(Command):
    """Make somebody answer for the ticket; who does already records nothing.

    Raises:
        NotOnRecord: no such ticket.
        TicketIsClosed: it is final.
    """

    ticket_id: Public[TicketId]
    assignee: Public[Login]


class ReplyToTicket(Command):
    """Write on the ticket. A customer's reply ends waiting and reopens a solved ticket.

    Raises:
        NotOnRecord: no such ticket.
        TicketIsClosed: it is final.
    """

    ticket_id: Public[TicketId]
    body: Private[Text]
    author: Public[Author] = "agent"
    visibility: Public[Visibility] = "public"

    @model_validator(mode="after")
    def _customers_are_public(self) -> "ReplyToTicket":
        if self.author == "customer" and self.visibility != "public":
            raise PydanticCustomError("visibility", "what a customer writes is public")
        return self


class PauseTicket(Command):
    """Wait for the customer or a third party; waiting for the same already records nothing.

    Raises:
        NotOnRecord: no such ticket.
        TicketIsClosed: it is final.
        TicketIsSolved: there is nothing to wait for.
    """

    ticket_id: Public[TicketId]
    waiting_for: Public[WaitingFor]
    note: Private[Text | None] = None


class ResumeTicket(Command):
    """Stop waiting; a ticket that does not wait records nothing.

    Raises:
        NotOnRecord: no such ticket.
        TicketIsClosed: it is final.
        TicketIsSolved: reopen it instead.
    """

    ticket_id: Public[TicketId]


class SolveTicket(Command):
    """Say how the customer was helped.

    Raises:
        NotOnRecord: no such ticket.
        TicketIsClosed: it is final.
        TicketIsSolved: it was solved before and not reopened.
    """

    ticket_id: Public[TicketId]
    resolution: Private[Text]


class ReopenTicket(Command):
    """Take a solved ticket up again.

    Raises:
        NotOnRecord: no such ticket.
        TicketIsClosed: it is final.
        TicketNotSolved: there is nothing to reopen.
    """

    ticket_id: Public[TicketId]
    reason: Public[ReopenReason]
    note: Private[Text | None] = None


class CloseTicket(Command):
    """Make a solved ticket final; a closed one records nothing.

    Raises:
        NotOnRecord: no such ticket.
        TicketNotSolved: it must be solved first.
    """

    ticket_id: Public[TicketId]
