"""PostgreSQL stops at once under load: whatever the caller was told is still true after the restart."""

from collections.abc import Callable

import pytest

from tests.faults.stopping import EARLY, stop_under_load, survives
from tests.postgres_server import PostgresServer


@pytest.mark.parametrize("stops", [8, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_no_answer_is_lost_when_the_server_stops_at_once(
    stops: int, own_postgres: Callable[..., PostgresServer], figures: Callable[..., None]
) -> None:
    server = own_postgres(settings={"wal_writer_delay": "10s", "commit_delay": "3000", "commit_siblings": "0"})
    found = stop_under_load(server, stops=stops)
    figures(**found.figures)

    assert found.errors == []
    assert found.lost == {}
    assert found.stops == stops
    for kind in ("new", "replayed", "probed", "refused", "nothing to record"):
        assert found.answers[kind] > stops, f"too few answers of the kind that is {kind} to say anything"


def test_whatever_is_told_about_an_event_that_is_not_yet_on_disk_waits_until_it_is(
    own_postgres: Callable[..., PostgresServer], figures: Callable[..., None]
) -> None:
    server = own_postgres(settings={"wal_writer_delay": "10s", "commit_delay": "100000", "commit_siblings": "0"})
    survived = {name: survives(server, ask) for name, ask in EARLY.items()}
    figures(asked=len(survived), lost=[name for name, there in survived.items() if not there])

    assert all(survived.values()), survived
