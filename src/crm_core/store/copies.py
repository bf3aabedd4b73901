"""SQLite files that are only looked at: nothing is changed, no file is added, and no committed row is overlooked.

SQLite alone does not offer all three. `mode=ro` adds a `-shm` file where it can and gives up where it cannot;
`immutable=1` does neither, and silently leaves out whatever is still in the `-wal` file. So it is looked first what
lies there, and each case is opened in the one way that is right for it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm_core.kernel.errors import DatabaseUnavailable, ReadOnly, StoreError
from crm_core.store.port import Transaction
from crm_core.store.sqlite import SqliteDatabase, translated
from crm_core.store.wal import read_index, read_tail, salt_of

_TRIES = 5
"""How often files that change while they are looked at are looked at anew."""


class IncompleteCopy(StoreError):
    """What lies beside the database file shows that committed facts may be missing; nothing was read.

    When: a SQLite file is opened with `?mode=ro` that was copied while in use, and its `-wal` file is missing or torn.
    Do: copy it again with its `-wal`, or by `crm backup`; or open a copy of it for writing, which puts it in order.

    Attributes:
        file: the name of the file.
    """

    def __init__(self, name: str, why: str) -> None:
        self.file = name
        rest = (
            "copy it again with its -wal, make copies by crm backup, or let a copy that may be changed be opened once"
        )
        super().__init__(f"{name} may be no whole copy: {why}; {rest}")


@dataclass(frozen=True, slots=True)
class _Way:
    """How to open a file. `alone`: nobody else can be using it; should that turn out to be wrong, it is opened anew."""

    options: str
    alone: bool
    exclusive: bool = False


class SqliteCopy(SqliteDatabase):
    """A database file that is only read, wherever it lies and whoever may write there."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._file = Path(path).absolute()

    @property
    def complete(self) -> bool:
        """Whether the file is there at all."""
        return self._file.is_file()

    def _connect(self) -> sqlite3.Connection:
        for _ in range(_TRIES):
            before = self._traces()
            try:
                way = _way(self._file)
                connection = sqlite3.connect(
                    f"{self._file.as_uri()}?{way.options}", uri=True, isolation_level=None, check_same_thread=False
                )
                if way.exclusive:  # SQLite then keeps its index of the -wal file in memory, not in a -shm file
                    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                connection.execute("PRAGMA query_only=ON")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error as error:
                failure: Exception = translated(error, self.path)
            except IncompleteCopy as error:
                failure = error
            except OSError as error:
                raise DatabaseUnavailable(f"{self._file.name} cannot be read ({type(error).__name__})") from None
            else:
                if not way.alone or before == self._traces():
                    self._all.append(connection)
                    self._local.seen = before if way.alone else None
                    return connection
                connection.close()
                continue
            if before == self._traces():
                raise failure from None
        raise StoreError(f"{self._file.name} is being changed and cannot be read at this moment")

    def _traces(self) -> tuple[Any, ...]:
        """What changes when somebody writes: size and time of the file and those beside it."""
        return tuple(_trace(_beside(self._file, suffix)) for suffix in ("", "-wal", "-shm"))

    def _connection(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is not None and not known.in_transaction and self._stale():
            known.close()
            self._local.connection = None
            self._all = [one for one in self._all if one is not known]
        return super()._connection()

    def _stale(self) -> bool:
        seen = getattr(self._local, "seen", None)
        return seen is not None and seen != self._traces()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with super().reading() as transaction:
            yield transaction
        self._require_unchanged()

    @contextmanager
    def looking(self) -> Iterator[Transaction]:
        with super().looking() as transaction:
            yield transaction
        self._require_unchanged()

    def _require_unchanged(self) -> None:
        if self._stale():
            raise StoreError(f"{self._file.name} was changed while it was read; ask again")

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        raise ReadOnly("nothing can be recorded")
        yield

    def appending(self) -> AbstractContextManager[Transaction]:
        return self.writing()

    def _leave(self, connection: sqlite3.Connection) -> None:
        """Nothing is to be put in order."""

    def expunge(self) -> None:
        """Nothing was written, so nothing is left behind."""


def _way(file: Path) -> _Way:
    """How this file, with what lies beside it at this moment, is read completely and without a trace.

    Raises:
        IncompleteCopy: committed facts are missing.
    """
    with file.open("rb") as opened:
        head = opened.read(20)
    logged = len(head) == 20 and head[18] == 2  # noqa: PLR2004 - the format versions in SQLite's header: 2 is WAL
    if not logged:
        return _Way("mode=ro", alone=False)
    wal, shm = _beside(file, "-wal"), _beside(file, "-shm")
    if not wal.is_file():  # whoever was the last to leave it in order has put everything into the one file
        raise IncompleteCopy(file.name, "it was in use, and its -wal is missing")
    index = read_index(shm)
    if index is not None and index.frames:
        _require_frames(file.name, wal, index.frames, index.salt)
    elif (torn := read_tail(wal).torn) is not None:
        raise IncompleteCopy(file.name, f"of its -wal, {torn}")
    if shm.is_file():
        return _Way("mode=ro&readonly_shm=1", alone=False)
    if read_tail(wal).committed:
        return _Way("mode=ro&vfs=unix-none", alone=True, exclusive=True)
    return _Way("immutable=1", alone=True)


def _require_frames(name: str, wal: Path, frames: int, salt: bytes) -> None:
    """The -wal must hold as much as the -shm says was committed."""
    if salt_of(wal) != salt:
        raise IncompleteCopy(name, "its -wal and -shm are of different moments")
    found = read_tail(wal).committed
    if found < frames:
        raise IncompleteCopy(name, f"its -shm speaks of {frames} frames, its -wal holds {found}")


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(f"{file.name}{suffix}")


def _trace(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
