"""What holds for every view there is, found by discovery; a new view is tested by being there."""

import dataclasses
import pkgutil
from typing import Any

import pytest

import projections
from crm_core import CRM
from crm_core.events import Event
from crm_core.kernel.catalogue import catalogue, erased_copy
from crm_core.kernel.messages import Message
from crm_core.kernel.personal import WITHHELD, Erased
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.time import ManualClock
from crm_core.store.opening import Store
from crm_core.testing import example
from projections import Projection, standard
from projections.testing import recorded, rows
from tests.histories import event_types
from tests.projections.conftest import a_lot_happens, fold, kept

SECRET = "zqx-ada-okafor"  # noqa: S105 - what must not show
VIEWS = standard()
each_view = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)


def happenings(view: Projection[Any]) -> list[Event]:
    """One of each event that the view follows, in the order in which it names them; twice, so that rows change."""
    followed = view.follows or [entry.cls for entry in event_types()]
    return [example(cls, prefix=SECRET) for cls in followed] * 2


def withheld_copy(event: Event) -> Event:
    """The event as a reader sees it that may not see personal values."""
    return event.model_copy(update=dict.fromkeys(catalogue.of(event).personal, WITHHELD))


@pytest.fixture(params=[1, 7, 500])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many facts a loader reads at a time."""
    monkeypatch.setattr("crm_core.following.PAGE", request.param)
    return int(request.param)


def test_every_view_in_the_package_is_found() -> None:
    files = {module.name for module in pkgutil.iter_modules(projections.__path__) if not module.ispkg}
    assert {"directory", "pipeline", "retention", "timeline"} <= {view.name for view in VIEWS}
    assert {view.name for view in VIEWS} <= files, "one file, one view, of the same name"
    assert [view.name for view in VIEWS] == sorted(view.name for view in VIEWS)


@each_view
def test_a_view_says_what_it_shows_and_where_it_is_written(view: Projection[Any]) -> None:
    assert view.meaning.endswith(".")
    assert view.place.file == f"projections/{view.name}.py"
    assert all(name in catalogue for name in view.types or ())


@each_view
def test_a_row_is_frozen_and_its_repr_shows_nothing_personal(view: Projection[Any]) -> None:
    made = list(rows(view, *happenings(view)).values())
    assert made
    for row in made:
        assert SECRET not in repr(row)
        assert repr(row).startswith(type(row).__name__)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(row, dataclasses.fields(row)[0].name, None)


@each_view
def test_a_fold_is_deterministic_and_leaves_its_row_alone(view: Projection[Any]) -> None:
    facts = recorded(*happenings(view))
    assert view.replay(facts) == view.replay(facts)
    for fact, keys in zip(facts, view.keys_of(facts), strict=True):
        for key in keys if isinstance(keys, list) else [keys]:
            row = view.replay(facts).get(key)
            before = view.table.plain(row) if row is not None else None
            arguments = (row, fact.event, fact, key)[: 4 if view.with_key else 3]
            assert view(*arguments) == view(*arguments)
            assert row is None or view.table.plain(row) == before


@each_view
def test_a_fold_does_not_mind_what_was_erased_or_withheld(view: Projection[Any]) -> None:
    events = happenings(view)
    for copies in (map(erased_copy, events), map(withheld_copy, events)):
        made = rows(view, *copies)
        assert made.keys() == rows(view, *events).keys()
        assert SECRET not in str([view.table.plain(row) for row in made.values()])


@each_view
def test_a_view_that_opens_nothing_shows_nothing_personal(view: Projection[Any]) -> None:
    shown = str([view.table.plain(row) for row in rows(view, *happenings(view)).values()])
    assert (SECRET in shown) <= view.opens


@each_view
def test_rows_in_the_database_are_those_of_a_replay(view: Projection[Any], store: Store) -> None:
    facts = recorded(*happenings(view))
    fold(store, view, facts)
    assert kept(store, view) == list(view.replay(facts).values())


def test_live_rows_batches_of_any_size_and_a_rebuild_are_all_the_replay(
    store_url: str, clock: ManualClock, page: int
) -> None:
    with CRM.open(store_url, follow=VIEWS, clock=clock) as crm:
        a_lot_happens(crm)
        head = crm.settle()
        for view in VIEWS:
            replayed = list(view.replay(crm.log()).values())
            assert replayed, f"nothing happened that {view.name} shows"
            live = crm.view(view)
            assert (live.position, live.rows) == (head, replayed)
            assert crm.rebuild(view) == head
            assert crm.view(view).rows == replayed


def test_a_view_that_was_kept_up_all_the_time_is_one_that_was_folded_late(store_url: str, clock: ManualClock) -> None:
    with CRM.open(store_url, follow=VIEWS, clock=clock) as crm:
        a_lot_happens(Settling(crm))  # type: ignore[arg-type]
        for view in VIEWS:
            early = crm.view(view).rows
            assert early == list(view.replay(crm.log()).values())
            crm.rebuild(view)
            assert crm.view(view).rows == early


class Settling:
    """A CRM that folds every view after every command: with keys that are still there."""

    def __init__(self, crm: CRM) -> None:
        self.crm = crm
        self.told = 0

    def execute(self, command: Message, **envelope: Any) -> None:
        self.crm.execute(command, **envelope)  # type: ignore[arg-type]
        self.told += 1
        if self.told % 3 == 0 or type(command).__name__ == "ForgetPerson":
            self.crm.settle()


@each_view
def test_facts_of_forgotten_people_fold_the_same_before_and_after_their_keys_are_destroyed(
    view: Projection[Any], store: Store, clock: ManualClock
) -> None:
    opened = _history_with_keys(clock)
    people = {one for fact in opened if fact.type == "person.forgotten" for one in fact.event.subjects}  # type: ignore[attr-defined]
    after = [
        Recorded(fact.position, erased_copy(fact.event), *_envelope(fact)) if fact.subject in people else fact
        for fact in opened
    ]
    assert after != opened
    assert view.replay(after) == view.replay(opened)
    for page in (1, 3, 10_000):
        with store.database.writing() as transaction:
            view.prepare(transaction)
            view.reset(transaction)
        fold(store, view, opened, page)
        assert kept(store, view) == list(view.replay(after).values())


def _history_with_keys(clock: ManualClock) -> list[Recorded]:
    """The facts as they were before anybody's key was destroyed."""
    facts: dict[int, Recorded] = {}
    with CRM.open("memory://", follow=[], clock=clock) as crm:

        class Watched:
            def execute(self, command: Any, **envelope: Any) -> None:
                crm.execute(command, **envelope)
                facts.update({fact.position: fact for fact in crm.log(after=max(facts, default=0))})

        a_lot_happens(Watched())  # type: ignore[arg-type]
    assert not any(isinstance(value, Erased) for fact in facts.values() for value in fact.event.__dict__.values())
    return list(facts.values())


def _envelope(fact: Recorded) -> tuple[str, str]:
    import json

    return fact.header["at"], json.dumps(fact.header)
