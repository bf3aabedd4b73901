"""A purchase: recorded once, however often a shop tells us."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from crm_core.contact.contact import Contact, require_contact
from crm_core.kernel.decider import Decider
from crm_core.kernel.ids import AccountId, ContactId
from crm_core.purchase.commands import RecordPurchase
from crm_core.purchase.events import PurchaseRecorded


@dataclass(frozen=True, slots=True)
class Purchase:
    """Whether it is on record, and whose it is."""

    status: Literal["unknown", "on_record"] = "unknown"
    contact_id: ContactId | None = None
    account_id: AccountId | None = None


def evolve(purchase: Purchase, event: PurchaseRecorded) -> Purchase:
    """The purchase after one more fact."""
    return Purchase("on_record", event.contact_id, event.account_id)


purchases: Decider[Purchase] = Decider("purchase", initial=Purchase(), evolve=evolve)


@purchases.decision
def record(purchase: Purchase, contact: Contact, command: RecordPurchase) -> Iterator[PurchaseRecorded]:
    """Shops deliver twice: the same purchase again is not news."""
    if purchase.status == "on_record":
        return
    require_contact(contact, command.contact_id)
    yield PurchaseRecorded(
        purchase_id=command.purchase_id,
        contact_id=command.contact_id,
        account_id=contact.account_id,
        amount=command.amount,
        quantity=command.quantity,
        order_ref=command.order_ref,
    )
