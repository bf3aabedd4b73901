"""The full CDNOW history, 69,659 real purchases, through commands: the published cohorts and the exact sum."""

import gzip
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from crm_core import CRM, Invalid, Money
from crm_core.cli.cdnow import Imported, commands, import_cdnow, sample
from crm_core.kernel.ids import ContactId
from projections import retention
from projections.reports.cohorts import monthly
from tests.postgres_server import server_programs

PUBLISHED = {
    "1997-01": [7846, 1157, 964, 810, 679, 736, 720, 582, 559, 594, 673, 634, 528, 511, 664, 472, 497, 498],
    "1997-02": [8476, 1312, 980, 783, 847, 786, 626, 619, 666, 721, 661, 545, 568, 718, 545, 548, 551],
    "1997-03": [7248, 1032, 752, 756, 674, 564, 561, 579, 634, 569, 464, 472, 678, 420, 443, 457],
}
SPENT = 250031563
SUM = "SELECT sum(spent_minor) FROM retention"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each durable store in turn, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'cdnow.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def master(shared_data: Path) -> Iterator[Iterator[str]]:
    """The lines of the full history, read as they are asked for."""
    with gzip.open(shared_data / "cdnow" / "CDNOW_master.txt.gz", "rt", encoding="ascii") as lines:
        yield lines


def asked_in_sql(url: str) -> int:
    """What plain SQL, without this library, says was spent."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return int(connection.execute(SUM).fetchone()[0])
    dsn, _, schema = url.rpartition("schema=")
    with psycopg.connect(dsn.rstrip("?&"), options=f"-c search_path={schema}") as connection:
        row = connection.execute(SUM).fetchone()
        assert row is not None
    psql = [str(server_programs() / "psql"), dsn.rstrip("?&"), "-AtX", "-c", SUM]
    said = subprocess.run(
        psql, env={"PGOPTIONS": f"-c search_path={schema}"}, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str(row[0])
    return int(row[0])


def test_the_published_cohorts_to_the_customer_and_the_sum_to_the_cent(durable_url: str, master: Iterator[str]) -> None:
    with CRM.open(durable_url, follow=[retention]) as crm:
        assert import_cdnow(crm, master) == Imported(customers=23570, purchases=69659)
        head = crm.as_of(None).position
        assert head == 23570 + 69659
        view = crm.view(retention, after=head, timeout=100)
        assert {one.month: list(one.active) for one in monthly(view)} == PUBLISHED
        assert view.total("spent") == Money("2500315.63", "USD") == Money.of_minor(SPENT, "USD")
        assert sum(row.units for row in view) == 167881
    assert asked_in_sql(durable_url) == SPENT


def test_an_import_that_is_run_again_records_nothing(store_url: str) -> None:
    lines = [line for _, line in zip(range(400), sample(), strict=False)]
    with CRM.open(store_url, follow=[]) as crm:
        first = import_cdnow(crm, lines)
        head = crm.as_of(None).position
        assert head == first.customers + first.purchases
        assert import_cdnow(crm, lines) == first
        assert crm.as_of(None).position == head


def test_both_layouts_are_read() -> None:
    header = "customer_id date number_of_cds dollar_value\n"
    master = list(commands([header, " 00004 19970101  2   29.33\n", "\n"], {}))
    of_sample = list(commands([" 00004 0001 19970101  2   29.33\n"], {}))
    assert [type(one.command).__name__ for one in master] == ["AddContact", "RecordPurchase"]
    assert [one.at for one in master] == [one.at for one in of_sample]
    assert master[1].command.amount == of_sample[1].command.amount == Money("29.33", "USD")  # type: ignore[attr-defined]


def test_the_file_is_read_as_it_is_imported() -> None:
    read: list[int] = []
    customers: dict[str, ContactId] = {}

    def lines() -> Iterator[str]:
        for number in range(100_000):
            read.append(number)
            yield f"{number % 7:05} 19970101 1 1.00"

    with CRM.open("memory://", follow=[]) as crm:
        outcomes = crm.execute_many(commands(lines(), customers), batch=50)
        next(outcomes)
    assert len(read) <= 51
    assert len(customers) == 7


@pytest.mark.parametrize(
    "line", ["00004 19970101 2", "00004 19971301 2 29.33", "00004 19970101 two 29.33", "00004 19970101 2 29.333", "x"]
)
def test_a_line_that_does_not_fit_is_named(line: str) -> None:
    with pytest.raises(Invalid) as refused:
        list(commands(["00004 19970101 2 29.33", line], {}))
    assert refused.value.field == "line 2"


class TickingClock:
    """A clock that is asked once for every append, and never gives the same answer."""

    def __init__(self) -> None:
        self._now = datetime(2024, 3, 4, tzinfo=UTC)

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


def test_purchases_of_customers_added_in_the_same_batch_are_one_append(store_url: str) -> None:
    lines = [line for _, line in zip(range(300), sample(), strict=False)]
    with CRM.open(store_url, follow=[], clock=TickingClock()) as crm:
        list(crm.execute_many(commands(lines, {}), batch=1_000))
        assert len({fact.recorded_at for fact in crm.log()}) == 1
