"""PostgreSQL stops at once under load: whatever the caller was told is still true after the restart."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from crm_core import CRM, Money, Request
from crm_core.commands import DefinePipeline, OpenDeal
from crm_core.definitions.events import Stage
from crm_core.errors import NoSuchPipeline
from tests.faults.stopping import EARLY, Stopping, stop_under_load, survives, told_early
from tests.postgres_server import PostgresServer

KINDS = ("new", "replayed", "probed", "refused", "nothing to record")
"""What an answer can be."""


@pytest.mark.parametrize("stops", [8, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_no_answer_is_lost_when_the_server_stops_at_once(
    stops: int, own_postgres: Callable[..., PostgresServer], figures: Callable[..., None]
) -> None:
    server = own_postgres(settings={"wal_writer_delay": "10s", "commit_delay": "3000", "commit_siblings": "0"})

    def every_kind_was_told_often(found: Stopping) -> bool:
        return found.stops >= stops and all(found.answers[kind] > stops for kind in KINDS)

    found = stop_under_load(server, stops=5 * stops, enough=every_kind_was_told_often)
    figures(**found.figures)

    assert found.errors == []
    assert found.lost == {}
    assert every_kind_was_told_often(found), "too few answers of some kind to say anything"


def test_whatever_is_told_about_an_event_that_is_not_yet_on_disk_waits_until_it_is(
    own_postgres: Callable[..., PostgresServer], figures: Callable[..., None]
) -> None:
    server = own_postgres(settings={"wal_writer_delay": "10s", "commit_delay": "100000", "commit_siblings": "0"})
    survived = {name: survives(server, ask) for name, ask in EARLY.items()}
    figures(asked=len(survived), lost=[name for name, there in survived.items() if not there])

    assert all(survived.values()), survived


def test_a_definition_that_was_read_but_lost_is_not_in_force_afterwards(
    own_postgres: Callable[..., PostgresServer],
) -> None:
    server = own_postgres(settings={"wal_writer_delay": "10s", "commit_delay": "100000", "commit_siblings": "0"})
    stages = tuple(Stage(key=one, label=one, probability=0, type=one) for one in ("open", "won", "lost"))
    request = Request(DefinePipeline(pipeline="ours", stages=stages), "ann", command_id=uuid4())
    readers: list[CRM] = []

    def read(reader: CRM, _: Request) -> None:
        reader._writer.in_force.refresh()  # noqa: SLF001 - as every decision does that asks for a definition
        readers.append(reader)

    with told_early(server, request, read) as url, CRM.open(url, follow=[]) as crm:
        assert crm.status().position == 1, "the definition is not lost: the test shows nothing"
        with pytest.raises(NoSuchPipeline):
            readers[0].execute(OpenDeal(title="x", amount=Money(1, "EUR"), owner="ann", pipeline="ours"), by="ann")
