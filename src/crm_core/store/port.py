"""The door that the rings' engines use: transactions and the differences between two databases."""

import gc
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol


@contextmanager
def unswept() -> Iterator[None]:
    """While thousands of objects are made that will all be needed, Python's cycle collector rests.

    It would go through them again and again and find nothing: a quarter of the time of a batch. Meant for
    one batch or page at a time, so that it is never off for long.
    """
    resting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if resting:
            gc.enable()


class UniqueViolation(Exception):
    """A row with this key is there already."""


class StreamsMoved(Exception):
    """Some stream is no longer at the version it was decided on."""


class Rows(Protocol):
    """What a statement answers."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchall(self) -> list[Any]:
        """Every row, as tuples."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the databases: column types, by meaning. Everything else is common SQL."""

    name: str
    uuid: str
    text: str
    integer: str
    boolean: str
    instant: str
    day: str
    decimal: str
    json: str
    blob: str


class Transaction(ABC):
    """One open transaction. Statements are common SQL with `?` for parameters.

    `appended`: whether the log was appended to; what is read after that may still be rolled back.
    `prefix`: what the names of views begin with.
    """

    dialect: Dialect
    appended: bool = False
    prefix: str = ""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement."""

    def chunks(self, sql: str, parameters: Sequence[Any], size: int) -> Generator[list[Any]]:
        """A question's rows, `size` at a time, while the database goes on looking; only where it `reads_ahead`.

        Nothing else can be asked in this transaction before the last chunk; whoever stops early closes the iterator.
        """
        raise NotImplementedError

    @abstractmethod
    def script(self, sql: str) -> None:
        """Run several statements without parameters."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row."""

    @abstractmethod
    def insert(self, *tables: tuple[str, Sequence[str], Sequence[Sequence[Any]]]) -> None:
        """Insert new rows (table, columns, rows), for each table, the fastest way the database has."""

    @abstractmethod
    def insert_absent(self, table: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert rows whose key is not there yet; how many were not.

        Args:
            table: where.
            columns: name → what it is, `uuid` or `blob` as in the dialect.
            rows: their values, a uuid as text.
        """

    @abstractmethod
    def upsert(self, table: str, columns: Sequence[str], keys: int, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows or replace those with the same first `keys` columns, the fastest way the database has."""

    @abstractmethod
    def where_in(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """A condition that the column is one of the values, and its parameters."""

    @abstractmethod
    def lock_log(self, then: str = "SELECT 1") -> Any:
        """Become the only one who appends, until the transaction ends; then run one more statement, for its first row.

        Taken last, and the newest row is read in its own statement behind it: any earlier and it could be stale.
        """


class Database(ABC):
    """A database that transactions can be opened on; safe to share between threads."""

    dialect: Dialect
    durability: str
    prefix: str = ""
    """What the names of views begin with."""
    reads_ahead: bool = False
    """Whether its transactions have `chunks`, on a connection that is nobody else's meanwhile."""
    elsewhere: bool = True
    """Whether other processes can open it too; then it can be pickled, and what comes of that opens it anew."""
    breaks: int = 0
    """How often a connection broke: what was read before, and was not durable, may never have been."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Transaction]:
        """One consistent snapshot; nothing can be written in it."""

    @abstractmethod
    def looking(self) -> AbstractContextManager[Transaction]:
        """Single statements without a transaction around them; each sees the newest commits."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction, committed and durable when the block ends without an error."""

    @abstractmethod
    def appending(self) -> AbstractContextManager[Transaction]:
        """A transaction that appends to the log; durable when the block has ended, perhaps sharing an fsync."""

    def append_alone(self, entry: Any, clock: str) -> tuple[int, str] | None:
        """Append one command in a single call; returns the last position and the recorded time.

        For a database behind a network, which then decides under the lock by itself. None: this one has no
        such call, and `appending` costs it nothing. Durable when it returns, perhaps sharing an fsync.

        Raises:
            StreamsMoved: a stream that was only looked at has moved on.
            UniqueViolation: a stream or a command id was taken meanwhile.
        """
        return None

    @abstractmethod
    def ask(self, sql: str, parameters: Sequence[Any], columns: str) -> list[Any]:
        """The rows of one statement without a transaction around it, by the shortest way the database has.

        Args:
            sql: common SQL with `?` for parameters.
            parameters: numbers, texts, ids, and what `where_in` gave.
            columns: what each column is: `i` a whole number, `t` text, `b` bytes, `u` an id (given as text).
        """

    @abstractmethod
    def where_in(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """A condition that the column is one of the values, and its parameters."""

    @abstractmethod
    def barrier(self) -> None:
        """Returns when everything that was readable before the call is durable."""

    @abstractmethod
    def expunge(self) -> None:
        """Do what can be done that overwritten bytes are gone from disk too, not only from the tables."""

    @abstractmethod
    def close(self) -> None:
        """Give every connection back."""
