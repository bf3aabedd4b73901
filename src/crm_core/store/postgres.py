"""PostgreSQL: many writers, one order. Appends queue on an advisory lock; waiting writers share an fsync."""

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import islice
from typing import Any, cast

import psycopg
from psycopg import errors

from crm_core.kernel.errors import CRMError, DatabaseUnavailable, Invalid, ReadOnly, StoreError
from crm_core.ledger.chain import state_digest
from crm_core.store.calling import CallingConnection
from crm_core.store.copying import copy_in
from crm_core.store.forking import of_this_process, renewed
from crm_core.store.mapper import Entry
from crm_core.store.port import Database, Dialect, Rows, StreamsMoved, Transaction, UniqueViolation

DIALECT = Dialect(
    name="postgres", uuid="uuid", text="text", integer="bigint", boolean="boolean",
    instant="timestamptz", day="date", decimal="numeric", json="jsonb", blob="bytea",
)  # fmt: skip
_APPEND = (
    "SELECT * FROM crm_append($1::bigint, $2, $3::uuid, $4::bytea, $5::uuid, $6::uuid[], $7::bigint[], $8::text[], "
    "$9::integer[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bytea[], "
    "$15::uuid[], $16::integer[], $17::uuid[], $18::bigint[], $19::boolean)"
)
_LIMITS = "-c lock_timeout=30s -c idle_in_transaction_session_timeout=600s"
"""Nobody waits for a lock, or keeps one, for ever."""
_UNCHANGED = " -c default_transaction_read_only=on"
_CROWDED_S = 0.1
"""So long after meeting another writer at the lock, in seconds, nobody of this process keeps it through an fsync."""
_FEW = 20
"""Up to so many rows one statement is faster than COPY."""
_FLUSH_S = 0.01
"""How long a reader who may not write rests before it asks again what is on disk, in seconds; the server's
background writer gets there within three times its `wal_writer_delay` of 0.2 s."""
_INSERTED = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() - '0/0'::pg_lsn END"
_FLUSHED = "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn"
_WAL_PAGE, _WAL_PAGE_HEADER = 8192, 40
BARRIER = "SELECT pg_logical_emit_message(true, 'crm', '')"
"""A transaction of one byte: its commit returns when all that was written before it is on disk."""


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


@lru_cache(maxsize=1024)
def _counted(sql: str) -> str:
    first, *others = sql.split("?")
    return first + "".join([f"${number}{other}" for number, other in enumerate(others, 1)])


def _as_text(value: Any) -> str:
    """A parameter as PostgreSQL reads it."""
    return _text_array(map(str, value)) if isinstance(value, list) else str(value)


