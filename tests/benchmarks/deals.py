"""What happens to a deal in the benchmarks, the same for us and for the stock library."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_core import Money
from crm_core.commands import AddNote, AssignDeal, MoveDeal, OpenDeal, PushDealClose, ReviseDealAmount
from crm_core.kernel.ids import ContactId, DealId
from crm_core.kernel.messages import Command

STAGES = (("qualified_lead", 25), ("proposal_sent", 50), ("negotiation", 75), ("new_lead", 10))
TITLE = "A new roof for the east wing"
TEXT = "Asked for the price of the larger plan, and whether training is part of it; wants to hear from us by Friday."
_DAY = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happens to a deal: `verb` and `values` are the stock aggregate's method and arguments."""

    verb: str
    values: tuple[Any, ...]

    def command(self, deal_id: UUID) -> Command:
        """The same for the CRM."""
        deal = DealId(deal_id)
        match self.verb, self.values:
            case "move", (stage, _):
                return MoveDeal(deal_id=deal, stage=stage)
            case "revise", (amount, currency):
                return ReviseDealAmount(deal_id=deal, amount=Money(amount, currency))
            case "assign", (owner,):
                return AssignDeal(deal_id=deal, owner=owner)
            case "push", (day,):
                return PushDealClose(deal_id=deal, expected_close=day)
            case _:
                return AddNote(deal_id=deal, text=self.values[0])


def revised(number: int) -> Change:
    """Another amount with every number."""
    return Change("revise", (Decimal(20_000 + number), "EUR"))


def moved(number: int) -> Change:
    """On to the next stage."""
    return Change("move", STAGES[number % len(STAGES)])


def noted(_: int) -> Change:
    """A note, which no decision about deals names."""
    return Change("note", (TEXT,))


def mixed(count: int) -> Iterator[Change]:
    """So many changes of four kinds, each of which the decider and the pipeline view name."""
    for number in range(count):
        turn = number // 4
        match number % 4:
            case 0:
                yield moved(turn)
            case 1:
                yield Change("revise", (Decimal(10_000 + turn), "EUR"))
            case 2:
                yield Change("assign", (f"kim{turn}",))
            case _:
                yield Change("push", (_DAY + timedelta(days=turn),))


def notes(count: int) -> Iterator[Change]:
    """So many notes."""
    return map(noted, range(count))


def opening(deal_id: UUID, contact_id: UUID | None = None) -> OpenDeal:
    """The first command of a deal."""
    whose = None if contact_id is None else ContactId(contact_id)
    return OpenDeal(
        deal_id=DealId(deal_id), title=TITLE, amount=Money("12000.00", "EUR"), owner="ann", contact_id=whose
    )
