"""Why something cannot be done with a deal."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class DealNotOpen(Refused):
    """The deal is won or lost already."""

    def __init__(self, deal_id: UUID, status: str) -> None:
        self.deal_id = deal_id
        self.status = status
        super().__init__(f"deal {deal_id} is {status}, not open")


class DealNotClosed(Refused):
    """The deal is still open: there is nothing to reopen."""

    def __init__(self, deal_id: UUID) -> None:
        self.deal_id = deal_id
        super().__init__(f"deal {deal_id} is open")


class DealNotWon(Refused):
    """Only a won deal is handed off."""

    def __init__(self, deal_id: UUID, status: str) -> None:
        self.deal_id = deal_id
        self.status = status
        super().__init__(f"deal {deal_id} is {status}, not won")


class AlreadyHandedOff(Refused):
    """This team has the deal already."""

    def __init__(self, deal_id: UUID, team: str) -> None:
        self.deal_id = deal_id
        self.team = team
        super().__init__(f"deal {deal_id} is already handed off to {team}")
