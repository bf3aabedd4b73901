"""A rebuild runs beside the live view; nobody sees half of one, and a broken one leaves nothing behind."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Money
from crm_core.commands import AddContact, ForgetPerson, RecordPurchase, RenameContact
from crm_core.errors import FollowerHalted, FollowError
from crm_core.events import ContactAdded, PurchaseRecorded
from crm_core.following import Loader
from crm_core.kernel.ids import ContactId
from crm_core.kernel.personal import Personal
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.time import ManualClock
from crm_core.store.opening import open_store
from projections import Projection, directory, pipeline, projection, retention, standard, timeline
from tests.projections.conftest import START, a_lot_happens, kept

ADA = ContactId(UUID(int=1))
PHASES = ["few rows in memory", "all rows in memory"]


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture(params=[5, 100_000], ids=PHASES)
def crm(
    request: pytest.FixtureRequest, store_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CRM]:
    """A lot happened; pages are small, and rows leave memory early or never."""
    monkeypatch.setattr("projections.engine.building.MOST_ROWS", request.param)
    monkeypatch.setattr("crm_core.following.PAGE", 20)
    with CRM.open(store_url, follow=standard(), clock=clock) as opened:
        a_lot_happens(opened, rounds=12)
        opened.settle()
        yield opened


def tables(crm: CRM) -> set[str]:
    """The tables of views in the database."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if crm.status().database.startswith("postgresql"):
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    return {name for (name,) in ask(crm, sql) if name.startswith("crm_view_")}


def ask(crm: CRM, sql: str) -> list[tuple[Any, ...]]:
    """What plain SQL says."""
    return crm.view(pipeline).ask(lambda transaction: [tuple(row) for row in transaction.execute(sql).fetchall()])


@pytest.mark.parametrize("view", standard(), ids=lambda view: view.name)
def test_a_rebuild_tells_its_progress_and_leads_to_the_same_rows(crm: CRM, view: Projection[object]) -> None:
    told: list[tuple[int, int]] = []
    before, all_tables = crm.view(view).rows, tables(crm)
    head = crm.rebuild(view, lambda done, of: told.append((done, of)))
    assert told[0] == (0, head)
    assert told[-1] == (head, head)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 3
    assert crm.view(view).rows == before
    assert crm.view(view).position == head
    assert tables(crm) == all_tables
    assert crm.rebuild(view) == head


def test_readers_see_the_live_rows_until_the_new_ones_take_their_place(crm: CRM) -> None:
    before = crm.view(timeline).rows
    ask(crm, "SELECT 1")
    seen: list[bool] = []

    def look(done: int, of: int) -> None:
        seen.append(crm.view(timeline).rows == before)

    crm.rebuild(timeline, look)
    assert all(seen)
    assert len(seen) > 3


def test_what_is_recorded_and_folded_meanwhile_is_not_lost(crm: CRM) -> None:
    crm.execute(AddContact(contact_id=ADA, name="Ada"), by="kim")

    def go_on(done: int, of: int) -> None:
        if done < of:
            crm.execute(RecordPurchase(contact_id=ADA, amount=Money(done + 1, "EUR")), by="kim")
            crm.settle()

    crm.rebuild(retention, go_on)
    crm.settle()
    assert crm.view(retention).rows == list(retention.replay(crm.log()).values())
    assert crm.view(retention).where(contact_id=ADA).total("spent").minor > 0


@pytest.mark.parametrize("view", [pipeline, timeline], ids=lambda view: view.name)
def test_a_killed_rebuild_leaves_the_live_view_and_the_next_one_starts_from_nothing(
    crm: CRM, view: Projection[object]
) -> None:
    before, position = crm.view(view).rows, crm.view(view).position
    all_tables = tables(crm)

    def die(done: int, of: int) -> None:
        if done > of / 2:
            raise Killed

    with pytest.raises(Killed):
        crm.rebuild(view, die)
    assert (crm.view(view).rows, crm.view(view).position) == (before, position)
    crm.execute(AddContact(contact_id=ADA, name="Ada"), by="kim")
    crm.settle()
    crm.rebuild(view)
    assert crm.view(view).rows == list(view.replay(crm.log()).values())
    assert tables(crm) == all_tables


