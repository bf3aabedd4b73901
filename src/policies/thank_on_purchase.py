"""When a customer buys something, they are thanked, once for each purchase."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from crm_core.commands import RequestMessage
from crm_core.events import PurchaseRecorded
from policies.engine.policy import Policy


@dataclass(frozen=True, slots=True)
class Thanks:
    """`recorded`: how many times the purchase was recorded; the first time is the one to thank for."""

    recorded: int = 0


def remember(thanks: Thanks, event: PurchaseRecorded, at: datetime) -> Thanks:
    """One more time."""
    return Thanks(thanks.recorded + 1)


def react(thanks: Thanks, event: PurchaseRecorded, at: datetime) -> Iterator[RequestMessage]:
    """Ask for the message; whoever sends it minds the customer's wishes."""
    if thanks.recorded == 1:
        yield RequestMessage(
            contact_id=event.contact_id, template="thank_you", reason="purchase_thanks", purchase_id=event.purchase_id
        )


thank_on_purchase: Policy[Thanks] = Policy(
    "thank_on_purchase", key=lambda event: event.purchase_id, initial=Thanks(), evolve=remember, react=react
)
