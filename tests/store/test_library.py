"""The eventsourcing library is used, not decoration: its own Application reads our log with our mapper and recorder."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any
from unittest.mock import patch
from uuid import UUID

import eventsourcing.application
import eventsourcing.persistence
import pytest
from eventsourcing.application import Application

from crm_core import CRM, Money
from crm_core.commands import MoveDeal, OpenDeal, WinDeal
from crm_core.deal.deal import Deal, deals
from crm_core.events import DealOpened
from crm_core.kernel.ids import DealId
from crm_core.store.log import EventLog
from crm_core.store.mapper import EventMapper
from crm_core.store.opening import Store
from crm_core.store.streams import StateStore, StreamReader

DEAL = DealId(UUID("00000000-0000-4000-8000-0000000000de"))


class Reading(Application[UUID]):
    """An application of the library over a log of ours."""

    def __init__(self, store: Store) -> None:
        self._store = store
        super().__init__()

    def construct_mapper(self) -> Any:
        return self._store.open_mapper

    def construct_recorder(self) -> Any:
        return self._store.log


@pytest.fixture
def crm(store_url: str) -> Iterator[CRM]:
    """A deal that was opened, moved and won."""
    with CRM.open(store_url, follow=[]) as opened:
        amount = Money("120", "EUR")
        opened.execute(OpenDeal(deal_id=DEAL, title="New roof", amount=amount, owner="ann"), by="ann")
        opened.execute(MoveDeal(deal_id=DEAL, stage="negotiation"), by="ann")
        opened.execute(WinDeal(deal_id=DEAL, closed_on=date(2024, 3, 4)), by="ann")
        opened.execute(OpenDeal(title="New door", amount=amount, owner="ann"), by="ann")
        yield opened


def test_the_librarys_repository_folds_a_stream_of_ours(crm: CRM) -> None:
    def project(deal: Any, events: Iterable[Any]) -> Any:
        for one in events:
            deal = deals.fold.evolve(deal or deals.fold.initial, one.event)
        return deal

    app: Any = Reading(crm._store)  # noqa: SLF001 - what lies below the CRM is the point
    deal: Deal = app.repository.get(DEAL, projector_func=project)

    assert (deal.status, deal.stage) == ("won", "negotiation")
    assert isinstance(app.events, eventsourcing.persistence.EventStore)
    first: Any = next(iter(app.events.get(DEAL)))
    assert isinstance(first.event, DealOpened)
    assert first.event.title == "New roof"


def test_the_librarys_notification_log_pages_through_ours(crm: CRM) -> None:
    app = Reading(crm._store)  # noqa: SLF001 - as above
    section = app.notification_log["1,3"]

    assert [(item.id, item.topic) for item in section.items] == [
        (1, "deal.opened"),
        (2, "deal.stage_changed"),
        (3, "deal.won"),
    ]
    assert section.next_id == "4,6"
    assert [item.id for item in app.notification_log.select(start=3, limit=10)] == [3, 4]
    assert [item.id for item in app.recorder.select_notifications(1, 10, topics=["deal.opened"])] == [1, 4]
    assert app.recorder.max_notification_id() == 4


def test_a_single_command_reads_through_the_librarys_repository_event_store_mapper_and_recorder(crm: CRM) -> None:
    with (
        patch.object(
            eventsourcing.application.Repository,
            "get",
            autospec=True,
            side_effect=eventsourcing.application.Repository.get,
        ) as get,
        patch.object(StateStore, "get", autospec=True, side_effect=StateStore.get) as load,
        patch.object(StreamReader, "select_rows", autospec=True, side_effect=StreamReader.select_rows) as select,
        patch.object(EventMapper, "versioned", autospec=True, side_effect=EventMapper.versioned) as read,
        patch.object(EventMapper, "to_stored_event", autospec=True, side_effect=EventMapper.to_stored_event) as write,
    ):
        new = crm.execute(OpenDeal(title="New gate", amount=Money("1", "EUR"), owner="ann"), by="ann").id
        crm.execute(MoveDeal(deal_id=new, stage="negotiation"), by="ann")

    assert get.called
    assert load.called
    assert select.called
    assert read.called
    assert write.call_count == 2


def test_our_recorders_and_mapper_are_the_librarys() -> None:
    assert issubclass(EventLog, eventsourcing.persistence.ApplicationRecorder)
    assert issubclass(StreamReader, eventsourcing.persistence.AggregateRecorder)
    assert issubclass(StateStore, eventsourcing.persistence.EventStore)
    assert issubclass(EventMapper, eventsourcing.persistence.Mapper)


def test_the_library_may_not_subscribe(crm: CRM) -> None:
    with pytest.raises(NotImplementedError, match="running"):
        crm._store.log.subscribe()  # noqa: SLF001 - as above
