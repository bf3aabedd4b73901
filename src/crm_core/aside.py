"""Views where nothing may be written: the rows as they stand, or the same rows folded in memory."""

import threading
from dataclasses import replace
from typing import Any, TypeVar

from crm_core.following import Follower, Loader, Work
from crm_core.kernel.errors import ReadOnly
from crm_core.kernel.time import Clock
from crm_core.reading import Reader, View
from crm_core.store import migrations
from crm_core.store.forking import renewed
from crm_core.store.opening import Store
from crm_core.store.sqlite import SqliteDatabase

Row = TypeVar("Row")
_BEGUN = "INSERT INTO crm_followers (name, position, detail) VALUES (?, 0, '') ON CONFLICT DO NOTHING"
_STANDS = "SELECT position FROM crm_followers WHERE name = ?"
_REACHED = "UPDATE crm_followers SET position = ? WHERE name = ?"


class Aside:
    """Answers from a view's own rows where they are folded far enough, else from a database in memory.

    What is in memory is kept and moved on by the next question; it is gone with the process.
    """

    def __init__(self, store: Store, loader: Loader, clock: Clock) -> None:
        self._store = store
        self._loader = loader
        self._clock = clock
        self._reader = Reader(store, clock)
        self._guard = renewed(self, "_guard", threading.Lock)
        self._memory: SqliteDatabase | None = None

    def view(self, projection: Follower, after: int | None, *, durable: bool) -> "View[Any]":
        """The rows of a view, folded up to a position; None: to the end of the log as it is now.

        Raises:
            FollowerHalted: the log holds a type or version that this code does not know.
        """
        upto = self._loader.head() if after is None else after
        if self._loader.positions().get(projection.checkpoint, -1) >= upto:
            found: View[Any] = View(self._reader, projection, None)  # type: ignore[arg-type]
        else:
            found = View(self._folded(projection, upto), projection, None)  # type: ignore[arg-type]
        if durable:
            self._store.database.barrier()
        return found

    def _folded(self, projection: Follower, upto: int) -> Reader:
        with self._guard:
            if self._memory is None:
                self._memory = _in_memory()
            memory = self._memory
            with memory.writing() as transaction:
                projection.prepare(transaction)
                transaction.execute(_BEGUN, [projection.checkpoint])
                [position] = transaction.execute(_STANDS, [projection.checkpoint]).fetchone()
            for facts, reached in self._loader.read(projection, position, upto):
                with memory.writing() as transaction:
                    projection.fold(Work(transaction, facts, reached, self._clock.now(), _nothing))
                    transaction.execute(_REACHED, [reached, projection.checkpoint])
        return Reader(replace(self._store, database=memory), self._clock)

    def close(self) -> None:
        """Let go of what is in memory."""
        if self._memory is not None:
            self._memory.close()


def _in_memory() -> SqliteDatabase:
    made = SqliteDatabase(":memory:", durability="memory")
    with made.writing() as transaction:
        migrations.create(transaction)
    return made


def _nothing(_: Any) -> Any:
    raise ReadOnly("no command can be carried out")
