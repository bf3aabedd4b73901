"""A view that several processes fold has the rows of one that was folded alone, or it says that it cannot be shared."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Money
from crm_core.commands import OpenDeal
from crm_core.errors import FollowerHalted, FollowError, Invalid
from crm_core.events import DealAssigned, DealOpened
from crm_core.following import Share
from crm_core.kernel.ids import DealId
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.time import ManualClock
from projections import Projection, directory, pipeline, projection, retention, timeline
from projections.engine import marks
from projections.engine.building import Building, page_by_page
from tests.projections.conftest import a_lot_happens

SHARES = [Share(number, 3) for number in range(3)]


@pytest.fixture(params=[3, 100_000], ids=["few rows in memory", "all rows in memory"])
def crm(
    request: pytest.FixtureRequest, durable_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CRM]:
    """A lot happened, and two people were forgotten on the way."""
    monkeypatch.setattr("projections.engine.building.MOST_ROWS", request.param)
    monkeypatch.setattr("crm_core.following.PAGE", 20)
    with CRM.open(durable_url, follow=[pipeline, directory, retention, timeline], clock=clock) as opened:
        a_lot_happens(opened, rounds=12)
        for number in range(20):
            deal = DealId(UUID(int=number << 60 | number))
            opened.execute(OpenDeal(deal_id=deal, title="Roof", amount=Money(number, "EUR"), owner="kim"), by="kim")
        opened.settle()
        yield opened


@pytest.mark.parametrize("view", [pipeline, directory], ids=lambda view: view.name)
def test_a_view_rebuilt_by_several_processes_is_the_replay(crm: CRM, view: Projection[object]) -> None:
    told: list[tuple[int, int]] = []
    before = crm.view(view).rows
    head = crm.rebuild(view, lambda done, of: told.append((done, of)), workers=3)
    assert crm.view(view).rows == before == list(view.replay(crm.log()).values())
    assert crm.view(view).position == head
    assert told[0] == (0, head)
    assert told[-1] == (head, head)


def in_turn(crm: CRM, view: Projection[Any], shares: list[Share]) -> None:
    """What the workers do, one after the other."""
    loader = crm._loader  # noqa: SLF001 - the worker's side of it
    whole = Building(view, loader)
    whole.begin()
    head = loader.head()
    for share in shares:
        part = Building(view, pickle.loads(pickle.dumps(loader)), share, whole.ours)  # noqa: S301 - our own
        for facts, _ in page_by_page(loader.read(view, 0, head, share=share)):
            part.take(facts)
        part.flush()
    with loader.database.writing() as transaction:
        whole.take_over(transaction)


@pytest.mark.parametrize("view", [pipeline, directory], ids=lambda view: view.name)
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "in the other order"])
def test_the_order_of_the_workers_does_not_matter(crm: CRM, view: Projection[object], *, turned: bool) -> None:
    in_turn(crm, view, SHARES[::-1] if turned else SHARES)
    assert crm.view(view).rows == list(view.replay(crm.log()).values())


def test_a_share_that_is_left_out_is_missed(crm: CRM) -> None:
    in_turn(crm, pipeline, SHARES[1:])
    assert 0 < len(crm.view(pipeline).rows) < len(pipeline.replay(crm.log()))


@pytest.mark.parametrize("view", [timeline, retention], ids=lambda view: view.name)
def test_a_view_whose_rows_gather_facts_of_several_streams_is_not_shared(crm: CRM, view: Projection[object]) -> None:
    before = crm.view(view).rows
    with pytest.raises(FollowError, match=f"a row of {view.name} gathers facts of several streams"):
        crm.rebuild(view, workers=2)
    assert crm.view(view).rows == before
    assert crm.rebuild(view) == crm.view(view).position
    assert crm.view(view).rows == before


def test_what_is_recorded_while_the_workers_fold_is_not_lost(crm: CRM) -> None:
    added: list[int] = []

    def go_on(done: int, of: int) -> None:
        if len(added) < 3:
            number = len(added)
            opened = OpenDeal(deal_id=DealId(UUID(int=99 + number)), title="x", amount=Money(1, "EUR"), owner="kim")
            added.append(crm.execute(opened, by="kim").position)
            crm.settle()

    crm.rebuild(pipeline, go_on, workers=2)
    crm.settle()
    assert added
    assert crm.view(pipeline).rows == list(pipeline.replay(crm.log()).values())


def take_and_write(part: Building[Any], facts: list[Recorded]) -> None:
    """What a worker does with its last page."""
    part.take(facts)
    part.flush()


def test_a_worker_whose_rebuild_was_taken_over_writes_nothing_more(crm: CRM) -> None:
    loader = crm._loader  # noqa: SLF001 - the worker's side of it
    whole = Building(pipeline, loader)
    whole.begin()
    part = Building(pipeline, loader, Share(0, 1), whole.ours)
    for facts, _ in loader.read(pipeline, 0, loader.head(), share=Share(0, 1)):
        crm.rebuild(pipeline)
        with pytest.raises(FollowError, match="another rebuild of pipeline took over"):
            take_and_write(part, facts)
        break
    assert crm.view(pipeline).rows == list(pipeline.replay(crm.log()).values())
    with loader.database.reading() as transaction:
        assert marks.owner_of(transaction, marks.building(pipeline.checkpoint)) is None


@dataclass(frozen=True, slots=True)
class Count:
    """How often a deal changed hands."""

    deal_id: DealId
    times: int


@projection("counts", key=lambda event: event.deal_id)
def failing(row: Count | None, event: DealOpened | DealAssigned, seen: Recorded) -> Count | None:
    """Fails at the last deal."""
    if isinstance(event, DealOpened) and event.deal_id.int & 0xFF == 19:
        raise ZeroDivisionError
    return Count(event.deal_id, 1)


def test_a_fold_that_raises_in_a_worker_halts_the_rebuild_at_its_fact(crm: CRM) -> None:
    with pytest.raises(FollowerHalted, match="counts halted before position") as halted:
        crm.rebuild(failing, workers=2)
    assert halted.value.position > 1
    assert "ZeroDivisionError" in halted.value.reason


def test_a_view_that_other_processes_cannot_import_is_refused(crm: CRM) -> None:
    @projection("locals", key=lambda event: event.deal_id)
    def locals_(row: Count | None, event: DealOpened, seen: Recorded) -> Count | None:
        return Count(event.deal_id, 1)

    with pytest.raises(Invalid, match="projection: other processes cannot import it"):
        crm.rebuild(locals_, workers=2)


@pytest.mark.parametrize("workers", [0, 17, True, "2"])
def test_a_number_of_workers_is_a_whole_number_from_1_to_16(workers: object, crm: CRM) -> None:
    with pytest.raises(Invalid, match=r"workers: must be (a whole number from 1|at most 16)"):
        crm.rebuild(pipeline, workers=workers)  # type: ignore[arg-type]


def test_in_memory_one_process_is_all_there_is(clock: ManualClock) -> None:
    with CRM.open("memory://", follow=[pipeline], clock=clock) as crm:
        crm.execute(OpenDeal(title="x", amount=Money(1, "EUR"), owner="kim"), by="kim")
        assert crm.rebuild(pipeline, workers=2) == crm.view(pipeline).position
        assert len(crm.view(pipeline).rows) == 1
