"""Each row of the benchmarks works at a tiny size; how fast it is, no test says."""

from collections.abc import Callable

import pytest

from tests.benchmarks.bench import Bench, row_names
from tests.benchmarks.places import Place, PostgresPlace, SqlitePlace
from tests.benchmarks.report import BEGIN, END, markdown, page, terminal
from tests.benchmarks.sizes import SIZES
from tests.postgres_server import PostgresServer

TINY = SIZES["tiny"]
ROWS = row_names()
SLOW_ONLY = "writers"


def measured(row: str, place: Place) -> str:
    with Bench([place], TINY) as bench:
        results = bench.run(row)
    assert results
    for result in results:
        assert result.case.row in terminal(result)
        assert all(len(values) >= TINY.rounds and min(values) > 0 for values in result.values.values())
    return markdown(results)


@pytest.mark.parametrize("row", [row for row in ROWS if row != SLOW_ONLY])
def test_a_row_on_sqlite(row: str) -> None:
    assert "| SQLite | crm-core |" in measured(row, SqlitePlace()) or row == "customer"


@pytest.mark.parametrize("row", [row for row in ROWS if row != SLOW_ONLY])
def test_a_row_on_postgresql(row: str, postgres_dsn: str) -> None:
    assert "| PostgreSQL |" in measured(row, PostgresPlace("PostgreSQL", postgres_dsn))


@pytest.mark.parametrize("row", [SLOW_ONLY, "catch_up"])
def test_a_row_on_a_slow_disk(row: str, own_postgres: Callable[..., PostgresServer]) -> None:
    server = own_postgres(preload_fsync_ms=0.2)
    assert "| slow | crm-core |" in measured(row, PostgresPlace("slow", server.dsn, slow=True))


def test_a_new_page_keeps_what_was_written_by_hand() -> None:
    first = page([], [("date", "today")], TINY, "")
    edited = first.replace("Not yet written.", "The disk.")
    again = page([], [("date", "tomorrow")], TINY, edited)
    assert again == edited.replace("today", "tomorrow")
    assert again.count(BEGIN) == again.count(END) == 1
