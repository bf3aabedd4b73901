"""Whatever happens in whatever order, in pages of any size, folded on or rebuilt: the rows are those of a replay."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_core.events import ContactAdded, ContactRenamed, Event, PersonForgotten, PurchaseRecorded
from crm_core.following import Loader, Work
from crm_core.kernel.ids import ContactId, LeadId, PurchaseId
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Erased, PersonalMark
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.replacing import replace
from crm_core.store.opening import Store
from crm_core.store.port import Database, Transaction
from projections import Projection, projection
from projections.engine.rebuild import rebuild
from projections.testing import recorded
from tests.projections.conftest import START, fold, kept

PEOPLE = [UUID(int=number) for number in range(1, 5)]
EUR1 = Money(1, "EUR")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who comes, goes and comes back, sometimes on somebody else's name."""

    contact_id: ContactId
    person: UUID
    name: Annotated[str | Erased, PersonalMark("person")]
    nick: Annotated[str | Erased | None, PersonalMark("contact_id")]
    visits: int


@projection("guests", key=lambda event: event.contact_id)
def guests(row: Guest | None, event: ContactAdded | ContactRenamed | PurchaseRecorded, seen: Recorded) -> Guest | None:
    """Rows come, change their person, go after three visits, and come again."""
    match event:
        case ContactAdded(contact_id=contact_id, name=name, job_title=nick):
            return Guest(contact_id, event.lead_id or contact_id, name, nick, 0)
        case _ if row is None:
            return None
        case ContactRenamed(name=name):
            return replace(row, name=name)
        case PurchaseRecorded():
            return None if row.visits == 2 else replace(row, visits=row.visits + 1)


WHO = st.sampled_from(PEOPLE)
HAPPENED: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        ContactAdded,
        contact_id=WHO.map(ContactId),
        name=st.sampled_from(["Ann", "Bob"]),
        job_title=st.sampled_from([None, "boss"]),
        lead_id=st.none() | WHO.map(LeadId),
        email=st.none(),
        phone=st.none(),
        owner=st.none(),
    ),
    st.builds(ContactRenamed, contact_id=WHO.map(ContactId), name=st.sampled_from(["Cid", "Dot"])),
    st.builds(
        PurchaseRecorded,
        purchase_id=st.just(PurchaseId(UUID(int=9))),
        contact_id=WHO.map(ContactId),
        amount=st.just(EUR1),
        account_id=st.none(),
        order_ref=st.none(),
        quantity=st.just(1),
    ),
    st.builds(
        PersonForgotten,
        contact_id=WHO.map(ContactId),
        lead_id=st.none(),
        subjects=st.lists(WHO, min_size=1, max_size=2).map(tuple),
        ground=st.just("objection"),
        request_ref=st.none(),
    ),
)
HISTORIES = st.lists(HAPPENED, max_size=40).map(lambda events: recorded(*events))
PAGES = st.integers(1, 12)


class Tape:
    """A loader whose log is a list."""

    def __init__(self, store: Store, facts: list[Recorded], page: int, live: int) -> None:
        self.database: Database = store.database
        self.facts = facts
        self.page = page
        self.live = live

    def prepare(self, follower: Projection[Any]) -> None:
        with self.database.writing() as transaction:
            follower.prepare(transaction)

    def head(self) -> int:
        return len(self.facts)

    def read(
        self, follower: Projection[Any], after: int, upto: int, transaction: Transaction | None = None
    ) -> Iterator[tuple[list[Recorded], int]]:
        while after < upto:
            reached = min(after + self.page, upto)
            yield self.facts[after:reached], reached
            after = reached

    def hold(self, transaction: Transaction, follower: Projection[Any]) -> int:
        return self.live

    def place(self, transaction: Transaction, follower: Projection[Any], position: int) -> None:
        self.live = position


@contextmanager
def emptied(store: Store) -> Iterator[None]:
    """No guests, no table, no mark."""
    with store.database.writing() as transaction:
        guests.prepare(transaction)
        guests.reset(transaction)
        transaction.execute("DELETE FROM crm_followers")
        transaction.execute("INSERT INTO crm_followers (name, position, detail) VALUES ('guests/1', 0, '')")
    yield


