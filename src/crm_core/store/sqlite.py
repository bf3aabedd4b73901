"""SQLite: one file (or memory), one writer at a time, every commit synced to disk."""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from crm_core.kernel.errors import CRMError, DatabaseUnavailable, NotACRMDatabase, StoreError
from crm_core.store.forking import Use, counted, kept_from_children, refuse_carried, renewed
from crm_core.store.port import Database, Dialect, Rows, Transaction, UniqueViolation

DIALECT = Dialect(
    name="sqlite", uuid="TEXT", text="TEXT", integer="INTEGER", boolean="INTEGER",
    instant="TEXT", day="TEXT", decimal="TEXT", json="TEXT", blob="BLOB",
)  # fmt: skip
BUSY_S = 30.0
"""How long a statement waits for another process's transaction, in seconds."""
_PAUSE_S = 0.02
"""How long an opener rests while another process opens or leaves the same file, in seconds."""

sqlite3.register_adapter(UUID, str)


class StillLocked(StoreError):
    """Another process kept the database locked for longer than we wait.

    When: somebody else's transaction on the same file takes longer than 30 seconds.
    Do: find out who holds it; then repeat the command with the same command id.
    """


class SqliteTransaction(Transaction):
    """A transaction on one connection."""

    dialect = DIALECT

    def __init__(self, connection: sqlite3.Connection, prefix: str = "") -> None:
        self._connection = connection
        self.prefix = prefix

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection itself, for what only SQLite has."""
        return self._connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        return self._connection.execute(sql, parameters)

    def script(self, sql: str) -> None:
        pending = ""
        for line in sql.splitlines(keepends=True):
            pending += line
            if sqlite3.complete_statement(pending):
                self._connection.execute(pending)
                pending = ""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)

    def insert(self, *tables: tuple[str, Sequence[str], Sequence[Sequence[Any]]]) -> None:
        for table, columns, rows in tables:
            if rows:
                self._connection.executemany(_insertion(table, tuple(columns)), rows)

    def insert_absent(self, table: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> int:
        return self._connection.executemany(
            f"{_insertion(table, tuple(columns))} ON CONFLICT DO NOTHING", rows
        ).rowcount

    def upsert(self, table: str, columns: Sequence[str], keys: int, rows: Sequence[Sequence[Any]]) -> None:
        marks = ",".join("?" * len(columns))
        self._connection.executemany(f"INSERT OR REPLACE INTO {table} ({','.join(columns)}) VALUES ({marks})", rows)

    def where_in(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        return _where_in(column, values)

    def lock_log(self, then: str = "SELECT 1") -> Any:
        return self._connection.execute(then).fetchone()  # BEGIN IMMEDIATE made us the only writer


def _where_in(column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    if len(values) <= 100:  # noqa: PLR2004 - below it a list of parameters is as fast and uses statement caching
        return f"{column} IN ({','.join('?' * len(values))})", list(values)
    listed = ",".join([f'"{value}"' if not isinstance(value, int) else str(value) for value in values])
    return f"{column} IN (SELECT value FROM json_each(?))", [f"[{listed}]"]


@lru_cache(maxsize=64)
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})"


class SqliteDatabase(Database):
    """A database file, or one in memory.

    Each thread has its own connection (memory: all share one, one at a time). Writers of this process
    queue on a lock; writers of other processes wait on SQLite's own.
    """

    dialect = DIALECT

    def __init__(self, path: str, *, durability: str = "full") -> None:
        self.path = path
        self.durability = durability
        self._memory = path == ":memory:"
        self.elsewhere: bool = not self._memory
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._write_lock = renewed(self, "_write_lock", threading.RLock)
        self._shared = self._connect() if self._memory else None
        self.closed: bool = False
        kept_from_children(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(SqliteDatabase, os.path.realpath(self.path), durability=self.durability), ()

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            connection.execute("PRAGMA secure_delete=ON")  # a destroyed key leaves no bytes behind in its page
            if not self._memory:
                _in_wal_mode(connection)
                connection.execute(f"PRAGMA synchronous={'FULL' if self.durability == 'full' else 'OFF'}")
                connection.execute("PRAGMA cache_size=-65536")
        except sqlite3.Error as error:
            raise translated(error, self.path) from None
        self._all.append(connection)
        return connection

    def _connection(self) -> sqlite3.Connection:
        if self.closed:
            msg = "this CRM is closed"
            raise StoreError(msg)
        refuse_carried(self)
        if self._shared is not None:
            return self._shared
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect()
        return found

    @counted
    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        if self._memory:
            self._write_lock.acquire()
        try:
            connection = self._connection()
            nested = connection.in_transaction
            try:
                if not nested:
                    connection.execute("BEGIN")
                yield SqliteTransaction(connection, self.prefix)
            except sqlite3.Error as error:
                raise translated(error, self.path) from None
            finally:
                if not nested and connection.in_transaction:
                    connection.execute("ROLLBACK")
        finally:
            if self._memory:
                self._write_lock.release()

    @counted
    @contextmanager
    def looking(self) -> Iterator[Transaction]:
        if self._memory:
            with self.reading() as transaction:
                yield transaction
            return
        try:
            yield SqliteTransaction(self._connection(), self.prefix)
        except sqlite3.Error as error:
            raise translated(error, self.path) from None

    @counted
    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self._write_lock:
            connection = self._connection()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield SqliteTransaction(connection, self.prefix)
                connection.execute("COMMIT")
            except sqlite3.IntegrityError as error:
                raise _integrity(error) from None
            except sqlite3.Error as error:
                raise translated(error, self.path) from None
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def appending(self) -> AbstractContextManager[Transaction]:
        return self.writing()

    def ask(self, sql: str, parameters: Sequence[Any], columns: str) -> list[Any]:
        with self.looking() as transaction:
            return transaction.execute(sql, parameters).fetchall()

    def where_in(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        return _where_in(column, values)

    def expunge(self) -> None:
        """Empty the write-ahead log into the file; waits up to a second for readers that still need it."""
        if self._memory:
            return
        with Use(self, self._write_lock):
            for _ in range(20):
                [busy, _, _] = self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return
                threading.Event().wait(0.05)

    def barrier(self) -> None:
        """Nothing to wait for: what can be read is on disk."""

    def close(self) -> None:
        with Use(self, self._write_lock):
            self.closed = True
            self._close_all()

    def let_go(self) -> None:
        """Close every connection to the file, none of which is in use; one in memory is copied by a fork, and stays."""
        if self._shared is None:
            self._close_all()
            self._local = threading.local()

    def _close_all(self) -> None:
        for connection in self._all[1:]:
            connection.close()
        for connection in self._all[:1]:
            if not self._memory:
                self._leave(connection)
            connection.close()
        self._all = []

    def _leave(self, connection: sqlite3.Connection) -> None:
        """The last to leave puts everything into the one file: what then lacks its -wal is seen to be no whole copy."""
        try:
            connection.execute("PRAGMA busy_timeout=0")
            connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error:
            return  # others are still there, or the disk is full: the -wal file stays and says so


def tables_in(path: str) -> set[str]:
    """The tables of a file, which is only looked at; none where there is no file, or nothing readable in it yet.

    Raises:
        NotACRMDatabase: it is no SQLite database.
    """
    if not Path(path).is_file() or not Path(path).stat().st_size:
        return set()
    connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?immutable=1", uri=True)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname == "SQLITE_NOTADB":
            raise translated(error, path) from None
        return set()  # written to at this moment: whoever opens it properly will see
    finally:
        connection.close()


def holds_nothing(path: str) -> bool:
    """Whether a file has no table, asked as others ask who may be writing to it; what cannot be read yet has some."""
    if not Path(path).stat().st_size:
        return not Path(f"{path}-wal").exists()
    connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
    try:
        return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def _in_wal_mode(connection: sqlite3.Connection) -> None:
    """Write-ahead logging, so that readers and the writer do not wait for each other."""
    [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == "wal":
        return
    for _ in range(int(BUSY_S / _PAUSE_S)):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            connection.execute("SELECT 1")
            threading.Event().wait(_PAUSE_S)
        else:
            return
    msg = "another process keeps the database from being opened"
    raise StillLocked(msg)


def _integrity(error: sqlite3.IntegrityError) -> Exception:
    if error.sqlite_errorname in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
        return UniqueViolation(str(error))
    return StoreError(f"SQLite refused the write: {error.sqlite_errorname}")


def translated(error: sqlite3.Error, path: str) -> CRMError:
    """Our error for SQLite's; says the file's name and SQLite's own error name."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    where = "memory" if path == ":memory:" else Path(path).name
    if name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
        return NotACRMDatabase(f"{where} is no readable SQLite database ({name})")
    if name == "SQLITE_CANTOPEN":
        return DatabaseUnavailable(f"{where} cannot be opened ({name})")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StillLocked(f"{where} was locked by another process for {BUSY_S:g} s")
    return StoreError(f"{where}: {name}: {error}")
