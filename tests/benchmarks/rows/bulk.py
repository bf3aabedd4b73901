"""A bulk import through decisions: one event a command, random ids, a personal field sealed, every index."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4

from crm_core import CRM, Money
from crm_core.commands import AddContact, RecordPurchase
from crm_core.kernel.ids import ContactId, PurchaseId
from crm_core.kernel.messages import Command
from tests.benchmarks import stock
from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import done
from tests.benchmarks.harness import Arm, Case, Round, Work
from tests.benchmarks.places import Place

ORDER = 3
TITLE = "Bulk import"
TOGETHER = 500
"""How many aggregates the stock library saves in one transaction."""
_REACH = "≥ 30,000/s, towards 60,000; ≥ 10× one by one"


@dataclass(frozen=True, slots=True)
class Item:
    """A row of somebody's spreadsheet: of people, or of what they bought."""

    id: UUID
    contact_id: UUID | None

    def command(self) -> Command:
        """For us."""
        if self.contact_id is None:
            return AddContact(contact_id=ContactId(self.id), name="Ada Okafor", email="ada.okafor@example.com")
        return RecordPurchase(
            purchase_id=PurchaseId(self.id),
            contact_id=ContactId(self.contact_id),
            amount=Money("29.90", "EUR"),
            quantity=2,
            order_ref="web order 2026/17",
        )

    def aggregate(self) -> stock.Contact | stock.Purchase:
        """For the stock library, which is spared the question whether the contact is on record."""
        if self.contact_id is None:
            return stock.Contact(self.id, "Ada Okafor", "ada.okafor@example.com")
        return stock.Purchase(self.id, self.contact_id, Decimal("29.90"), "EUR", 2, "web order 2026/17")


def cases(bench: Bench) -> Iterator[Case]:
    """Every round fills an empty database; making the commands from the spreadsheet's values counts."""
    sizes = bench.sizes
    people = max(sizes.imported // 10, 1)
    for place in bench.places:
        for what, buyers in (
            (f"{sizes.imported:,} contacts, each with a new key", 0),
            (f"{sizes.imported:,} purchases of {people:,} contacts", people),
        ):
            arms = [
                Arm("crm-core", _ours(place, sizes.imported, buyers)),
                Arm("stock, one by one", _theirs(place, sizes.imported_singly, buyers, 1)),
                Arm(f"stock, {TOGETHER} a transaction", _theirs(place, sizes.imported, buyers, TOGETHER)),
            ]
            yield Case(TITLE, what, place.name, arms, reach=_REACH)


def _items(count: int, people: Sequence[UUID]) -> list[Item]:
    return [Item(uuid4(), people[number % len(people)] if people else None) for number in range(count)]


def _ours(place: Place, count: int, buyers: int) -> Round:
    @contextmanager
    def one(_: int) -> Iterator[Work]:
        with place.site() as site, CRM.open(site.url, follow=[]) as crm:
            people = [uuid4() for _ in range(buyers)]
            done(crm, (Item(person, None).command() for person in people))
            items = _items(count, people)
            yield lambda: done(crm, (item.command() for item in items))

    return one


def _theirs(place: Place, count: int, buyers: int, together: int) -> Round:
    @contextmanager
    def one(_: int) -> Iterator[Work]:
        with place.site() as site, stock.Sales(site.stock) as app:
            items = _items(count, [uuid4() for _ in range(buyers)])
            yield _saving(app, items, together)

    return one


def _saving(app: stock.Sales, items: Sequence[Item], together: int) -> Callable[[], float]:
    def work() -> float:
        for start in range(0, len(items), together):
            app.save(*[item.aggregate() for item in items[start : start + together]])
        return len(items)

    return work
