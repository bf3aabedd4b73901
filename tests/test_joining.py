"""A command inside the host's own transaction: the host's row and the events commit together or not at all."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from crm_core import CRM, Conflict, CRMError, Erased, Invalid, Money, Receipt, Refused
from crm_core.commands import AddContact, ForgetPerson, MoveDeal, OpenDeal, SwitchOnPolicy, WinDeal
from crm_core.errors import CommandIdReused, DealNotOpen, NoSuchStage, NotACRMDatabase, TransactionConflict
from crm_core.kernel.ids import DealId
from policies import thank_on_purchase
from projections import pipeline
from tests.hosts import Host, PostgresHost, SqliteHost

NAME = "Zebulon Quix"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """A host with a table of its own beside the log, on each database in turn."""
    made: Host
    if request.param == "sqlite":
        made = SqliteHost(f"sqlite:///{tmp_path / 'acme.db'}")
    else:
        made = PostgresHost(request.getfixturevalue("postgres_url"))
    with closing(made):
        yield made


@pytest.fixture
def crm(host: Host) -> Iterator[CRM]:
    """The host's CRM."""
    with CRM.open(host.url, follow=[pipeline]) as opened:
        host.prepare()
        yield opened


def deal(title: str = "New roof", amount: str = "1") -> OpenDeal:
    return OpenDeal(title=title, amount=Money(amount, "EUR"), owner="ann")


# -- together or not at all ------------------------------------------------------------------------


def test_a_host_row_and_an_event_commit_together(crm: CRM, host: Host) -> None:
    with host.connect() as connection:
        host.begin(connection)
        host.insert(connection, "order 1")
        receipt = crm.execute(deal(), by="ann", connection=connection)
        assert crm.status().position == 0, "nobody else sees it yet"
        connection.commit()
    assert host.rows() == ["order 1"]
    assert [fact.position for fact in crm.history(receipt.id)] == [receipt.position] == [1]
    assert crm.view(pipeline, after=receipt).where(status="open").total("amount") == Money("1", "EUR")
    assert crm.verify().intact


def test_a_host_row_and_an_event_vanish_together(crm: CRM, host: Host) -> None:
    with host.connect() as connection:
        host.begin(connection)
        host.insert(connection, "order 1")
        lost = crm.execute(AddContact(name=NAME), by="ann", connection=connection)
        connection.rollback()
    assert (host.rows(), crm.status().position) == ([], 0)
    again = crm.execute(AddContact(contact_id=lost.id, name=NAME), by="ann")
    assert (again.position, again.events[0].version) == (1, 1)
    assert crm.history(lost.id)[0].event.name == NAME  # type: ignore[attr-defined]
    assert crm.verify().intact


def test_each_command_of_a_transaction_sees_those_before_it(crm: CRM, host: Host) -> None:
    with host.connect() as connection:
        host.begin(connection)
        opened = crm.execute(deal(), by="ann", connection=connection)
        won = WinDeal(deal_id=opened.id, closed_on=datetime(2026, 3, 2, tzinfo=UTC).date())
        closed = crm.execute(won, by="ann", connection=connection)
        with pytest.raises(DealNotOpen):
            crm.execute(MoveDeal(deal_id=opened.id, stage="negotiation"), by="ann", connection=connection)
        connection.commit()
    assert (opened.position, closed.position) == (1, 2)
    assert [fact.type for fact in crm.log()] == ["deal.opened", "deal.won"]
    assert crm.verify().intact


def test_the_callers_transaction_goes_on_after_a_refusal(crm: CRM, host: Host) -> None:
    opened = crm.execute(deal(), by="ann")
    with host.connect() as connection:
        host.begin(connection)
        host.insert(connection, "order 1")
        with pytest.raises(NoSuchStage):
            crm.execute(MoveDeal(deal_id=opened.id, stage="nowhere"), by="ann", connection=connection)
        move = MoveDeal(deal_id=opened.id, stage="negotiation")
        with pytest.raises(Conflict):
            crm.execute(move, by="ann", expect={opened.id: 7}, connection=connection)
        host.insert(connection, "order 2")
        crm.execute(move, by="ann", connection=connection)
        connection.commit()
    assert (host.rows(), crm.status().position) == (["order 1", "order 2"], 2)


@pytest.mark.postgres
def test_after_a_refusal_nobody_has_to_wait_for_the_caller(postgres_url: str) -> None:
    host = PostgresHost(postgres_url)
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
        opened = crm.execute(deal(), by="ann", connection=connection)
        connection.commit()
        connection.execute("SELECT 1")
        with pytest.raises(NoSuchStage):
            crm.execute(MoveDeal(deal_id=opened.id, stage="nowhere"), by="ann", connection=connection)
        crm.execute(deal(), by="ann")  # while the caller's transaction is still open
        connection.commit()
        assert crm.status().position == 2