def examples(number: int) -> settings:
    """So many examples, all on the store that the fixture opened."""
    return settings(max_examples=number, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@examples(60)
@given(facts=HISTORIES, page=PAGES)
def test_pages_of_any_size_lead_to_the_replay(store: Store, facts: list[Recorded], page: int) -> None:
    with emptied(store):
        fold(store, guests, facts, page)
        assert kept(store, guests) == list(guests.replay(facts).values())


@examples(60)
@given(facts=HISTORIES, page=PAGES, most=st.integers(0, 5), live=st.integers(0, 40), late=HISTORIES)
def test_a_rebuild_leads_to_the_replay_wherever_the_live_view_stood(
    store: Store, facts: list[Recorded], page: int, most: int, live: int, late: list[Recorded]
) -> None:
    everything = recorded(*(fact.event for fact in [*facts, *late]))
    with emptied(store), pytest.MonkeyPatch.context() as patch:
        patch.setattr("projections.engine.building.MOST_ROWS", most)
        tape = Tape(store, everything, page, min(live, len(everything)))
        fold(store, guests, everything[: tape.live], page)
        tape.head = lambda: len(facts)  # type: ignore[method-assign]
        reached = rebuild(guests, cast("Loader", tape), lambda _, __: None)
        assert reached == tape.live >= len(facts)
        assert kept(store, guests) == list(guests.replay(everything[:reached]).values())
        fold(store, guests, everything[reached:], page)
        assert kept(store, guests) == list(guests.replay(everything).values())


@pytest.mark.parametrize("page", [1, 2, 5])
def test_a_name_given_after_the_forgetting_is_kept_and_one_given_before_is_not(store: Store, page: int) -> None:
    ann, bob = ContactId(PEOPLE[0]), ContactId(PEOPLE[1])
    facts = recorded(
        ContactAdded(contact_id=ann, name="Ann"),
        ContactAdded(contact_id=bob, name="Bob"),
        PersonForgotten(contact_id=ann, subjects=(ann,), ground="objection"),
        ContactRenamed(contact_id=ann, name="Returned"),
        PurchaseRecorded(purchase_id=PurchaseId(UUID(int=9)), contact_id=bob, amount=EUR1),
    )
    fold(store, guests, facts, page)
    assert [str(cast("Guest", row).name) for row in kept(store, guests)] == ["Returned", "Bob"]
    assert [str(cast("Guest", row).nick) for row in kept(store, guests)] == ["[erased]", "None"]


def test_folding_again_what_changes_nothing_writes_nothing(store: Store) -> None:
    written: list[str] = []
    ann = ContactId(PEOPLE[0])
    [added, renamed] = recorded(ContactAdded(contact_id=ann, name="Ann"), ContactRenamed(contact_id=ann, name="Ann"))
    fold(store, guests, [added])
    with store.database.writing() as transaction, pytest.MonkeyPatch.context() as patch:
        for name in ("insert", "upsert"):
            patch.setattr(type(transaction), name, lambda *_, name=name: written.append(name))
        guests.fold(Work(transaction, [renamed], 2, START, lambda _: []))
    assert written == []


def test_a_row_that_was_forgotten_and_told_again_in_one_page_is_written(store: Store) -> None:
    ann = ContactId(PEOPLE[0])
    facts = recorded(
        ContactAdded(contact_id=ann, name="Ann", lead_id=LeadId(PEOPLE[1])),
        PersonForgotten(lead_id=LeadId(PEOPLE[1]), subjects=(PEOPLE[1],), ground="objection"),
        ContactRenamed(contact_id=ann, name="Ann"),
    )
    fold(store, guests, facts[:1])
    fold(store, guests, facts[1:])
    assert kept(store, guests) == list(guests.replay(facts).values()) == [Guest(ann, PEOPLE[1], "Ann", None, 0)]


def test_a_name_given_after_the_forgetting_survives_rows_that_are_read_again_later(store: Store) -> None:
    ann, bob = PEOPLE[:2]
    added = [ContactAdded(contact_id=ContactId(who), name="Ann") for who in (ann, bob)]
    forgotten = PersonForgotten(contact_id=ContactId(bob), lead_id=None, subjects=(bob,), ground="objection")
    renamed = [ContactRenamed(contact_id=ContactId(who), name="Cid") for who in (bob, ann)]
    facts = recorded(*added, forgotten, *renamed)
    with emptied(store), pytest.MonkeyPatch.context() as patch:
        patch.setattr("projections.engine.building.MOST_ROWS", 1)
        tape = Tape(store, facts, 1, 0)
        rebuild(guests, cast("Loader", tape), lambda _, __: None)
        assert kept(store, guests) == list(guests.replay(facts).values())
