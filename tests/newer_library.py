"""What a later version of this library might declare. Import it only in a child process: it changes the catalogue."""

from collections.abc import Iterator

from crm_core.deal.deal import Deal, deals
from crm_core.kernel.ids import DealId
from crm_core.kernel.messages import Command, Event
from crm_core.kernel.personal import Personal, Private, Public


class DealPraised(Event, type="deal.praised", says="praised: {words}"):
    """Somebody spoke well of the deal."""

    __module__ = "crm_core.deal.events"  # where a later version would have it

    deal_id: Public[DealId]
    words: Public[str]
    letter: Personal[str | None] = None


class PraiseDeal(Command):
    """Speak well of a deal, at any length."""

    deal_id: Public[DealId]
    words: Public[str]
    letter: Private[str | None] = None


@deals.decision
def praise(deal: Deal, command: PraiseDeal) -> Iterator[DealPraised]:
    """Anybody may."""
    yield DealPraised(deal_id=command.deal_id, words=command.words, letter=command.letter)