def test_many_commands_join_a_transaction_and_a_refusal_spares_the_rest(crm: CRM, host: Host) -> None:
    commands = [deal(f"Roof {number}") for number in range(30)]
    refused = MoveDeal(deal_id=DealId(uuid4()), stage="negotiation")
    with host.connect() as connection:
        host.begin(connection)
        host.insert(connection, "order 1")
        outcomes = list(crm.execute_many([*commands, refused, deal()], by="ann", batch=10, connection=connection))
        assert [type(one) for one in outcomes[:30]] == [Receipt] * 30
        assert isinstance(outcomes[30], Refused)
        first, second = crm.execute_many([refused, deal()], by="ann", batch=1, connection=connection)
        assert isinstance(first, Refused)
        assert isinstance(second, Receipt)
        stopped = list(crm.execute_many([refused, deal()], by="ann", stop_on_refusal=True, connection=connection))
        assert len(stopped) == 1
        connection.commit()
    assert [fact.position for fact in crm.log()] == list(range(1, 33))
    assert crm.verify().intact


def test_a_command_id_gives_one_receipt_within_the_transaction_and_ever_after(crm: CRM, host: Host) -> None:
    command_id = uuid4()
    with host.connect() as connection:
        host.begin(connection)
        lost = crm.execute(deal(), by="ann", command_id=command_id, connection=connection)
        connection.rollback()
        crm.execute(deal("Something else"), by="ann")
        host.begin(connection)
        host.insert(connection, "order 1")
        first = crm.execute(deal(), by="ann", command_id=command_id, connection=connection)
        again = crm.execute(deal(), by="ann", command_id=command_id, connection=connection)
        with pytest.raises(CommandIdReused):
            crm.execute(deal(amount="2"), by="ann", command_id=command_id, connection=connection)
        connection.commit()
        host.begin(connection)
        later = crm.execute(deal(), by="ann", command_id=command_id, connection=connection)
        connection.commit()
    assert lost.position == 1
    assert first == again == later == crm.execute(deal(), by="ann", command_id=command_id)
    assert first.position == 2


def test_what_a_rollback_undid_is_remembered_by_nobody(crm: CRM, host: Host) -> None:
    with host.connect() as connection:
        host.begin(connection)
        crm.execute(SwitchOnPolicy(policy=thank_on_purchase.name), by="ann", connection=connection)
        opened = crm.execute(deal(), by="ann", connection=connection)
        crm.execute(MoveDeal(deal_id=opened.id, stage="negotiation"), by="ann", connection=connection)
        connection.rollback()
    assert crm._writer.in_force.switches() == {}  # noqa: SLF001 - the very memory in question
    with pytest.raises(Refused):
        crm.execute(MoveDeal(deal_id=opened.id, stage="negotiation"), by="ann")
    crm.execute(SwitchOnPolicy(policy=thank_on_purchase.name), by="ann")
    assert crm.status().position == 1


def test_nobody_is_woken_before_the_callers_commit(crm: CRM, host: Host) -> None:
    told: list[Any] = []
    crm._writer.appended = told.append  # noqa: SLF001 - listens where followers are woken
    with host.connect() as connection:
        host.begin(connection)
        crm.execute(deal(), by="ann", connection=connection)
        connection.rollback()
    assert told == []


def test_a_forgetting_is_refused_inside_a_transaction_for_its_keys_cannot_come_back(crm: CRM, host: Host) -> None:
    contact = crm.execute(AddContact(name=NAME), by="ann").id
    with host.connect() as connection:
        host.begin(connection)
        host.insert(connection, "order 1")
        with pytest.raises(Invalid, match=r"connection: .*forgets"):
            crm.execute(ForgetPerson(contact_id=contact, ground="child"), by="ann", connection=connection)
        connection.commit()
    assert crm.status().position == 1
    assert not isinstance(crm.history(contact)[0].event.name, Erased)  # type: ignore[attr-defined]


# -- whatever the connection is like ---------------------------------------------------------------