class PostgresTransaction(Transaction):
    """A transaction on one connection; BEGIN travels with its first statement.

    `patient`: wait for the log's lock and commit as usual. Otherwise, where the lock is busy, the commit
    does not wait for the disk (`released_early`), and a barrier must follow it.
    """

    dialect = DIALECT

    def __init__(
        self, connection: psycopg.Connection[Any], lock_key: int, *, begin: str = "", patient: bool = True
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._lock_key = lock_key
        self._begin = begin
        self._patient = patient
        self.released_early: bool = False

    def _ready(self) -> psycopg.Cursor[Any]:
        if self._begin:
            self._connection.execute(self._begin)
            self._begin = ""
        return self._cursor

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        return self._ready().execute(_numbered(sql), parameters, prepare=True)

    def chunks(self, sql: str, parameters: Sequence[Any], size: int) -> Generator[list[Any]]:
        found = self._ready().stream(_numbered(sql), parameters, binary=True, size=size)
        with closing(cast("Generator[Any]", found)) as rows:
            while chunk := list(islice(rows, size)):
                yield chunk

    def script(self, sql: str) -> None:
        self._ready().execute(sql.encode())

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._ready().executemany(_numbered(sql), rows)

    def insert(self, *tables: tuple[str, Sequence[str], Sequence[Sequence[Any]]]) -> None:
        cursor = self._ready()
        filled = [(table, tuple(columns), rows) for table, columns, rows in tables if rows]
        if sum(len(rows) for _, _, rows in filled) <= _FEW:
            statement = _insertion(tuple((table, columns, len(rows)) for table, columns, rows in filled))
            cursor.execute(statement, [value for _, _, rows in filled for row in rows for value in row], prepare=True)
            return
        for table, columns, rows in filled:
            copy_in(cursor, table, columns, rows)

    def insert_absent(self, table: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> int:
        arrays = ", ".join(f"%s::{getattr(DIALECT, kind)}[]" for kind in columns.values())
        values = [
            _bytes_array(part) if kind == "blob" else _plain_array(part)
            for kind, part in zip(columns.values(), zip(*rows, strict=True), strict=True)
        ]
        statement = f"INSERT INTO {table} ({','.join(columns)}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"
        return self._ready().execute(statement, values, prepare=True).rowcount

    def upsert(self, table: str, columns: Sequence[str], keys: int, rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        names = ",".join(columns)
        settings = ",".join(f"{one}=excluded.{one}" for one in columns[keys:])
        action = f"UPDATE SET {settings}" if settings else "NOTHING"
        conflict = f"ON CONFLICT ({','.join(columns[:keys])}) DO {action}"
        cursor = self._ready()
        if len(rows) < _FEW:
            marks = ",".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks}) {conflict}", rows)
            return
        staged = f"staged_{table}"
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {staged} (LIKE {table}) ON COMMIT DELETE ROWS")
        cursor.execute(f"TRUNCATE pg_temp.{staged}")
        copy_in(cursor, f"pg_temp.{staged}", columns, rows)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM pg_temp.{staged} {conflict}")

    def where_in(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        return f"{column} = ANY(?)", [list(values)]

    def lock_log(self, then: str = "SELECT 1") -> Any:
        key, begin = self._lock_key, f"{self._begin}; " if self._begin else ""
        self._begin = ""
        if self._patient:
            return self._last_of(f"{begin}SELECT pg_advisory_xact_lock({key}); {then}")
        self._cursor.execute(f"{begin}SELECT pg_try_advisory_xact_lock({key}); {then}")
        if begin:
            self._cursor.nextset()
        [free] = self._cursor.fetchone() or [False]
        if free:
            self._cursor.nextset()
            return self._cursor.fetchone()
        self.released_early = True
        return self._last_of(f"SET LOCAL synchronous_commit = off; SELECT pg_advisory_xact_lock({key}); {then}")

    def _last_of(self, statements: str) -> Any:
        """The first row of the last of several statements, sent together."""
        self._cursor.execute(statements)
        while self._cursor.nextset():
            pass
        return self._cursor.fetchone()


@lru_cache(maxsize=1024)
def _insertion(tables: tuple[tuple[str, tuple[str, ...], int], ...]) -> str:
    """One statement that inserts a few rows into several tables."""
    parts = []
    for table, columns, count in tables:
        marks = ",".join([f"({','.join(['%s'] * len(columns))})"] * count)
        parts.append(f"INSERT INTO {table} ({','.join(columns)}) VALUES {marks}")
    *first, last = parts
    named = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(first))
    return f"WITH {named} {last}" if first else last


def _plain_array(values: Iterable[object]) -> str:
    """An array of ids or numbers as PostgreSQL writes it; several times faster than adapting a list."""
    return "{" + ",".join([str(value) for value in values]) + "}"


def _text_array(texts: Iterable[str]) -> str:
    r"""An array of texts as PostgreSQL writes it: each quoted, with \ and " escaped."""
    return "{" + ",".join(['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]) + "}"


def _bytes_array(values: Iterable[bytes]) -> str:
    """An array of bytes as PostgreSQL writes it."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"


class PostgresDatabase(Database):
    """A schema of a PostgreSQL database.

    Connections are made when needed, kept in a stack and given back after each transaction; nothing
    runs in the background. `schema` holds every table; the log's lock is one per schema.
    """

    dialect = DIALECT
    reads_ahead: bool = psycopg.capabilities.has_stream_chunked()
    breaks: int = 0

    def __init__(self, conninfo: str, schema: str, *, durability: str = "full", read_only: bool = False) -> None:
        self.schema = schema
        self.durability = durability
        self.read_only = read_only
        self._conninfo = conninfo
        self._idle = renewed(self, "_idle", list[CallingConnection])
        self._crowded_until = 0.0
        self._guard = renewed(self, "_guard", threading.Lock)
        self.closed: bool = False
        digest = blake2b(f"crm log/{schema}".encode(), digest_size=8).digest()
        self.lock_key: int = int.from_bytes(digest, "big", signed=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(PostgresDatabase, self._conninfo, self.schema, durability=self.durability), ()

    def _connect(self) -> CallingConnection:
        try:
            connection = CallingConnection.connect(
                self._conninfo,
                autocommit=True,
                application_name="crm",
                connect_timeout=10,
                options=f"-c search_path={self.schema} -c timezone=UTC {_LIMITS}{_UNCHANGED if self.read_only else ''}",
            )
        except psycopg.ProgrammingError:
            raise Invalid("url", [("url", "has an option that libpq does not know")]) from None
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"no PostgreSQL answers ({type(error).__name__})") from None
        connection.prepare_threshold = 2
        return of_this_process(connection)

    def _take(self) -> CallingConnection:
        if self.closed:
            msg = "this CRM is closed"
            raise StoreError(msg)
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give_back(self, connection: CallingConnection) -> None:
        if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()
            self._forget_idle()
            return
        with self._guard:
            if not self.closed:
                self._idle.append(connection)
                return
        connection.close()

    def _forget_idle(self) -> None:
        """One connection broke, so the others may have: a restarted server knows none of them."""
        with self._guard:
            self.breaks += 1
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _session(self) -> Iterator[CallingConnection]:
        connection = self._take()
        try:
            yield connection
        except psycopg.Error as error:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.UNKNOWN:
                _roll_back(connection)
            raise translated(error) from None
        except BaseException:
            _roll_back(connection)
            raise
        finally:
            self._give_back(connection)

    @contextmanager
    def autocommit(self) -> Iterator[CallingConnection]:
        """A connection outside any transaction, for set-up."""
        with self._session() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with self._session() as connection:
            yield PostgresTransaction(
                connection, self.lock_key, begin="BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            )
            connection.execute("COMMIT")

    @contextmanager
    def looking(self) -> Iterator[Transaction]:
        with self._session() as connection:
            yield PostgresTransaction(connection, self.lock_key)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        self._require_writable()
        with self._session() as connection:
            yield PostgresTransaction(connection, self.lock_key, begin="BEGIN")
            connection.execute("COMMIT")

    @contextmanager
    def appending(self) -> Iterator[Transaction]:
        self._require_writable()
        with self._session() as connection:
            transaction = PostgresTransaction(connection, self.lock_key, begin="BEGIN", patient=False)
            yield transaction
            connection.execute("COMMIT")
            if transaction.released_early:
                connection.execute(BARRIER, prepare=True)

    def append_alone(self, entry: Entry, clock: str) -> tuple[int, str] | None:
        self._require_writable()
        rows, crowded = entry.rows, time.monotonic() < self._crowded_until
        links = [(thing, number) for number, row in enumerate(rows, 1) for thing in row.links]
        values = (
            str(self.lock_key), clock, str(entry.command_id), f"\\x{entry.fingerprint.hex()}", str(entry.thing),
            _plain_array(row.stream for row in rows), _plain_array(row.originator_version for row in rows),
            _text_array(row.topic for row in rows), _plain_array(row.type_version for row in rows),
            _text_array(row.at for row in rows), _text_array(row.header for row in rows),
            _text_array(row.public for row in rows),
            _bytes_array(row.sealed for row in rows),
            _bytes_array(state_digest(row.public.encode(), row.sealed) for row in rows),
            _plain_array(thing for thing, _ in links), _plain_array(number for _, number in links),
            _plain_array(entry.looked_at), _plain_array(entry.looked_at.values()),
            "t" if crowded else "f",
        )  # fmt: skip
        with self._session() as connection:
            [[last, recorded, early]] = connection.call(_APPEND, values, "it?")
            if early:
                connection.call(BARRIER, [], "-")
        if early and not crowded:
            self._crowded_until = time.monotonic() + _CROWDED_S
        return last, recorded

    def expunge(self) -> None:
        """Vacuum what this role owns of the key store; the server's own log keeps old bytes until it is recycled."""
        if self.schema.endswith("_keys"):
            with self._session() as connection:
                connection.execute("VACUUM crm_keys")

    def ask(self, sql: str, parameters: Sequence[Any], columns: str) -> list[Any]:
        with self._session() as connection:
            return connection.call(_counted(sql), [_as_text(one) for one in parameters], columns)

    def where_in(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        return f"{column} = ANY(?)", [list(values)]

    def barrier(self) -> None:
        with self._session() as connection:
            if self.read_only:
                _until_flushed(connection)
            else:
                connection.call(BARRIER, [], "-")

    def _require_writable(self) -> None:
        if self.read_only:
            raise ReadOnly("nothing can be recorded")

    def close(self) -> None:
        with self._guard:
            self.closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def _until_flushed(connection: psycopg.Connection[Any]) -> None:
    """Wait until what is readable now is on disk, without writing; a standby has only what was on a disk before."""
    until = connection.execute(_INSERTED).fetchone()[0]  # type: ignore[index]
    if until is None:
        return
    if until % _WAL_PAGE <= _WAL_PAGE_HEADER:  # nothing is on this page yet but its header, which nobody flushes
        until -= until % _WAL_PAGE
    while connection.execute(_FLUSHED).fetchone()[0] < until:  # type: ignore[index]
        threading.Event().wait(_FLUSH_S)


def _roll_back(connection: CallingConnection) -> None:
    try:
        if not connection.closed:
            connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()


def translated(error: psycopg.Error) -> Exception:
    """Our error for PostgreSQL's. Its DETAIL lines can hold row values, so they stay behind."""
    if isinstance(error, errors.UniqueViolation):
        return UniqueViolation(error.diag.constraint_name or "")
    if isinstance(error, errors.SerializationFailure):
        return StreamsMoved()
    if isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate.startswith(("57P", "08"))
    ):
        return DatabaseUnavailable(f"the connection to PostgreSQL broke ({error.sqlstate or type(error).__name__})")
    return _store_error(error)


def _store_error(error: psycopg.Error) -> CRMError:
    about_data = (error.sqlstate or "").startswith("22")  # its message quotes the value
    told = None if about_data else error.diag.message_primary
    return StoreError(f"PostgreSQL refused: {error.sqlstate} {told or type(error).__name__}")
