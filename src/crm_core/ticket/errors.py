"""Why something cannot be done with a ticket."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class TicketIsClosed(Refused):
    """The ticket is final; open another one."""

    def __init__(self, ticket_id: UUID) -> None:
        self.ticket_id = ticket_id
        super().__init__(f"ticket {ticket_id} is closed for good")


class TicketIsSolved(Refused):
    """The ticket is solved; reopen it first."""

    def __init__(self, ticket_id: UUID) -> None:
        self.ticket_id = ticket_id
        super().__init__(f"ticket {ticket_id} is solved: reopen it first")


class TicketNotSolved(Refused):
    """Only a solved ticket is reopened or closed."""

    def __init__(self, ticket_id: UUID, status: str) -> None:
        self.ticket_id = ticket_id
        self.status = status
        super().__init__(f"ticket {ticket_id} is {status}, not solved")