def test_the_callers_taste_in_rows_and_texts_matters_not_and_is_kept(crm: CRM, host: Host) -> None:
    with host.fussy_connection() as connection:
        host.begin(connection)
        host.insert(connection, "order 1")
        before = host.taste_of(connection)
        opened = crm.execute(deal("Café Zürich"), by="ann", connection=connection)
        crm.execute(MoveDeal(deal_id=opened.id, stage="negotiation"), by="ann", connection=connection)
        with pytest.raises(NoSuchStage):
            crm.execute(MoveDeal(deal_id=opened.id, stage="nowhere"), by="ann", connection=connection)
        many = crm.execute_many([deal(f"Roof {number}") for number in range(30)], by="ann", connection=connection)
        assert all(isinstance(one, Receipt) for one in many)
        assert host.taste_of(connection) == before
        host.insert(connection, "order 2")
        connection.commit()
    assert (host.rows(), crm.status().position) == (["order 1", "order 2"], 32)
    assert crm.history(opened.id)[0].event.title == "Café Zürich"  # type: ignore[attr-defined]
    assert crm.verify().intact


def test_a_driver_that_begins_by_itself_may_leave_the_beginning_to_the_command(crm: CRM, host: Host) -> None:
    with host.connect() as connection:
        crm.execute(deal(), by="ann", connection=connection)
        assert crm.status().position == 0
        host.insert(connection, "order 1")
        connection.commit()
        with pytest.raises(Refused):
            crm.execute(MoveDeal(deal_id=DealId(uuid4()), stage="negotiation"), by="ann", connection=connection)
        crm.execute(deal(), by="ann")  # the refused one's beginning was taken back
    assert (host.rows(), crm.status().position) == (["order 1"], 2)


def test_within_the_callers_own_savepoint_only_that_part_is_taken_back(crm: CRM, host: Host) -> None:
    with host.connect() as connection:
        host.begin(connection)
        kept = crm.execute(deal(), by="ann", connection=connection)
        connection.execute("SAVEPOINT crm_joined")
        crm.execute(deal(), by="ann", connection=connection)
        connection.execute("ROLLBACK TO SAVEPOINT crm_joined")
        last = crm.execute(deal(), by="ann", connection=connection)
        connection.commit()
    assert (kept.position, last.position) == (1, 2)
    assert crm.verify().intact


def refuses(crm: CRM, connection: Any, rule: str) -> None:
    """It is said what is wrong with the connection, and nothing is recorded."""
    with pytest.raises(Invalid, match=rule) as refusal:
        crm.execute(AddContact(name=NAME), by="ann", connection=connection)
    assert refusal.value.field == "connection"
    assert NAME not in str(refusal.value)
    with pytest.raises(Invalid, match=rule):
        list(crm.execute_many([AddContact(name=NAME)], by="ann", connection=connection))
    assert crm.status().position == 0


def test_what_is_no_connection_to_this_kind_of_database_is_refused(crm: CRM, host: Host, tmp_path: Path) -> None:
    other: Any = psycopg.Connection.__new__(psycopg.Connection)
    if isinstance(host, PostgresHost):
        other = sqlite3.connect(tmp_path / "other.db")
    for connection in (other, "sqlite:///acme.db", 7, True, host):
        refuses(crm, connection, "must be an open")


def test_a_closed_connection_is_refused(crm: CRM, host: Host) -> None:
    with host.connect() as connection:
        connection.close()
        refuses(crm, connection, "is closed")


def test_autocommit_without_a_transaction_is_refused_since_the_events_would_commit_alone(crm: CRM, host: Host) -> None:
    with host.autocommit_connection() as connection:
        refuses(crm, connection, "autocommit")
        host.begin(connection)
        crm.execute(deal(), by="ann", connection=connection)
        connection.execute("ROLLBACK")
        assert crm.status().position == 0
        host.begin(connection)
        host.insert(connection, "order 1")
        crm.execute(deal(), by="ann", connection=connection)
        connection.execute("COMMIT")
    assert (host.rows(), crm.status().position) == (["order 1"], 1)


def test_a_connection_to_another_database_is_refused(crm: CRM, host: Host) -> None:
    with host.elsewhere() as connection:
        host.begin(connection)
        refuses(crm, connection, "must be to the")
        connection.commit()


def test_a_connection_that_cannot_write_is_refused(crm: CRM, host: Host) -> None:
    with host.reading_connection() as connection:
        host.begin(connection)
        refuses(crm, connection, "cannot write|may not append")


def test_nobody_else_is_connected_to_a_crm_in_memory() -> None:
    with CRM.open("memory://", follow=[]) as crm, closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("BEGIN")
        refuses(crm, connection, "memory")


