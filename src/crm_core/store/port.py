"""The door that the rings' engines use: transactions and the differences between two databases."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


class UniqueViolation(Exception):
    """A row with this key is there already."""


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
    """

    dialect: Dialect
    appended: bool = False
    newest: Any = None
    """The log's newest row as this transaction leaves it; None: not known, or others append beside us."""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row."""

    @abstractmethod
    def insert(self, *tables: tuple[str, Sequence[str], Sequence[Sequence[Any]]]) -> None:
        """Insert new rows (table, columns, rows), for each table, the fastest way the database has."""

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

    def append_at_once(
        self, position: int, chain: bytes, *tables: tuple[str, Sequence[str], Sequence[Sequence[Any]]]
    ) -> bool:
        """Append in a single statement if this is still the newest row; False: it is not, and nothing was done.

        Worth it where a transaction costs round trips; a database in this process says no.

        Raises:
            UniqueViolation: another row was quicker.
        """
        return False

    @abstractmethod
    def barrier(self) -> None:
        """Returns when everything that was readable before the call is durable."""

    @abstractmethod
    def close(self) -> None:
        """Give every connection back."""
