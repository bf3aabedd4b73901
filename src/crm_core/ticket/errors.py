"""Why something cannot be done with a ticket."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class TicketIsClosed(Refused):
    """The ticket is final.

    When: anything is to be done with a closed ticket.
    Do: open another one (`OpenTicket`).

    Attributes:
        ticket_id: the ticket.
    """

    def __init__(self, ticket_id: UUID) -> None:
        self.ticket_id = ticket_id
        super().__init__(f"ticket {ticket_id} is closed for good")


class TicketIsSolved(Refused):
    """The ticket is solved.

    When: work on a solved ticket is to go on: pausing, resuming, solving it.
    Do: reopen it first (`ReopenTicket`).

    Attributes:
        ticket_id: the ticket.
    """

    def __init__(self, ticket_id: UUID) -> None:
        self.ticket_id = ticket_id
        super().__init__(f"ticket {ticket_id} is solved: reopen it first")


class TicketNotSolved(Refused):
    """Only a solved ticket is reopened or closed.

    When: a ticket is to be reopened or closed that nobody has solved.
    Do: solve it first (`SolveTicket`), or go on working on it.

    Attributes:
        ticket_id: the ticket.
        status: what it is instead.
    """

    def __init__(self, ticket_id: UUID, status: str) -> None:
        self.ticket_id = ticket_id
        self.status = status
        super().__init__(f"ticket {ticket_id} is {status}, not solved")