def test_a_sqlite_connection_of_another_thread_is_refused(tmp_path: Path) -> None:
    host = SqliteHost(f"sqlite:///{tmp_path / 'acme.db'}")
    with CRM.open(host.url, follow=[]) as crm, closing(sqlite3.connect(host.path)) as connection:
        failures: list[BaseException] = []

        def elsewhere() -> None:
            try:
                refuses(crm, connection, "another thread")
            except BaseException as error:  # noqa: BLE001 - told in the test's own thread
                failures.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert failures == []


def test_temporary_tables_that_would_hide_the_log_are_refused(tmp_path: Path) -> None:
    host = SqliteHost(f"sqlite:///{tmp_path / 'acme.db'}")
    with CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
        connection.execute("CREATE TEMP TABLE crm_events (position INTEGER)")
        connection.execute("BEGIN")
        refuses(crm, connection, "temporary")


@pytest.mark.postgres
def test_temporary_tables_do_not_hide_a_log_in_postgresql(postgres_url: str) -> None:
    host = PostgresHost(postgres_url)
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
        connection.execute("CREATE TEMP TABLE crm_events (position bigint)")
        crm.execute(deal(), by="ann", connection=connection)
        connection.commit()
        assert crm.status().position == 1


@pytest.mark.postgres
def test_connections_of_psycopg_that_cannot_do_it_are_refused(postgres_url: str) -> None:
    host = PostgresHost(postgres_url)
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1 / 0")
        refuses(crm, connection, "failed transaction")
        connection.rollback()
        with connection.pipeline():
            refuses(crm, connection, "pipeline")
        connection.execute("SET client_encoding = 'LATIN1'")
        refuses(crm, connection, "UTF8")

        async def asynchronous() -> None:
            async with await psycopg.AsyncConnection.connect(host.dsn) as other:
                refuses(crm, other, "must be an open")

        asyncio.run(asynchronous())


@pytest.mark.postgres
@pytest.mark.parametrize("level", list(psycopg.IsolationLevel))
def test_every_isolation_level_appends_without_gap_or_double(postgres_url: str, level: psycopg.IsolationLevel) -> None:
    host = PostgresHost(postgres_url)
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
        connection.isolation_level = level
        connection.execute("SELECT 1")
        crm.execute(deal(), by="ann")  # behind the back of the open transaction
        if level >= psycopg.IsolationLevel.REPEATABLE_READ:
            with pytest.raises(TransactionConflict) as conflict:
                crm.execute(deal(), by="ann", connection=connection)
            assert conflict.value.reason == "stale"
            connection.rollback()
        crm.execute(deal(), by="ann", connection=connection)
        crm.execute(deal(), by="ann", connection=connection)
        connection.commit()
        assert [fact.position for fact in crm.log()] == [1, 2, 3]
        assert crm.verify().intact


# -- when others are in the way ---------------------------------------------------------------------


def test_a_sqlite_transaction_that_began_to_read_too_early_is_a_conflict(tmp_path: Path) -> None:
    host = SqliteHost(f"sqlite:///{tmp_path / 'acme.db'}")
    with CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
        host.prepare()
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM orders").fetchall()
        crm.execute(deal(), by="ann")
        with pytest.raises(TransactionConflict) as conflict:
            crm.execute(deal(), by="ann", connection=connection)
        assert (conflict.value.reason, conflict.value.versions) == ("stale", {})
        connection.rollback()
        connection.execute("BEGIN")
        crm.execute(deal(), by="ann", connection=connection)
        connection.commit()
        assert crm.status().position == 2


def test_a_sqlite_file_that_another_connection_writes_to_is_a_conflict(tmp_path: Path) -> None:
    host = SqliteHost(f"sqlite:///{tmp_path / 'acme.db'}")
    with CRM.open(host.url, follow=[]) as crm, host.connect() as writer, host.connect() as connection:
        host.prepare()
        connection.execute("PRAGMA busy_timeout = 0")
        host.insert(writer, "order 1")
        connection.execute("BEGIN")
        with pytest.raises(TransactionConflict) as conflict:
            crm.execute(deal(), by="ann", connection=connection)
        assert conflict.value.reason == "busy"
        writer.commit()
        crm.execute(deal(), by="ann", connection=connection)
        connection.commit()
        assert (host.rows(), crm.status().position) == (["order 1"], 1)


