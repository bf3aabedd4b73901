"""Whoever opens nothing is given the same events by the short way as by the long one."""

from collections.abc import Iterator
from typing import Any, Self
from uuid import UUID

import pytest
from pydantic import model_validator

from crm_core import CRM
from crm_core.errors import CatalogueError
from crm_core.events import ContactAdded, DealOpened
from crm_core.kernel.catalogue import EventType, catalogue
from crm_core.kernel.ids import ContactId, DealId
from crm_core.kernel.messages import Event
from crm_core.kernel.money import Money
from crm_core.kernel.personal import WITHHELD, Erased, Personal, Public
from crm_core.kernel.time import ManualClock
from crm_core.store.mapper import framed, withheld
from crm_core.store.withholding import Withholding
from tests.projections.conftest import START, a_lot_happens

ADA, BOB = UUID(int=1), UUID(int=2)


class Whispered(Event, type="acme.test.whispered"):
    """Looks at itself when it is read."""

    test_id: Public[ContactId]
    text: Personal[str]
    loud: Public[bool] = False

    @model_validator(mode="after")
    def _heard(self) -> Self:
        if self.loud and isinstance(self.text, Erased):
            raise ValueError
        return self


@pytest.fixture
def stored() -> Iterator[list[Any]]:
    """Type, version, public part and sealed part of every event of a busy history."""
    with CRM.open("memory://", follow=[], clock=ManualClock(START)) as crm:
        a_lot_happens(crm, rounds=10)
        with crm._store.database.looking() as transaction:  # noqa: SLF001 - the bytes are what is tested
            yield transaction.execute("SELECT type, type_version, public, sealed FROM crm_events").fetchall()


def test_every_event_is_what_the_long_way_makes_of_it(stored: list[Any]) -> None:
    readers: dict[str, Withholding] = {}
    kinds = set()
    for name, version, public, sealed in stored:
        if sealed:
            entry = catalogue.named(name)
            event = readers.setdefault(name, Withholding(entry, withheld)).read(public, sealed)
            expected = entry.read(version, public, withheld(sealed))
            assert event == expected
            assert event.model_dump_json() == expected.model_dump_json()
            assert WITHHELD in [getattr(event, one) for one in entry.personal]
            kinds.add(name)
    assert len(kinds) > 5
    assert all(reader._short for reader in readers.values())  # noqa: SLF001 - or nothing short was tested


def parts(event: Event, names: list[str]) -> tuple[EventType, str, bytes]:
    """The catalogue's entry, the public part, and a sealed part of these fields."""
    return catalogue.of(event), event.model_dump_json(exclude=set(names)), framed(ADA, names, b"sealed")


def deal() -> DealOpened:
    return DealOpened(
        deal_id=DealId(BOB), title="x", amount=Money(1, "EUR"), pipeline="p", stage="s", probability=1, owner="kim"
    )


def test_what_is_missing_and_not_sealed_is_an_error_and_no_default() -> None:
    entry, public, sealed = parts(deal(), ["title"])
    reader = Withholding(entry, withheld)
    assert reader.read(public, sealed) == deal().model_copy(update={"title": WITHHELD})
    for broken in (public.replace('"owner":"kim"', '"owner":7'), public.replace('"owner"', '"other"')):
        with pytest.raises(CatalogueError, match=r"deal.opened v1 as stored"):
            reader.read(broken, sealed)


def test_fields_that_came_later_have_their_own_default() -> None:
    added = ContactAdded(contact_id=ContactId(ADA), name="Ada", email="ada@example.com")
    entry, public, sealed = parts(added, ["name"])
    reader = Withholding(entry, withheld)
    assert reader.read(public, sealed) == added.model_copy(update={"name": WITHHELD})
    entry, public, sealed = parts(added, ["name", "email"])
    assert reader.read(public, sealed) == added.model_copy(update={"name": WITHHELD, "email": WITHHELD})
    older = public.replace('"phone":null,', "")
    assert older != public
    assert reader.read(older, sealed) == added.model_copy(update={"name": WITHHELD, "email": WITHHELD})


def test_an_event_about_two_people_is_read_too() -> None:
    added = ContactAdded(contact_id=ContactId(ADA), name="Ada", email="ada@example.com")
    entry, public, first = parts(added, ["name"])
    sealed = first + framed(BOB, ["email"], b"sealed too")
    event = Withholding(entry, withheld).read(added.model_dump_json(exclude={"name", "email"}), sealed)
    assert event == added.model_copy(update={"name": WITHHELD, "email": WITHHELD})
    assert public


def test_a_class_that_looks_at_itself_is_asked() -> None:
    quiet = Whispered(test_id=ContactId(ADA), text="psst")
    entry, public, sealed = parts(quiet, ["text"])
    reader = Withholding(entry, withheld)
    assert reader.read(public, sealed) == quiet.model_copy(update={"text": WITHHELD})
    with pytest.raises(CatalogueError):
        reader.read(public.replace("false", "true"), sealed)
