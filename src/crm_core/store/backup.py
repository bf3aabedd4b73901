"""A copy of a SQLite database that is in use, by SQLite's own backup interface."""

import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

from crm_core.kernel.errors import DatabaseUnavailable, Invalid
from crm_core.store.port import Database
from crm_core.store.sqlite import SqliteTransaction, translated

_PAGES = 4_096
"""How many pages are copied between two looks at the progress."""
_VIEW = re.compile(r"crm_view_(\w+)_v(\d+)(_building)?")
"""The tables of views, as `projections.engine.table` names them."""


def copy_into(database: Database, path: Path, progress: Callable[[int, int], None]) -> None:
    """Copy one moment of a database into a new file, while others go on writing.

    The copy is one file, readable by its owner only. It has its name once it is whole and on disk; stopped
    before, nothing of that name is there. Rows of views are left out: they hold personal values as anyone can
    read them, and would keep those of people who are forgotten later. They are folded anew from the log.

    Raises:
        Invalid: there is such a file, or the folder is missing.
        DatabaseUnavailable: the file cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        raise Invalid("backup", [("file", f"{path} is there already, and no backup is overwritten")])
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with database.reading() as transaction:
            _copy(transaction, part, progress)
        _sync(part)
        part.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise DatabaseUnavailable(f"{path} cannot be written ({type(error).__name__})") from None
    finally:
        part.unlink(missing_ok=True)


def _copy(transaction: object, part: Path, progress: Callable[[int, int], None]) -> None:
    if not isinstance(transaction, SqliteTransaction):
        raise Invalid("backup", [("url", "must be a SQLite database")])
    # the first read settles the moment: pages that change later are copied as they were
    transaction.execute("SELECT count(*) FROM sqlite_master").fetchone()
    copy = sqlite3.connect(part)
    try:
        transaction.connection.backup(copy, pages=_PAGES, progress=lambda _, left, of: progress(of - left, of))
        copy.execute("PRAGMA journal_mode=DELETE")  # nothing lies beside it, and nothing has to be copied with it
        _leave_out_views(copy)
    except sqlite3.Error as error:
        raise translated(error, str(part)) from None
    finally:
        copy.close()


def _leave_out_views(copy: sqlite3.Connection) -> None:
    """Drop what views hold, and every byte of it, as if they had never been folded."""
    known = copy.execute("SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    tables = [found for kind, name, _ in known if kind == "table" and (found := _VIEW.fullmatch(name))]
    if not tables:
        return
    names = {found[0] for found in tables}
    with copy:
        for kind, name, sql in known:
            if kind == "view" and names & set(re.findall(r"\w+", sql)):
                copy.execute(f'DROP VIEW "{name}"')
        for found in tables:
            copy.execute(f"DROP TABLE {found[0]}")
            mark = f"{found[1]}/{found[2]}"
            copy.execute("DELETE FROM crm_followers WHERE name = ? OR name = ? || '/building'", (mark, mark))
    copy.execute("VACUUM")


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
