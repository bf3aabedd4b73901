"""Declaring a view: the annotations are the wiring, and what does not fit is said at once."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from crm_core.events import DealOpened, DealWon, Event, PersonForgotten, PurchaseRecorded
from crm_core.kernel.errors import WiringError
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Personal
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.replacing import replace
from projections import pipeline, projection
from projections.testing import rows
from tests.story import ADA, DEAL, EUR90, TODAY, bought, opened


@dataclass(frozen=True, slots=True)
class Spent:
    """What a customer spent."""

    contact_id: UUID
    amount: Money


@projection("spent", key=lambda event: event.contact_id)
def spent(row: Spent | None, event: PurchaseRecorded, seen: Recorded) -> Spent | None:
    """A sum."""
    return Spent(event.contact_id, event.amount if row is None else row.amount + event.amount)


won = DealWon(deal_id=DEAL, amount=EUR90, closed_on=TODAY, stage="won", from_stage="negotiation")


def test_a_view_is_still_the_fold_it_decorates() -> None:
    assert spent(None, bought, None) == Spent(ADA, EUR90)
    assert spent.__doc__ == "A sum."
    assert repr(spent).startswith("<projection spent/1 at ")


def test_its_annotations_say_what_it_follows() -> None:
    assert spent.types == ("purchase.recorded",)
    assert spent.follows == (PurchaseRecorded,)
    assert not spent.opens
    assert spent.row is Spent


def test_other_facts_are_none_of_its_business() -> None:
    assert rows(spent, opened, bought, won, bought) == {ADA: Spent(ADA, Money("180.00", "EUR"))}


def test_a_view_with_personal_columns_also_follows_forgetting() -> None:
    @dataclass(frozen=True, slots=True)
    class Title:
        deal_id: UUID
        title: Personal[str]
        contact_id: UUID | None

    @projection("titles", key=lambda event: event.deal_id)
    def titles(row: Title | None, event: DealOpened, seen: Recorded) -> Title | None:
        return Title(event.deal_id, event.title, event.contact_id)

    assert titles.types == ("deal.opened", "person.forgotten")
    assert titles.follows == (DealOpened,)
    assert titles.opens
    forgotten = PersonForgotten(contact_id=ADA, subjects=(ADA,), ground="objection")
    assert str(rows(titles, opened, forgotten)[DEAL].title) == "[erased]"
    assert str(rows(titles, forgotten, opened)[DEAL].title) == opened.title
    assert repr(rows(titles, opened)[DEAL]) == f"Title(deal_id={DEAL!r}, title=…, contact_id={ADA!r})"


def test_a_fact_may_change_several_rows_one_or_none() -> None:
    @dataclass(frozen=True, slots=True)
    class Seen:
        thing: UUID
        times: int

    @projection("seen", key=lambda event: None if event.contact_id is None else [event.contact_id, event.deal_id])
    def seen_things(row: Seen | None, event: DealOpened, seen: Recorded, key: UUID) -> Seen | None:
        return Seen(key, 1 if row is None else row.times + 1)

    alone = opened.model_copy(update={"contact_id": None})
    assert rows(seen_things, opened, alone, opened) == {DEAL: Seen(DEAL, 2), ADA: Seen(ADA, 2)}


def test_a_fold_that_returns_none_removes_the_row() -> None:
    @projection("unspent", key=lambda event: event.contact_id)
    def unspent(row: Spent | None, event: PurchaseRecorded, seen: Recorded) -> Spent | None:
        return None if row is not None else Spent(event.contact_id, event.amount)

    assert rows(unspent, bought).keys() == {ADA}
    assert rows(unspent, bought, bought) == {}


def test_a_view_that_follows_everything_names_no_types() -> None:
    @dataclass(frozen=True, slots=True)
    class Count:
        type: str
        times: int

    def by_type(event: Event, seen: Recorded) -> str:
        return seen.type

    @projection("counts", key=by_type)
    def counts(row: Count | None, event: Event, seen: Recorded) -> Count | None:
        return Count(seen.type, 1 if row is None else row.times + 1)

    assert counts.types is None
    assert rows(counts, opened, bought, opened)["deal.opened"].times == 2


def test_a_row_that_does_not_begin_with_its_key_is_refused() -> None:
    @projection("wrong", key=lambda event: event.purchase_id)
    def wrong(row: Spent | None, event: PurchaseRecorded, seen: Recorded) -> Spent | None:
        return Spent(event.contact_id, event.amount)

    with pytest.raises(WiringError, match=r"test_projection\.py:.* a row of Spent does not begin with its key"):
        rows(wrong, bought)


def _declared(function: Any, name: str = "odd", **options: Any) -> None:
    projection(name, key=lambda event: event.contact_id, **options)(function)


def test_a_fold_without_wiring_is_refused() -> None:
    def no_event(row: Spent | None, event: int, seen: Recorded) -> Spent | None: ...
    def no_annotation(row: Spent | None, event, seen: Recorded) -> Spent | None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001
    def too_few(row: Spent | None, event: PurchaseRecorded) -> Spent | None: ...
    def no_row(row: object, event: PurchaseRecorded, seen: Recorded) -> None: ...
    def no_dataclass(row: str | None, event: PurchaseRecorded, seen: Recorded) -> str | None: ...

    for function in (no_event, no_annotation, too_few, no_row, no_dataclass):
        with pytest.raises(WiringError, match=r"test_projection\.py"):
            _declared(function)


def test_a_row_must_be_frozen_and_slotted() -> None:
    @dataclass
    class Loose:
        contact_id: UUID

    @dataclass(frozen=True)
    class Roomy:
        contact_id: UUID

    def loose(row: Loose | None, event: PurchaseRecorded, seen: Recorded) -> Loose | None: ...
    def roomy(row: Roomy | None, event: PurchaseRecorded, seen: Recorded) -> Roomy | None: ...

    for function in (loose, roomy):
        with pytest.raises(WiringError, match="frozen, slotted dataclass"):
            _declared(function)


def test_changing_a_row_changes_only_what_is_named() -> None:
    row = Spent(ADA, EUR90)
    assert replace(row, amount=Money(1, "EUR")) == Spent(ADA, Money(1, "EUR"))
    assert row == Spent(ADA, EUR90)
    with pytest.raises(TypeError, match="Spent has no field 'colour'"):
        replace(row, colour="red")  # type: ignore[call-arg]


def test_the_package_offers_the_view_and_not_its_module() -> None:
    import projections.pipeline

    assert projections.pipeline is pipeline
    assert pipeline.name == "pipeline"
