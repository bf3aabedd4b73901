"""Each safeguard taken out in turn: the same scenarios, the same checks, and now they must find something wrong."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest

import crm_core.store.postgres
import crm_core.writing
from crm_core import CRM, CRMError, Receipt, Request
from crm_core.errors import DatabaseUnavailable
from crm_core.following import Loader
from crm_core.store.log import EventLog
from crm_core.store.postgres import PostgresDatabase, PostgresTransaction
from crm_core.store.sqlite import SqliteDatabase, SqliteTransaction
from projections import retention
from tests.faults.children import replace
from tests.faults.cutting import cut_commits
from tests.faults.following import policies_under_kills, views_under_kills
from tests.faults.stopping import EARLY, stop_under_load, survives
from tests.faults.tailing import tail
from tests.postgres_server import PostgresServer

Figures = Callable[..., None]


# -- no lock: what test_tailing.py would see ----------------------------------------------------------


def no_lock() -> None:
    """Appends no longer queue: the log's lock is not taken, and SQLite's transactions begin as readers."""

    def lock_log(transaction: Any, then: str = "SELECT 1") -> Any:
        return transaction.execute(then).fetchone()

    @contextmanager
    def deferred(database: Any) -> Iterator[SqliteTransaction]:
        connection = database._connection()  # noqa: SLF001 - planted
        try:
            connection.execute("BEGIN")
            yield SqliteTransaction(connection)
            connection.execute("COMMIT")
        except Exception:
            connection.execute("ROLLBACK")
            raise

    replace(PostgresTransaction, lock_log=lock_log)
    replace(PostgresDatabase, append_alone=lambda *_: None)
    replace(SqliteDatabase, writing=deferred, appending=deferred)


def test_without_the_lock_writers_get_in_each_others_way(disk_url: str, tmp_path: Path, figures: Figures) -> None:
    found = tail(disk_url, tmp_path, appends=1_500, plant=no_lock)
    figures(fault="no lock", **found.figures)

    assert found.wrong > 0


@pytest.mark.postgres
def test_without_the_lock_in_the_server_call_writers_get_in_each_others_way(
    postgres_url: str, postgres_dsn: str, tmp_path: Path, figures: Figures
) -> None:
    CRM.open(postgres_url, follow=[]).close()
    script = (files("crm_core.store") / "schema" / "0001.postgres.sql").read_text()
    unlocked = script[script.index("CREATE FUNCTION crm_append(") :].replace(
        "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1
    )
    assert unlocked.count("pg_try_advisory_xact_lock(lock_key)") == 1
    unlocked = unlocked.replace("pg_try_advisory_xact_lock(lock_key)", "true")
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("SELECT set_config('search_path', %s, false)", [postgres_url.rpartition("schema=")[2]])
        connection.execute(unlocked)

    found = tail(postgres_url, tmp_path, appends=1_500)
    figures(fault="no lock in the server call", **found.figures)

    assert found.wrong > 0


@pytest.mark.postgres
def test_positions_given_out_without_the_lock_make_readers_miss_events(
    postgres_url: str, tmp_path: Path, figures: Figures
) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def sequence() -> None:
        """Positions from a counter beside the transaction, as a `bigserial` gives them."""
        append = EventLog.append
        rows = [0]

        def appending(log: EventLog, transaction: Any, entries: Any) -> list[Receipt]:
            rows[0] = sum(len(entry.rows) for entry in entries)
            return append(log, transaction, entries)

        def lock_log(transaction: Any, then: str = "SELECT 1") -> Any:
            return _numbered(transaction.execute(then).fetchone(), counter, rows[0])

        replace(EventLog, append=appending)
        replace(PostgresTransaction, lock_log=lock_log)
        replace(PostgresDatabase, append_alone=lambda *_: None)

    found = tail(postgres_url, tmp_path, appends=2_000, plant=sequence)
    figures(fault="positions from a sequence", **found.figures)

    assert found.missed > 0
    assert found.gaps > 0


def _numbered(head: Any, counter: Path, rows: int) -> Any:
    with counter.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        position = int(file.read())
        file.seek(0)
        file.write(str(position + rows))
    return (position, head[1] if head else "", head[2] if head else bytes(32))


# -- rows and checkpoint apart: what test_kills.py would see -------------------------------------------


def checkpoint_first() -> None:
    """The checkpoint is committed before the rows that belong to it."""

    def fold(loader: Any, follower: Any, page: Any, since: int) -> None:
        facts = page.facts(follower)
        with loader._store.database.writing() as transaction:  # noqa: SLF001 - planted
            loader._move(transaction, follower, since, page.upto)  # noqa: SLF001
        with loader._store.database.writing() as transaction:  # noqa: SLF001
            follower.fold(loader._work(transaction, facts, page.upto, follower, []))  # noqa: SLF001

    replace(Loader, _fold=fold)


def rows_first() -> None:
    """The rows are committed before the checkpoint that they belong to."""

    def fold(loader: Any, follower: Any, page: Any, since: int) -> None:
        facts = page.facts(follower)
        with loader._store.database.writing() as transaction:  # noqa: SLF001 - planted
            follower.fold(loader._work(transaction, facts, page.upto, follower, []))  # noqa: SLF001
        with loader._store.database.writing() as transaction:  # noqa: SLF001
            loader._move(transaction, follower, since, page.upto)  # noqa: SLF001

    replace(Loader, _fold=fold)


@pytest.mark.parametrize("plant", [checkpoint_first, rows_first])
def test_views_are_wrong_if_rows_and_checkpoint_are_committed_apart(
    plant: Callable[[], None], disk_url: str, tmp_path: Path, figures: Figures
) -> None:
    killed, wrong, _ = views_under_kills(disk_url, tmp_path, kills=25, plant=plant, views=[retention], page=1)
    figures(fault=plant.__name__, **killed.figures, wrong=len(wrong))

    assert wrong


def test_policies_leave_facts_unanswered_if_the_checkpoint_is_committed_first(
    disk_url: str, tmp_path: Path, figures: Figures
) -> None:
    killed, wrong, _ = policies_under_kills(disk_url, tmp_path, kills=25, plant=checkpoint_first)
    figures(fault="checkpoint_first", **killed.figures, wrong=len(wrong))

    assert any(one.startswith("missing") for one in wrong)


# -- no command-id probe: what test_cut_commits.py would see -------------------------------------------


def test_blind_retries_without_a_command_id_double(
    own_postgres: Callable[..., PostgresServer], monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    monkeypatch.setattr(crm_core.writing, "_RECONNECTS", -1)

    def blindly(crm: CRM, request: Request) -> list[Receipt | CRMError]:
        while True:
            try:
                return [crm.execute(request.command, by="ann", expect=request.expect)]
            except DatabaseUnavailable:
                continue

    found = cut_commits(own_postgres(tcp=True), "after", commands=100, execute=blindly)
    figures(fault="no command id", **found.figures)

    assert found.doubled > 0
    assert any(one.startswith("Conflict") for one in found.errors), "false conflicts"


def test_without_the_probe_a_lost_answer_becomes_a_false_conflict(
    own_postgres: Callable[..., PostgresServer], monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    monkeypatch.setattr(crm_core.writing, "ATTEMPTS", 3)
    monkeypatch.setattr(EventLog, "receipt", lambda *_: None)
    monkeypatch.setattr(EventLog, "known", lambda *_: {})

    found = cut_commits(own_postgres(tcp=True), "after", commands=100)
    figures(fault="no probe", **found.figures)

    assert any("Conflict" in one for one in found.errors)


# -- no barrier: what test_immediate_stop.py would see --------------------------------------------------

SLOW_DISK = {"wal_writer_delay": "10s", "commit_delay": "30000", "commit_siblings": "0"}


def test_without_any_barrier_new_receipts_are_lost(
    own_postgres: Callable[..., PostgresServer], monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    monkeypatch.setattr(crm_core.store.postgres, "BARRIER", "SELECT 1")
    found = stop_under_load(own_postgres(settings=SLOW_DISK), stops=20, enough=lambda found: found.lost["new"] > 0)
    figures(fault="no barrier", **found.figures)

    assert found.lost["new"] > 0


def test_without_a_barrier_after_reading_what_is_told_early_is_lost(
    own_postgres: Callable[..., PostgresServer], monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    monkeypatch.setattr(PostgresDatabase, "barrier", lambda _: None)
    server = own_postgres(settings={**SLOW_DISK, "commit_delay": "100000"})
    survived = {name: all(survives(server, ask) for _ in range(3)) for name, ask in EARLY.items()}
    figures(fault="no barrier after reading", lost=[name for name, there in survived.items() if not there])

    assert not any(survived.values()), survived
