"""A ticket: whose turn it is, and the decisions until it is closed for good."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from crm_core.account.account import Account, require_account
from crm_core.contact.contact import Contact, require_contact
from crm_core.kernel.decider import Decider
from crm_core.kernel.ids import AccountId, ContactId, UserId
from crm_core.kernel.refusals import require_known, require_new
from crm_core.kernel.replacing import replace
from crm_core.ticket.commands import (
    AssignTicket,
    CloseTicket,
    OpenTicket,
    PauseTicket,
    ReopenTicket,
    ReplyToTicket,
    ResumeTicket,
    SolveTicket,
)
from crm_core.ticket.errors import TicketIsClosed, TicketIsSolved, TicketNotSolved
from crm_core.ticket.events import (
    TicketAssigned,
    TicketClosed,
    TicketEvent,
    TicketOpened,
    TicketPaused,
    TicketReopened,
    TicketReplied,
    TicketResumed,
    TicketSolved,
    WaitingFor,
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose turn it is, who answers for it, and how often it was solved; nothing that was written."""

    status: Literal["unknown", "new", "open", "waiting_customer", "waiting_third_party", "solved", "closed"] = "unknown"
    assignee: UserId | None = None
    solutions: int = 0
    contact_id: ContactId | None = None
    account_id: AccountId | None = None

    @property
    def waits_for(self) -> WaitingFor | None:
        """Who has to move before we can; None: nobody."""
        match self.status:
            case "waiting_customer":
                return "customer"
            case "waiting_third_party":
                return "third_party"
            case _:
                return None


def evolve(ticket: Ticket, event: TicketEvent) -> Ticket:
    """The ticket after one more fact."""
    match event:
        case TicketOpened(contact_id=contact_id, account_id=account_id):
            return Ticket("new", contact_id=contact_id, account_id=account_id)
        case TicketAssigned(assignee=assignee):
            return replace(_taken_up(ticket), assignee=assignee)
        case TicketReplied(author=author):
            return _taken_up(ticket) if author == "agent" else ticket
        case TicketPaused(waiting_for="customer"):
            return replace(ticket, status="waiting_customer")
        case TicketPaused():
            return replace(ticket, status="waiting_third_party")
        case TicketResumed() | TicketReopened():
            return replace(ticket, status="open")
        case TicketSolved(solution=solution):
            return replace(ticket, status="solved", solutions=solution)
        case TicketClosed():
            return replace(ticket, status="closed")


def _taken_up(ticket: Ticket) -> Ticket:
    return replace(ticket, status="open") if ticket.status == "new" else ticket


tickets: Decider[Ticket] = Decider("ticket", initial=Ticket(), evolve=evolve)


def require_ticket(ticket: Ticket, ticket_id: UUID | None) -> None:
    """A ticket that a command names must be on record; naming none is fine.

    Raises:
        NotOnRecord: no such ticket.
    """
    if ticket_id is not None:
        require_known("ticket", ticket_id, ticket.status)


def require_not_final(ticket: Ticket, ticket_id: UUID) -> None:
    """The ticket must be on record and not closed.

    Raises:
        NotOnRecord: no such ticket.
        TicketIsClosed: it is final.
    """
    require_ticket(ticket, ticket_id)
    if ticket.status == "closed":
        raise TicketIsClosed(ticket_id)


def require_unsolved(ticket: Ticket, ticket_id: UUID) -> None:
    """The ticket must be one that somebody still works on.

    Raises:
        NotOnRecord: no such ticket.
        TicketIsClosed: it is final.
        TicketIsSolved: it is solved.
    """
    require_not_final(ticket, ticket_id)
    if ticket.status == "solved":
        raise TicketIsSolved(ticket_id)


@tickets.decision
def open_ticket(ticket: Ticket, contact: Contact, account: Account, command: OpenTicket) -> Iterator[TicketOpened]:
    """A ticket is a customer's, and their account's."""
    require_new("ticket", command.ticket_id, ticket.status)
    require_contact(contact, command.contact_id)
    require_account(account, command.account_id)
    yield TicketOpened(
        ticket_id=command.ticket_id,
        contact_id=command.contact_id,
        account_id=command.account_id or contact.account_id,
        kind=command.kind,
        priority=command.priority,
        channel=command.channel,
        subject=command.subject,
        message=command.message,
    )


@tickets.decision
def assign(ticket: Ticket, command: AssignTicket) -> Iterator[TicketAssigned]:
    """Who answers for it already is not news."""
    require_not_final(ticket, command.ticket_id)
    if command.assignee != ticket.assignee:
        yield TicketAssigned(ticket_id=command.ticket_id, assignee=command.assignee, previous=ticket.assignee)


@tickets.decision
def reply(ticket: Ticket, command: ReplyToTicket) -> Iterator[TicketReplied | TicketResumed | TicketReopened]:
    """When the customer writes, it is our turn again, whatever we thought."""
    require_not_final(ticket, command.ticket_id)
    yield TicketReplied(
        ticket_id=command.ticket_id, author=command.author, visibility=command.visibility, body=command.body
    )
    if command.author != "customer":
        return
    if ticket.status == "solved":
        yield TicketReopened(ticket_id=command.ticket_id, reason="customer_replied")
    elif ticket.status == "waiting_customer":
        yield TicketResumed(ticket_id=command.ticket_id, waited_for="customer")


@tickets.decision
def pause(ticket: Ticket, command: PauseTicket) -> Iterator[TicketPaused]:
    """Waiting for the same is not news."""
    require_unsolved(ticket, command.ticket_id)
    if command.waiting_for != ticket.waits_for:
        yield TicketPaused(ticket_id=command.ticket_id, waiting_for=command.waiting_for, note=command.note)


@tickets.decision
def resume(ticket: Ticket, command: ResumeTicket) -> Iterator[TicketResumed]:
    """A ticket that waits for nobody has nothing to resume."""
    require_unsolved(ticket, command.ticket_id)
    if ticket.waits_for is not None:
        yield TicketResumed(ticket_id=command.ticket_id, waited_for=ticket.waits_for)


@tickets.decision
def solve(ticket: Ticket, command: SolveTicket) -> Iterator[TicketSolved]:
    """Every solution is counted and kept, so that first and full resolution can be told apart."""
    require_unsolved(ticket, command.ticket_id)
    yield TicketSolved(ticket_id=command.ticket_id, solution=ticket.solutions + 1, resolution=command.resolution)


@tickets.decision
def reopen(ticket: Ticket, command: ReopenTicket) -> Iterator[TicketReopened]:
    """Only what is solved can turn out not to be."""
    require_not_final(ticket, command.ticket_id)
    if ticket.status != "solved":
        raise TicketNotSolved(command.ticket_id, ticket.status)
    yield TicketReopened(ticket_id=command.ticket_id, reason=command.reason, note=command.note)


@tickets.decision
def close(ticket: Ticket, command: CloseTicket) -> Iterator[TicketClosed]:
    """Closed is final, so only what is solved is closed."""
    require_ticket(ticket, command.ticket_id)
    if ticket.status == "closed":
        return
    if ticket.status != "solved":
        raise TicketNotSolved(command.ticket_id, ticket.status)
    yield TicketClosed(ticket_id=command.ticket_id)