@pytest.mark.postgres
def test_a_deadlock_with_a_host_row_is_a_conflict_and_the_other_goes_on(postgres_url: str) -> None:
    host = PostgresHost(postgres_url)
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as one, host.connect() as other:
        host.prepare()
        host.insert(one, "order 1")
        one.commit()
        other.execute("SET deadlock_timeout = '60s'")  # so that it is the command that finds out
        one.execute("SET deadlock_timeout = '10ms'")
        one.execute("UPDATE orders SET title = title")
        crm.execute(deal("Theirs"), by="ann", connection=other)  # holds the log
        waiting = threading.Thread(target=other.execute, args=["UPDATE orders SET title = title"])
        waiting.start()
        host.until_waiting()
        with pytest.raises(TransactionConflict) as conflict:
            crm.execute(deal("Ours"), by="ann", connection=one)
        assert conflict.value.reason == "deadlock"
        one.rollback()
        waiting.join()
        other.commit()
        assert [fact.event.title for fact in crm.log()] == ["Theirs"]  # type: ignore[attr-defined]


@pytest.mark.postgres
@pytest.mark.parametrize("setting", ["lock_timeout", "statement_timeout"])
def test_a_log_that_stays_locked_too_long_is_a_conflict(postgres_url: str, setting: str) -> None:
    host = PostgresHost(postgres_url)
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as one, host.connect() as other:
        crm.execute(deal(), by="ann", connection=other)
        one.execute(f"SET {setting} = '20ms'")
        with pytest.raises(TransactionConflict) as conflict:
            crm.execute(deal(), by="ann", connection=one)
        assert conflict.value.reason == "timeout"
        other.commit()
        crm.execute(deal(), by="ann", connection=one)
        one.commit()
        assert crm.status().position == 2


@pytest.mark.postgres
def test_a_serialization_failure_is_a_conflict(postgres_url: str) -> None:
    host = PostgresHost(postgres_url)
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as one, host.connect() as other:
        host.prepare()
        crm.execute(deal(), by="ann")
        one.isolation_level = other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        other.execute("SELECT count(*) FROM orders")
        one.execute(f"SELECT max(position) FROM {host.schema}.crm_events")
        host.insert(one, "order 1")
        one.commit()  # it saw no second deal, and `other` saw no order: neither came first
        with pytest.raises(TransactionConflict) as conflict:
            crm.execute(deal(), by="ann", connection=other)
        assert conflict.value.reason == "serialization"
        other.rollback()
        crm.execute(deal(), by="ann", connection=other)
        other.commit()
        assert (host.rows(), crm.status().position) == (["order 1"], 2)


@pytest.mark.postgres
def test_a_role_that_may_not_append_is_told_so(postgres_url: str) -> None:
    host = PostgresHost(postgres_url)
    role = f"role_{uuid4().hex[:8]}"
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
        connection.execute(f"CREATE ROLE {role}")
        connection.commit()
        try:
            for grant in ("SELECT 1", f"GRANT USAGE ON SCHEMA {host.schema} TO {role}"):
                connection.execute(grant)
                connection.commit()
                connection.execute(f"SET LOCAL ROLE {role}")
                refuses(crm, connection, "may not append")
                connection.rollback()
        finally:
            connection.rollback()
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
            connection.commit()


@pytest.mark.postgres
def test_a_connection_that_breaks_leaves_nothing(postgres_url: str) -> None:
    host = PostgresHost(postgres_url)
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as connection, host.connect() as killer:
        host.prepare()
        host.insert(connection, "order 1")
        killer.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(CRMError, match="broke"):
            crm.execute(deal(), by="ann", connection=connection)
        assert (host.rows(), crm.status().position) == ([], 0)


# -- a file that was the host's first ---------------------------------------------------------------


def test_a_crm_moves_into_the_hosts_own_file_when_told_so(tmp_path: Path) -> None:
    host = SqliteHost(f"sqlite:///{tmp_path / 'shop.db'}?shared=yes")
    host.prepare()
    with pytest.raises(NotACRMDatabase):
        CRM.open(f"sqlite:///{host.path}")
    for url in (host.url, f"sqlite:///{host.path}", host.url):
        with CRM.open(url) as crm, host.connect() as connection:
            host.insert(connection, f"order {crm.status().position}")
            crm.execute(deal(), by="ann", connection=connection)
            connection.commit()
    assert host.rows() == ["order 0", "order 1", "order 2"]


def test_a_file_with_part_of_a_crm_is_not_moved_into(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE crm_customers (name TEXT)")
    with pytest.raises(NotACRMDatabase, match="crm_customers"):
        CRM.open(f"sqlite:///{tmp_path / 'shop.db'}?shared=yes")
    for url in ("memory://?shared=yes", "postgresql:///x?shared=yes", "sqlite:///x.db?shared=perhaps"):
        with pytest.raises(Invalid, match="shared"):
            CRM.open(url)
    assert not (tmp_path / "shop.keys.db").exists()
