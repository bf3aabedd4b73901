"""SIGKILL of a host inside its own transaction: its rows and its events are there together, or neither is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from crm_core import CRMError, Receipt, Request
from crm_core.writing import Writer
from tests.faults.children import replace
from tests.faults.joining import join_under_kills
from tests.hosts import Host, PostgresHost, SqliteHost

Figures = Callable[..., None]


@pytest.fixture
def host(disk_url: str) -> Iterator[Host]:
    """A host on each durable database in turn."""
    with closing(SqliteHost(disk_url) if disk_url.startswith("sqlite") else PostgresHost(disk_url)) as made:
        yield made


@pytest.fixture(params=[200, pytest.param(2000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def kills(request: pytest.FixtureRequest) -> int:
    """How often to kill."""
    return int(request.param)


def test_a_host_row_and_its_events_survive_or_vanish_together(
    kills: int, host: Host, tmp_path: Path, figures: Figures
) -> None:
    found = join_under_kills(host, tmp_path, kills=kills)
    figures(**found.figures)

    assert (found.torn, found.wrong) == (0, [])
    assert found.committed >= found.acknowledged > kills / 10
    assert found.killed.kills >= kills
    assert found.killed.inside * 3 >= found.killed.kills


def commits_alone() -> None:
    """The events are appended in a transaction of their own, whatever connection is given."""

    def joined(
        writer: Writer, requests: Sequence[Request], _: object, *, stop_on_refusal: bool = False
    ) -> list[Receipt | CRMError]:
        return [writer.execute(request) for request in requests]

    replace(Writer, joined=joined)


@pytest.mark.postgres
def test_without_joining_a_kill_tears_them_apart(postgres_url: str, tmp_path: Path, figures: Figures) -> None:
    with closing(PostgresHost(postgres_url)) as host:
        found = join_under_kills(host, tmp_path, kills=20, plant=commits_alone)
    figures(fault="events commit alone", **found.figures)

    assert found.torn > 0
