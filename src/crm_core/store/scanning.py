"""Reading the log for those who follow it: one statement finds what they follow, and what nobody here can read."""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.errors import UnknownEventType
from crm_core.store.port import Database, Dialect, Transaction

_PLAIN = re.compile(r"[a-z0-9_.]+")
_TYPE = itemgetter(1, 2)


@dataclass(slots=True)
class Stretch:
    """Rows of followed facts, in the order and with the columns of `store.log.COLUMNS`, and how far they reach.

    What nobody asked for is None in them. Among them is every fact that this code cannot read, followed or not;
    `unknown` tells each such type and version, and where it comes first.
    """

    rows: list[Any]
    upto: int
    unknown: Sequence[UnknownEventType] = ()


class Share(NamedTuple):
    """One of several parts of all streams, and of all rows that are found by an id: those whose last digit says so."""

    number: int
    of: int

    def holds(self, key: UUID) -> bool:
        """Whether this id is in the part."""
        return (key.int & 15) % self.of == self.number

    def condition(self, dialect: Dialect, column: str) -> str:
        """The same in SQL."""
        if dialect.name == "sqlite":
            return f"(instr('0123456789abcdef', substr({column}, -1)) - 1) % {self.of} = {self.number}"
        return f"(get_byte(uuid_send({column}), 15) & 15) % {self.of} = {self.number}"


class Scan:
    """Finds the facts of some types, and every fact, followed or not, that this code cannot read.

    `types`: stored names (None: all). `sealed`: whether personal values will be opened, which takes the place a
    fact has in its stream. `headers`: whether the envelopes are read too. `share`: only facts of its streams, as
    SQL, and of the types in `for_all`.
    """

    def __init__(
        self, types: Sequence[str] | None, *, sealed: bool, headers: bool, share: str = "", for_all: Sequence[str] = ()
    ) -> None:
        place, header = "stream, version" if sealed else "NULL, NULL", "header" if headers else "NULL"
        condition, self._values = _condition(types, share, for_all)
        self._sql = (
            f"SELECT position, type, type_version, {place}, at, {header}, sealed, public FROM crm_events "
            f"WHERE position > ? AND position <= ?{condition} ORDER BY position"
        )

    def page(self, transaction: Transaction, after: int, upto: int, limit: int) -> Stretch:
        """What lies behind `after` up to `upto`, at most `limit` rows of it."""
        rows = transaction.execute(f"{self._sql} LIMIT ?", [after, upto, *self._values, limit]).fetchall()
        return _stretch(rows, rows[-1][0] if len(rows) == limit else upto)

    def pages(self, transaction: Transaction, after: int, upto: int, size: int) -> Generator[Stretch]:
        """The same, `size` rows at a time, from a database that reads ahead; the last reaches `upto`.

        Nothing else can be asked of the transaction until it ends.
        """
        for rows in transaction.chunks(self._sql, [after, upto, *self._values], size):
            yield _stretch(rows, rows[-1][0])
        yield Stretch([], upto)


class Headers:
    """The envelopes of some facts, read together when the first is asked for: most folds look at none.

    `asked` is called then, so that whoever reads the next page can read them with it.
    """

    def __init__(self, database: Database, rows: Sequence[Any], asked: Callable[[], None]) -> None:
        self._database = database
        self._positions = [row[0] for row in rows]
        self._asked = asked
        self._texts: dict[int, str] = {}

    def __call__(self, position: int) -> str:
        """The header at a position, as stored."""
        if not self._texts:
            self._asked()
            with self._database.looking() as transaction:
                condition, values = transaction.where_in("position", self._positions)
                sql = f"SELECT position, header FROM crm_events WHERE {condition}"
                self._texts = dict(transaction.execute(sql, values).fetchall())
        return self._texts[position]


def _stretch(rows: list[Any], upto: int) -> Stretch:
    """These rows, and what of them this code cannot read."""
    strange = {one for one in set(map(_TYPE, rows)) if not catalogue.knows(*one)}
    if not strange:
        return Stretch(rows, upto)
    first: dict[tuple[str, int], int] = {}
    for row in rows:
        if _TYPE(row) in strange:
            first.setdefault(_TYPE(row), row[0])
    return Stretch(rows, upto, [UnknownEventType(*one, position) for one, position in first.items()])


def _condition(types: Sequence[str] | None, share: str, for_all: Sequence[str]) -> tuple[str, list[Any]]:
    """That a row is none which may be passed over; with its parameters.

    Passed over are rows that this code could read: of types that are not followed, and those of other shares.
    Names are written out, since PostgreSQL looks constants up in a hash table and goes through parameters one by one.
    """
    followed = {entry.name for entry in catalogue} if types is None else set(types)
    conditions: list[str] = []
    values: list[Any] = []
    others = _of_known({entry.name for entry in catalogue} - followed, values)
    if others:
        conditions.append(f" AND NOT ({others})")
    ours = _of_known(followed - set(for_all), values) if share else ""
    if ours:
        conditions.append(f" AND ({share} OR NOT ({ours}))")
    return "".join(conditions), values


def _of_known(names: set[str], values: list[Any]) -> str:
    """That a row is of one of these types, in a version that this code can read."""
    by_versions: dict[str, list[str]] = {}
    for name in sorted(names & {entry.name for entry in catalogue}):
        versions = [v for v in range(1, catalogue.named(name).version + 1) if catalogue.knows(name, v)]
        by_versions.setdefault(", ".join(map(str, versions)), []).append(name)
    return " OR ".join(
        f"({_among(of_these, values)} AND type_version IN ({versions}))" for versions, of_these in by_versions.items()
    )


def _among(names: Sequence[str], values: list[Any]) -> str:
    """That the type is one of these; a name that cannot be written out as it is becomes a parameter."""
    written = []
    for name in names:
        if _PLAIN.fullmatch(name):
            written.append(f"'{name}'")
        else:
            written.append("?")
            values.append(name)
    return f"type IN ({', '.join(written)})"


__all__ = ["Headers", "Scan", "Share", "Stretch"]
