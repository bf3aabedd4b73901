"""Real purchases to look at: what the first customers of an on-line music shop bought, 1997 to 1998."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from uuid import UUID

from crm_core.app import CRM
from crm_core.commands import AddContact, RecordPurchase
from crm_core.kernel.errors import CRMError, Invalid
from crm_core.kernel.ids import ContactId, derived
from crm_core.kernel.money import Money, MoneyError
from crm_core.kernel.recorded import Actor, Receipt
from crm_core.writing import Request

BATCH = UUID("c0d10000-0000-4000-8000-000000000000")
"""The ids of every command of this import follow from this one and the number of a row."""
IMPORTER = Actor("import", "cdnow")
_COLUMNS = (4, 5)
_OFTEN = 500


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to: who is on record because of it, and what they bought."""

    customers: int
    purchases: int


def sample() -> Iterator[str]:
    """The lines of the sample that comes with this package: 6,919 purchases of 2,357 customers."""
    with files("crm_core.cli").joinpath("data", "CDNOW_sample.txt").open(encoding="ascii") as lines:
        yield from lines


def import_cdnow(crm: CRM, lines: Iterable[str], progress: Callable[[int], None] = lambda _: None) -> Imported:
    """Record the purchases in these lines, each customer put on record before their first.

    A line holds customer number, date, number of CDs and dollars, separated by blanks; between the
    first two the sample has a second number of its own. A first line of names is passed over. Dates
    have no time and no zone: midnight UTC is taken. Running it again records nothing, and an
    interrupted run is simply run again. `progress` is told how many commands are done.

    Raises:
        Invalid: a line does not hold what it should; names the line.
        CRMError: a command was refused, which stops the import there.
    """
    customers: dict[str, ContactId] = {}
    purchases = 0
    for done, outcome in enumerate(crm.execute_many(commands(lines, customers), stop_on_refusal=True), 1):
        if isinstance(outcome, CRMError):
            raise outcome
        purchases += _is_purchase(outcome)
        if not done % _OFTEN:
            progress(done)
    return Imported(len(customers), purchases)


def commands(lines: Iterable[str], customers: dict[str, ContactId]) -> Iterator[Request]:
    """The commands that the lines amount to; `customers` is filled with who was put on record."""
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts or (number == 1 and not parts[0].isdigit()):
            continue
        if len(parts) not in _COLUMNS:
            raise Invalid("CDNOW", [(f"line {number}", "must have four columns, or five in the sample")])
        customer, *_, day, quantity, dollars = parts
        try:
            at = datetime(int(day[:4]), int(day[4:6]), int(day[6:]), tzinfo=UTC)
            amount, count = Money(dollars, "USD"), int(quantity)
        except (MoneyError, ValueError):
            raise Invalid(
                "CDNOW", [(f"line {number}", "must hold a date YYYYMMDD, a number of CDs and an amount")]
            ) from None
        if customer not in customers:
            adding = derived(BATCH, "customer", number)
            customers[customer] = ContactId(derived(adding, "contact_id"))
            yield Request(AddContact(name=f"CDNOW customer {customer}"), IMPORTER, at, adding)
        buying = RecordPurchase(contact_id=customers[customer], amount=amount, quantity=count)
        yield Request(buying, IMPORTER, at, derived(BATCH, "purchase", number))


def _is_purchase(receipt: Receipt) -> bool:
    return any(one.type == "purchase.recorded" for one in receipt.events)
