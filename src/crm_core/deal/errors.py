"""Why something cannot be done with a deal."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class DealNotOpen(Refused):
    """The deal is won or lost already.

    When: an open deal's business is to be done with a closed one: moving, revaluing, winning, losing it.
    Do: reopen it first (`ReopenDeal`), or leave it.

    Attributes:
        deal_id: the deal.
        status: `won` or `lost`.
    """

    def __init__(self, deal_id: UUID, status: str) -> None:
        self.deal_id = deal_id
        self.status = status
        super().__init__(f"deal {deal_id} is {status}, not open")


class DealNotClosed(Refused):
    """The deal is still open: there is nothing to reopen.

    When: a deal is to be reopened that was never closed, or was reopened before.
    Do: nothing; work on it goes on.

    Attributes:
        deal_id: the deal.
    """

    def __init__(self, deal_id: UUID) -> None:
        self.deal_id = deal_id
        super().__init__(f"deal {deal_id} is open")


class DealNotWon(Refused):
    """Only a won deal is handed off.

    When: a deal is to be handed off that is open or lost.
    Do: win it first (`WinDeal`).

    Attributes:
        deal_id: the deal.
        status: `open` or `lost`.
    """

    def __init__(self, deal_id: UUID, status: str) -> None:
        self.deal_id = deal_id
        self.status = status
        super().__init__(f"deal {deal_id} is {status}, not won")


class AlreadyHandedOff(Refused):
    """This team has the deal already.

    When: a won deal is handed off to the same team twice.
    Do: nothing; add a task if there is more to be done.

    Attributes:
        deal_id: the deal.
        team: the team.
    """

    def __init__(self, deal_id: UUID, team: str) -> None:
        self.deal_id = deal_id
        self.team = team
        super().__init__(f"deal {deal_id} is already handed off to {team}")