def test_what_a_killed_rebuild_left_behind_is_erased_with_the_rest(crm: CRM) -> None:
    crm.execute(AddContact(contact_id=ADA, name="Zqx"), by="kim")
    crm.settle()

    def die(done: int, of: int) -> None:
        if done == of:
            raise Killed

    with pytest.raises(Killed):
        crm.rebuild(directory, die)
    left = tables(crm) - {one.table.name for one in standard()}
    crm.execute(ForgetPerson(contact_id=ADA, ground="objection"), by="kim")
    crm.settle()
    for table in [directory.table.name, *left]:
        assert "Zqx" not in str(ask(crm, f"SELECT * FROM {table}"))


def test_of_two_rebuilds_at_once_one_gives_way(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.engine.building.MOST_ROWS", 5)
    before = crm.view(timeline).rows

    def interrupt(done: int, of: int) -> None:
        if 0 < done < of and not told:
            told.append(done)
            crm.rebuild(timeline)

    told: list[int] = []
    with pytest.raises(FollowError, match="another rebuild of timeline took over"):
        crm.rebuild(timeline, interrupt)
    assert told
    assert crm.view(timeline).rows == before
    assert crm.rebuild(timeline) == crm.view(timeline).position


def test_plain_sql_reads_the_new_rows_under_the_same_name(crm: CRM) -> None:
    sums = "SELECT amount_currency, sum(amount_minor) FROM pipeline GROUP BY 1 ORDER BY 1"
    before = ask(crm, sums)
    crm.rebuild(pipeline)
    assert ask(crm, sums) == before
    assert before


class TestFailing:
    """What cannot be folded stops the view that folds it, and nothing else."""

    @staticmethod
    def view(*, fails: bool) -> "Projection[Buyer]":
        @projection("buyers", key=lambda event: event.contact_id)
        def buyers(row: Buyer | None, event: PurchaseRecorded, seen: Recorded) -> Buyer | None:
            if fails and event.quantity == 3:
                raise ZeroDivisionError
            return Buyer(event.contact_id, (row.times if row else 0) + 1)

        return buyers

    def test_a_fold_that_raises_halts_its_view_at_that_fact(self, store_url: str, clock: ManualClock) -> None:
        with CRM.open(store_url, follow=[self.view(fails=True), retention], clock=clock) as crm:
            crm.execute(AddContact(contact_id=ADA, name="Ada"), by="kim")
            for quantity in (1, 2, 3, 4):
                crm.execute(RecordPurchase(contact_id=ADA, amount=Money(1, "EUR"), quantity=quantity), by="kim")
            with pytest.raises(FollowerHalted, match="buyers halted before position 4: its fold raised ZeroDivision"):
                crm.settle()
            assert crm.view(retention, after=5).one().purchases == 4

    def test_a_rebuild_that_fails_leaves_the_live_view(self, store_url: str, clock: ManualClock) -> None:
        good, bad = self.view(fails=False), self.view(fails=True)
        with CRM.open(store_url, follow=[good], clock=clock) as crm:
            crm.execute(AddContact(contact_id=ADA, name="Ada"), by="kim")
            crm.execute(RecordPurchase(contact_id=ADA, amount=Money(1, "EUR"), quantity=3), by="kim")
            crm.settle()
            with pytest.raises(FollowerHalted):
                crm.rebuild(bad)
            assert crm.view(good).rows == [Buyer(ADA, 1)]


@dataclass(frozen=True, slots=True)
class Buyer:
    """How often somebody bought."""

    contact_id: UUID
    times: int


@dataclass(frozen=True, slots=True)
class NamedBuyer:
    """The second version knows the name too."""

    contact_id: UUID
    times: int
    name: Personal[str | None]


@projection("buyers", version=1, key=lambda event: event.contact_id)
def first_version(row: Buyer | None, event: PurchaseRecorded, seen: Recorded) -> Buyer | None:
    """How often somebody bought."""
    return Buyer(event.contact_id, (row.times if row else 0) + 1)


@projection("buyers", version=2, key=lambda event: event.contact_id)
def second_version(row: NamedBuyer | None, event: PurchaseRecorded | ContactAdded, seen: Recorded) -> NamedBuyer | None:
    """The same with a name."""
    match event:
        case ContactAdded():
            return NamedBuyer(event.contact_id, 0, event.name)
        case PurchaseRecorded():
            return None if row is None else NamedBuyer(row.contact_id, row.times + 1, row.name)


@pytest.fixture
def bought_once(durable_url: str, clock: ManualClock) -> str:
    """The URL of a database in which Ada bought something."""
    with CRM.open(durable_url, follow=[], clock=clock) as crm:
        crm.execute(AddContact(contact_id=ADA, name="Ada"), by="kim")
        crm.execute(RecordPurchase(contact_id=ADA, amount=Money(1, "EUR")), by="kim")
    return durable_url


def test_a_new_version_is_folded_anew_and_takes_the_name_of_the_old(bought_once: str) -> None:
    with CRM.open(bought_once, follow=[first_version, pipeline]) as crm:
        crm.settle()
        assert ask(crm, "SELECT times FROM buyers") == [(1,)]
    with CRM.open(bought_once, follow=[second_version, pipeline]) as crm:
        assert crm.view(second_version, after=2).rows == [NamedBuyer(ADA, 1, "Ada")]
        assert ask(crm, "SELECT times, name FROM buyers") == [(1, "Ada")]
        assert "crm_view_buyers_v1" not in tables(crm)
        assert crm.rebuild(second_version) == 2
        assert ask(crm, "SELECT times, name FROM buyers") == [(1, "Ada")]


def test_an_older_version_opened_later_does_not_take_the_name_back(bought_once: str) -> None:
    with CRM.open(bought_once, follow=[second_version, pipeline]) as crm:
        crm.settle()
        with CRM.open(bought_once, follow=[first_version]) as older:
            assert older.view(first_version, after=2).rows == [Buyer(ADA, 1)]
            assert older.rebuild(first_version) == 2
            assert older.view(first_version).rows == [Buyer(ADA, 1)]
        assert ask(crm, "SELECT times, name FROM buyers") == [(1, "Ada")]
        assert crm.view(second_version).rows == [NamedBuyer(ADA, 1, "Ada")]


def test_two_loaders_that_fold_the_same_stretch_double_nothing(bought_once: str, clock: ManualClock) -> None:
    stores = [open_store(bought_once, clock) for _ in range(2)]
    first, second = (Loader(store, [first_version], None, clock) for store in stores)
    second.prepare(first_version)
    before = second.positions()
    assert first.advance([first_version], 2)
    second.positions = lambda: before  # type: ignore[method-assign] # it looked before the first was done
    second.advance([first_version], 2)
    assert kept(stores[0], first_version) == [Buyer(ADA, 1)]
    assert first.positions() == {"buyers/1": 2}
    for store in stores:
        store.close()


@pytest.mark.postgres
def test_a_reader_of_position_and_rows_is_not_caught_between_two_tables(postgres_url: str, clock: ManualClock) -> None:
    with CRM.open(postgres_url, follow=[first_version], clock=clock) as crm:
        crm.execute(AddContact(contact_id=ADA, name="Ada"), by="kim")
        crm.execute(RecordPurchase(contact_id=ADA, amount=Money(1, "EUR")), by="kim")
        crm.settle()
        store = open_store(postgres_url, clock)
        rebuilding = threading.Thread(target=crm.rebuild, args=[first_version])
        with store.database.reading() as transaction:
            first_version.pin(transaction)
            transaction.execute("SELECT position FROM crm_followers").fetchall()
            rebuilding.start()
            with store.database.looking() as other:
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                while not other.execute(waiting).fetchone()[0]:
                    assert rebuilding.is_alive()
            assert first_version.select(transaction, {}) == [Buyer(ADA, 1)]
        rebuilding.join()
        assert crm.view(first_version).rows == [Buyer(ADA, 1)]
        store.close()


def test_renaming_somebody_while_the_directory_is_rebuilt_is_seen(crm: CRM) -> None:
    crm.execute(AddContact(contact_id=ADA, name="Ada"), by="kim")

    def rename(done: int, of: int) -> None:
        crm.execute(RenameContact(contact_id=ADA, name=f"Ada {done}"), by="kim", at=START)

    crm.rebuild(directory, rename)
    crm.settle()
    assert crm.view(directory).rows == list(directory.replay(crm.log()).values())
