"""PostgreSQL: appending through the caller's own `psycopg.Connection`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg import errors, sql
from psycopg.adapt import AdaptersMap
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

from crm_core.kernel.errors import TransactionConflict
from crm_core.store.joined import refused
from crm_core.store.port import Database, Rows, StreamsMoved, Transaction, UniqueViolation
from crm_core.store.postgres import PostgresDatabase, PostgresTransaction, translated

_WHERE = (
    "SELECT to_regclass('{schema}.crm_events')::oid::bigint, "
    "(SELECT oid::bigint FROM pg_database WHERE datname = current_database()), "
    "extract(epoch FROM pg_postmaster_start_time())::text, current_setting('search_path'), "
    "current_setting('transaction_isolation'), current_setting('transaction_read_only')"
)
"""Which table of which database of which server; the last three are the transaction's own."""
_HEAD = "SELECT position, chain FROM crm_events ORDER BY position DESC LIMIT 1"
_UNUSABLE = {
    TransactionStatus.INERROR: "is in a failed transaction: roll that back first",
    TransactionStatus.ACTIVE: "is busy with another statement",
    TransactionStatus.UNKNOWN: "is closed",
}
_IN_THE_WAY = {
    "40P01": ("deadlock", "each of two transactions waited for the other"),
    "40001": ("serialization", "the transaction cannot be put in an order with others"),
    "55P03": ("timeout", "the log stayed locked for as long as the connection waits (lock_timeout)"),
    "57014": ("timeout", "the statement took longer than the connection waits, or was cancelled"),
}


class _Cursor(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor without the caller's taste: values are read and written as psycopg does by itself."""

    @property
    def adapters(self) -> AdaptersMap:
        """Those of psycopg, whatever is registered on the connection."""
        return psycopg.adapters


class JoinedTransaction(PostgresTransaction):
    """The caller's transaction; the log's lock is already ours."""

    def __init__(self, connection: psycopg.Connection[Any], lock_key: int) -> None:
        super().__init__(connection, lock_key)
        self._cursor = _Cursor(connection, row_factory=tuple_row)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement; whether it is prepared is the caller's connection's own affair."""
        return self._cursor.execute(sql.replace("%", "%%").replace("?", "%s"), parameters)

    def lock_log(self, then: str = "SELECT 1") -> Any:
        """Only the statement: in its own snapshot, behind the lock."""
        return self.execute(then).fetchone()

    def ask(self, statements: str) -> Any:
        """The first row of the last of several statements."""
        return self._last_of(statements)


@contextmanager
def joined_postgres(database: Database, given: object) -> Iterator[Transaction]:
    """See `crm_core.store.joined.joining`."""
    ours = cast("PostgresDatabase", database)
    connection = _checked(given)
    begins = connection.info.transaction_status == TransactionStatus.IDLE
    transaction = JoinedTransaction(connection, ours.lock_key)
    keeps = False
    try:
        search_path = _enter(ours, transaction)
        yield transaction
        if transaction.appended:
            _leave(connection, transaction, search_path)
            keeps = True
    except (UniqueViolation, errors.UniqueViolation):
        raise TransactionConflict("stale", "others have appended since the transaction began to read") from None
    except psycopg.Error as error:
        raise _told(error) from None
    finally:
        if not keeps:
            _undo(connection, transaction, begins=begins)


def _checked(given: object) -> psycopg.Connection[Any]:
    """The connection, if it can be used at all, and would not commit by itself.

    Raises:
        Invalid: it is no synchronous connection of psycopg 3, closed, busy, failed, or in autocommit mode
            without a transaction.
    """
    if not isinstance(given, psycopg.Connection):
        raise refused("must be an open psycopg.Connection: this CRM keeps its log in PostgreSQL")
    if given.closed:
        raise refused("is closed")
    if given.pgconn.pipeline_status != PipelineStatus.OFF:
        raise refused("must not be in pipeline mode: a command reads before it writes")
    status = given.info.transaction_status
    if status in _UNUSABLE:
        raise refused(_UNUSABLE[status])
    if status == TransactionStatus.IDLE and given.autocommit:
        raise refused("is in autocommit mode and has no open transaction: begin one with connection.transaction()")
    if given.info.encoding != "utf-8":
        raise refused("must have the client_encoding UTF8")
    return given


def _enter(ours: PostgresDatabase, transaction: JoinedTransaction) -> str:
    """Make sure it is our database, find our schema, and lock the log; returns the search path to be restored."""
    asked = _WHERE.format(schema=ours.schema)
    *place, search_path, isolation, read_only = transaction.ask(f"SAVEPOINT crm_joined; {asked}")
    with ours.looking() as own:
        if place[0] is None or place != list(own.execute(asked).fetchone()[:3]):
            raise refused("must be to the database of this CRM's log")
    if read_only == "on":
        raise refused("is in a transaction that cannot write")
    transaction.ask(
        f"SELECT set_config('search_path', '{ours.schema}, pg_temp', true); "
        f"SELECT pg_advisory_xact_lock({ours.lock_key})"
    )
    if isolation != "read committed":
        _check_snapshot(ours, transaction)
    return str(search_path)


def _check_snapshot(ours: PostgresDatabase, transaction: JoinedTransaction) -> None:
    """A transaction that keeps its first snapshot may have taken it before the newest event: then it must begin anew.

    Nobody can append while we hold the lock, so what another connection sees now stays the newest.
    """
    with ours.looking() as own:
        newest = own.execute(_HEAD).fetchone()
    if newest is not None:
        seen = transaction.execute("SELECT position, chain FROM crm_events WHERE position = ?", [newest[0]]).fetchone()
        if seen is None or bytes(seen[1]) != bytes(newest[1]):
            raise TransactionConflict("stale", "others have appended since the transaction began to read")


def _leave(connection: psycopg.Connection[Any], transaction: JoinedTransaction, search_path: str) -> None:
    """Keep what was written, and let the caller's names mean what they meant."""
    restored = sql.SQL("RELEASE SAVEPOINT crm_joined; SELECT set_config('search_path', {}, true)")
    transaction.ask(restored.format(sql.Literal(search_path)).as_string(connection))


def _undo(connection: psycopg.Connection[Any], transaction: JoinedTransaction, *, begins: bool) -> None:
    """Leave the caller's transaction as it was found, settings and locks included."""
    if connection.closed or connection.info.transaction_status not in (
        TransactionStatus.INTRANS,
        TransactionStatus.INERROR,
    ):
        return
    statements = "ROLLBACK" if begins else "ROLLBACK TO SAVEPOINT crm_joined; RELEASE SAVEPOINT crm_joined"
    try:
        transaction.script(statements)
    except psycopg.Error:
        connection.close()  # it broke, or was never where we thought: nothing of it may commit


def _told(error: psycopg.Error) -> Exception:
    """Our error for what the caller's connection answered."""
    if error.sqlstate in _IN_THE_WAY:
        return TransactionConflict(*_IN_THE_WAY[error.sqlstate])
    if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
        return refused(f"its role or transaction may not append to the log ({error.sqlstate})")
    found = translated(error)
    if isinstance(found, StreamsMoved):
        return TransactionConflict("serialization", "the transaction cannot be put in an order with others")
    return found
