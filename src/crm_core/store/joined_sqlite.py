"""SQLite: appending through the caller's own `sqlite3.Connection`."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from crm_core.kernel.errors import TransactionConflict
from crm_core.store.joined import refused
from crm_core.store.port import Database, Transaction
from crm_core.store.sqlite import SqliteDatabase, SqliteTransaction, translated

_LOCK = "UPDATE main.crm_meta SET value = value WHERE 0"
"""Changes nothing, and makes the transaction the only one that writes: before it reads, so that it reads the newest."""


class _Plainly:
    """The caller's connection without the caller's taste: rows are tuples, whatever its factories make."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _cursor(self) -> sqlite3.Cursor:
        cursor = sqlite3.Connection.cursor(self._connection)
        cursor.row_factory = None
        return cursor

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._cursor().execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Run one statement for each row."""
        return self._cursor().executemany(sql, rows)


@contextmanager
def joined_sqlite(database: Database, given: object) -> Iterator[Transaction]:
    """See `crm_core.store.joined.joining`."""
    connection, path = _checked(given), cast("SqliteDatabase", database).path
    plain = _Plainly(connection)
    begins = _begins(connection)
    text_factory = connection.text_factory
    entered = False
    try:
        connection.text_factory = str
        _check_database(plain, path)
        plain.execute("BEGIN IMMEDIATE" if begins else "SAVEPOINT crm_joined")
        entered = True
        plain.execute(_LOCK)
        transaction = SqliteTransaction(cast("sqlite3.Connection", plain))
        yield transaction
        if transaction.appended:
            entered = False
            if not begins:
                plain.execute("RELEASE crm_joined")
    except sqlite3.Error as error:
        raise _told(error, path) from None
    finally:
        if entered:
            _undo(connection, plain, begins=begins)
        connection.text_factory = text_factory


def _checked(given: object) -> sqlite3.Connection:
    """The connection, if it can be used at all.

    Raises:
        Invalid: it is no connection of the standard library, is closed, or belongs to another thread.
    """
    if not isinstance(given, sqlite3.Connection):
        raise refused("must be an open sqlite3.Connection: this CRM keeps its log in SQLite")
    try:
        _Plainly(given).execute("SELECT 1").close()
    except sqlite3.ProgrammingError as error:
        raise refused("belongs to another thread" if "thread" in str(error) else "is closed") from None
    except sqlite3.Error as error:
        raise refused(f"does not answer ({error.sqlite_errorname})") from None
    return given


def _begins(connection: sqlite3.Connection) -> bool:
    """Whether a transaction must be begun first, as the driver itself would before the caller's next write.

    Raises:
        Invalid: no transaction is open, and the driver would begin none: the events would commit alone.
    """
    if connection.in_transaction:
        return False
    by_itself = getattr(connection, "autocommit", -1)  # from Python 3.12 on; -1: isolation_level decides
    if by_itself is True or (by_itself == -1 and connection.isolation_level is None):
        raise refused("is in autocommit mode and has no open transaction: BEGIN one first")
    return True


def _check_database(plain: _Plainly, path: str) -> None:
    files = {name: file for _, name, file in plain.execute("PRAGMA database_list").fetchall()}
    if not files.get("main") or not os.path.exists(path) or not os.path.samefile(files["main"], path):  # noqa: PTH110, PTH121 - as SQLite names it
        raise refused("must be to the file of this CRM's log: what is in two files does not commit together")
    if "temp" in files and plain.execute("SELECT 1 FROM temp.sqlite_master WHERE name GLOB 'crm_*'").fetchone():
        raise refused("has temporary tables named crm_…, which hide those of the log")


def _undo(connection: sqlite3.Connection, plain: _Plainly, *, begins: bool) -> None:
    """Leave the caller's transaction as it was found; after some errors SQLite has ended it altogether."""
    if not connection.in_transaction:
        return
    if begins:
        plain.execute("ROLLBACK")
        return
    plain.execute("ROLLBACK TO crm_joined")
    plain.execute("RELEASE crm_joined")


def _told(error: sqlite3.Error, path: str) -> Exception:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_BUSY_SNAPSHOT":
        return TransactionConflict("stale", "the transaction began reading before others wrote")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return TransactionConflict("busy", "another connection is writing")
    if name == "SQLITE_CONSTRAINT_PRIMARYKEY" or name == "SQLITE_CONSTRAINT_UNIQUE":  # noqa: PLR1714 - two names
        return TransactionConflict("stale", "others have appended meanwhile")
    if name.startswith("SQLITE_READONLY"):
        return refused("cannot write")
    return translated(error, path)
