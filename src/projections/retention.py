"""Who bought when: one row per customer, day and currency, the ground for cohorts and customer value."""

from dataclasses import dataclass
from datetime import date

from crm_core.events import PurchaseRecorded
from crm_core.kernel.ids import ContactId
from crm_core.kernel.money import Money
from crm_core.kernel.recorded import Recorded
from projections.engine.projection import projection


@dataclass(frozen=True, slots=True)
class PurchaseDay:
    """What a customer bought on one day (UTC): how many purchases, units, and the money spent."""

    contact_id: ContactId
    day: date
    currency: str
    purchases: int
    units: int
    spent: Money


def _day(event: PurchaseRecorded, seen: Recorded) -> tuple[ContactId, date, str]:
    return event.contact_id, seen.at.date(), event.amount.currency


@projection("retention", version=1, key=_day, keys=3)
def retention(row: PurchaseDay | None, event: PurchaseRecorded, seen: Recorded) -> PurchaseDay | None:
    """The customer's day after one more purchase."""
    if row is None:
        return PurchaseDay(*_day(event, seen), 1, event.quantity, event.amount)
    return PurchaseDay(
        row.contact_id, row.day, row.currency, row.purchases + 1, row.units + event.quantity, row.spent + event.amount
    )
