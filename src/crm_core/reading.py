"""Reading: histories, the log, and views, now or as of a moment."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Literal, NamedTuple, NoReturn, Protocol, TypeVar, overload
from uuid import UUID

from crm_core.kernel import arguments
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.errors import Invalid, NotFound, UnknownEventType
from crm_core.kernel.foreign import barrier, host_of
from crm_core.kernel.money import Money, MoneyError, total
from crm_core.kernel.plain import plain
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.time import Clock, stamp, to_utc
from crm_core.store.opening import Store
from crm_core.store.port import Transaction

Axis = Literal["recorded", "occurred"]
Row = TypeVar("Row")
Found = TypeVar("Found")
_PAGE = 1_000
_FAR = 2**62
_NAMES_LEADS = ("contact.added", "contact.matched_to_lead")
"""The facts that say which leads a contact came from."""
_DIGITS = 32
_TYPE_NAMES = "a list of type names, such as deal.won, or None for all"
_TYPE_NAME = re.compile(r"[a-z0-9_:/-]{1,100}(\.[a-z0-9_:/-]{1,100})+")


@dataclass(frozen=True, slots=True)
class AsOf:
    """The moment an answer speaks of.

    `position` is the last position that counts; on the occurred axis facts up to it count if they
    happened by `instant`. `instant` is None where a position was asked for in an empty log.

    Raises:
        Invalid: no position, no aware datetime, or an unknown axis.
    """

    position: int
    instant: datetime | None
    axis: Axis

    def __post_init__(self) -> None:
        position_of("position", self.position)
        axis_of(self.axis)
        if self.instant is not None:
            arguments.instant("instant", self.instant)

    def __str__(self) -> str:
        when = stamp(self.instant) if self.instant else "the beginning"
        return f"as of {when}, position {self.position}, {self.axis} time"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"position": self.position, "instant": stamp(self.instant) if self.instant else None, "axis": self.axis}


class History(Sequence[Recorded]):
    """Facts in the order the log learnt them, and the moment they speak of."""

    def __init__(self, facts: list[Recorded], as_of: AsOf) -> None:
        self._facts = facts
        self.as_of = as_of

    @overload
    def __getitem__(self, index: int) -> Recorded: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Recorded]: ...
    def __getitem__(self, index: int | slice) -> Recorded | Sequence[Recorded]:
        return self._facts[index]

    def __len__(self) -> int:
        return len(self._facts)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: the moment, and the facts in order."""
        return {"as_of": self.as_of.as_dict(), "facts": [fact.as_dict() for fact in self._facts]}


class Stored(NamedTuple):
    """One fact as it is stored: its envelope, its public and its personal fields, each as JSON."""

    position: int
    type: str
    type_version: int
    header: str
    public: str
    personal: str


class Viewable(Protocol[Row]):
    """What a projection offers to be read: its rows in the database, and the same rows from a history."""

    @property
    def name(self) -> str:
        """The name of the view."""
        ...

    @property
    def checkpoint(self) -> str:
        """Under which name its position is kept."""
        ...

    @property
    def types(self) -> tuple[str, ...] | None:
        """What it follows."""
        ...

    @property
    def opens(self) -> bool:
        """Whether it shows personal values."""
        ...

    def pin(self, transaction: Transaction) -> None:
        """Called first by a reader who reads the position and then the rows."""
        ...

    def select(self, transaction: Transaction, where: Mapping[str, Any]) -> list[Row]:
        """The rows whose fields equal these values."""
        ...

    def replay(self, facts: Any) -> dict[Any, Row]:
        """The rows that a history leads to."""
        ...

    def matching(self, rows: Iterable[Row], where: Mapping[str, Any]) -> list[Row]:
        """Those of these rows that `select` would find."""
        ...


class View(Generic[Row]):
    """The rows of a view at one position. Narrow it with `where`; it is read when first looked at."""

    def __init__(
        self, reader: "Reader", projection: Viewable[Row], as_of: AsOf | None, where: Mapping[str, Any] | None = None
    ) -> None:
        self._reader = reader
        self._projection = projection
        self._asked = as_of
        self._where = dict(where or {})
        self._read: tuple[int, list[Row]] | None = None

    def where(self, **values: Any) -> "View[Row]":
        """Only rows whose fields equal these values."""
        return View(self._reader, self._projection, self._asked, {**self._where, **values})

    @property
    def position(self) -> int:
        """Up to which position of the log the rows speak."""
        return self._load()[0]

    @property
    def rows(self) -> list[Row]:
        """The rows, by key."""
        return list(self._load()[1])

    def one(self) -> Row:
        """The only row.

        Raises:
            NotFound: there is none, or more than one.
        """
        rows = self._load()[1]
        if len(rows) != 1:
            raise NotFound(f"{self._projection.name}: {len(rows)} rows where one was expected")
        return rows[0]

    def totals(self, field: str) -> dict[str, Money]:
        """The sums of a money field, one for each currency; rows without an amount do not count.

        Raises:
            Invalid: the rows have no such field, or it holds no money.
        """
        return total(_amounts(self._projection.name, self._load()[1], field))

    def total(self, field: str) -> Money:
        """The sum of a money field.

        Raises:
            MoneyError: several currencies, which no sum can mix, or no row at all to take one from.
            Invalid: the rows have no such field, or it holds no money.
        """
        sums = self.totals(field)
        if len(sums) != 1:
            raise MoneyError(
                f"{self._projection.name}.{field} holds {len(sums)} currencies: {', '.join(sorted(sums)) or 'no rows'}"
            )
        return next(iter(sums.values()))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: the view's name, the position it speaks of, the moment asked for (None: now), and the rows."""
        return {
            "view": self._projection.name,
            "position": self.position,
            "as_of": None if self._asked is None else self._asked.as_dict(),
            "rows": [plain(row) for row in self],
        }

    def ask(self, question: Callable[[Transaction], Found]) -> Found:
        """What a question of your own finds in the rows as they are now, in one snapshot."""
        arguments.function("question", question)
        return self._reader.ask(self._projection, question)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._load()[1])

    def __len__(self) -> int:
        return len(self._load()[1])

    def _load(self) -> tuple[int, list[Row]]:
        if self._read is None:
            if self._asked is None:
                self._read = self._reader.live_rows(self._projection, self._where)
            else:
                self._read = self._asked.position, self._reader.past_rows(self._projection, self._asked, self._where)
        return self._read


class Reader:
    """Answers questions from one store; changes nothing."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def as_of(self, moment: "datetime | int | AsOf | None", axis: Axis = "recorded") -> AsOf:
        """The moment a question is about: an instant, a position, or now (None).

        Raises:
            Invalid: a naive or future time, a position beyond the log, an unknown axis.
        """
        axis_of(axis)
        with self._store.database.looking() as transaction:
            head = self._store.log.head(transaction).position
            if isinstance(moment, AsOf):
                return moment if moment.position <= head else _beyond(head)
            if moment is None:
                return AsOf(head, self._clock.now(), axis)
            if isinstance(moment, int) and not isinstance(moment, bool):
                if not 0 <= moment <= head:
                    _beyond(head)
                return AsOf(moment, self._recorded_at(transaction, moment), axis)
            if not isinstance(moment, datetime):
                raise Invalid("as_of", [("as_of", "must be an aware datetime or a position")])
            try:
                instant = to_utc(moment)
            except ValueError as error:
                raise Invalid("as_of", [("as_of", str(error))]) from None
            newest = self._recorded_at(transaction, head)
            if instant > max(self._clock.now(), newest or instant.min.replace(tzinfo=UTC)):
                raise Invalid("as_of", [("as_of", "lies in the future: nothing is known of it yet")])
            position = head if axis == "occurred" else self._store.log.position_at(transaction, instant)
            return AsOf(position, instant, axis)

    def _recorded_at(self, transaction: Transaction, position: int) -> datetime | None:
        for fact in self._store.withholding_mapper.recorded(
            _known(self._store.log.page(transaction, position - 1, position, None, 1))
        ):
            return fact.recorded_at
        return None

    def history(self, thing: UUID, as_of: "datetime | int | AsOf | None", axis: Axis, *, durable: bool) -> History:
        """Every fact of a stream, and every fact elsewhere that regards it.

        Raises:
            NotFound: the log has never heard of it (by that moment).
            Invalid: the id is no UUID.
            UnknownEventType: one of the facts is of a type this code does not know.
        """
        if not isinstance(thing, UUID):
            raise Invalid("thing", [("thing", "must be a UUID")])
        moment = self.as_of(as_of, axis)
        with self._store.database.reading() as transaction:
            about = self.identities(thing, transaction)
            rows = self._store.log.page(transaction, 0, moment.position, None, _FAR, about)
        known = _known(rows)
        if len(known) < len(rows):
            raise _unknown(rows[len(known)])  # to leave it out would be to say that it did not happen
        facts = self._store.open_mapper.recorded(known)
        if moment.axis == "occurred" and moment.instant is not None:
            facts = [fact for fact in facts if fact.at <= moment.instant]
        if durable:
            self._store.database.barrier()
        if not facts:
            raise NotFound(f"nothing is recorded about {thing}" + ("" if as_of is None else f" {moment}"))
        return History(facts, moment)

    def identities(self, thing: UUID, transaction: Transaction | None = None) -> tuple[UUID, ...]:
        """The thing and what it was before: a contact, and the leads it was converted from."""
        if transaction is None:
            with self._store.database.looking() as looking:
                return self.identities(thing, looking)
        added = self._store.log.page(transaction, 0, _FAR, _NAMES_LEADS, 1_000, [thing])
        facts = self._store.withholding_mapper.recorded(added)
        leads = {ref.id: None for fact in facts if fact.stream == thing for ref in fact.regards if ref.kind == "lead"}
        return (thing, *leads)

    def things(self, prefix: str, limit: int) -> list[UUID]:
        """Whatever is on record under an id that begins with these hex digits, by id; at most `limit`.

        Raises:
            Invalid: no hex digits, or more than an id has.
        """
        arguments.whole("limit", limit, 0)
        digits = arguments.text("prefix", prefix).replace("-", "").lower()
        if set(digits) - set("0123456789abcdef") or not 1 <= len(digits) <= _DIGITS:
            raise Invalid("prefix", [("prefix", "must be the first hex digits of an id")])
        with self._store.database.looking() as transaction:
            return self._store.log.things(
                transaction, UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f")), limit
            )

    def log(self, after: int, types: Sequence[str] | None, upto: int | None, *, durable: bool) -> Iterator[Recorded]:
        """The log in order, read page by page; no snapshot is held between pages.

        Raises:
            Invalid: no position, no list of type names, or a type that is neither known nor in the log.
            UnknownEventType: after every fact before it, where one is of a type this code does not know.
        """
        end = position_of("upto", _FAR if upto is None else upto)
        wanted = None if types is None else self._types(types)
        return self._pages(position_of("after", after), wanted, end, durable=durable)

    def _types(self, types: Iterable[str]) -> list[str]:
        """Names of types, each known to this code or found in the log."""
        names = list(arguments.many("types", types, _TYPE_NAMES))
        if not all(_is_type_name(name) for name in names):
            arguments.wrong("types", f"must be {_TYPE_NAMES}")
        strange = [name for name in names if name not in catalogue]
        with self._store.database.looking() as transaction:
            for name in strange:
                if not self._store.log.page(transaction, 0, _FAR, [name], 1):
                    arguments.wrong("types", f"{name} is no type of event that is known, or in the log")
        return names

    def _pages(self, after: int, types: Sequence[str] | None, end: int, *, durable: bool) -> Iterator[Recorded]:
        while True:
            with self._store.database.looking() as transaction:
                rows = self._store.log.page(transaction, after, end, types, _PAGE)
            known = _known(rows)
            facts = self._store.open_mapper.recorded(known)
            if durable:
                self._store.database.barrier()
            yield from facts
            if len(known) < len(rows):
                raise _unknown(rows[len(known)])
            if not facts:
                return
            after = facts[-1].position

    def stored(self, upto: int, things: Sequence[UUID], *, opens: bool) -> Iterator["Stored"]:
        """Facts as they are stored, whatever this code makes of them; of these things only, if any are named.

        `opens`: whether personal values are opened; otherwise they are withheld.
        """
        mapper, after = self._store.mapper(opens=opens), 0
        about = tuple({one: None for thing in things for one in self.identities(thing)})
        while True:
            with self._store.database.looking() as transaction:
                rows = self._store.log.page(transaction, after, upto, None, _PAGE, about)
            for position, name, type_version, stream, version, _, header, sealed, public in rows:
                yield Stored(
                    position, name, type_version, header, public, mapper.personal(name, stream, version, sealed)
                )
            if not rows:
                return
            after = rows[-1][0]

    def live_rows(self, projection: Viewable[Row], where: Mapping[str, Any]) -> tuple[int, list[Row]]:
        """Position and rows of a view, from one snapshot."""
        with self._store.database.reading() as transaction:
            projection.pin(transaction)
            [position] = transaction.execute(
                "SELECT position FROM crm_followers WHERE name = ?", [projection.checkpoint]
            ).fetchone()
            return position, projection.select(transaction, where)

    def ask(self, projection: Viewable[Any], question: Callable[[Transaction], Found]) -> Found:
        """What a question finds, from one snapshot."""
        with self._store.database.reading() as transaction:
            projection.pin(transaction)
            return question(transaction)

    def past_rows(self, projection: Viewable[Row], as_of: AsOf, where: Mapping[str, Any]) -> list[Row]:
        """The rows of a view as they were: folded from the history up to that moment."""
        with self._store.database.looking() as transaction:
            unknown = barrier(self._store.log.unknown_types(transaction, 0, as_of.position), projection.types)
        if unknown is not None:
            raise unknown
        return projection.matching(projection.replay(self._past(projection, as_of)).values(), where)

    def _past(self, projection: Viewable[Any], as_of: AsOf) -> Iterator[Recorded]:
        mapper, after = self._store.mapper(opens=projection.opens), 0
        while True:
            with self._store.database.looking() as transaction:
                rows = self._store.log.page(transaction, after, as_of.position, projection.types, _PAGE * 5)
            if not rows:
                return
            for fact in mapper.recorded(rows):
                if as_of.axis == "recorded" or as_of.instant is None or fact.at <= as_of.instant:
                    yield fact
            after = rows[-1][0]


def _amounts(view: str, rows: Iterable[Any], field: Any) -> Iterator[Money]:
    for row in rows:
        amount = getattr(row, field, "") if isinstance(field, str) else ""
        if isinstance(amount, Money):
            yield amount
        elif amount is not None:
            arguments.wrong("field", f"must be a field of {view} that holds money")


def _beyond(head: int) -> NoReturn:
    arguments.wrong("as_of", f"the log ends at position {head}")


def axis_of(value: object) -> None:
    """Refuse what is no axis."""
    if value not in ("recorded", "occurred"):
        arguments.wrong("axis", "must be recorded or occurred")


def position_of(field: str, value: object) -> int:
    """A position, checked."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise Invalid(field, [(field, "must be a position: a whole number from 0")])


def _is_type_name(value: Any) -> bool:
    return isinstance(value, str) and _TYPE_NAME.fullmatch(value) is not None


def _known(rows: list[Any]) -> list[Any]:
    """The rows before the first whose type or version this code does not know; a host's are read as `Foreign`."""
    unknown = (
        number for number, row in enumerate(rows) if host_of(row[1]) is None and not catalogue.knows(row[1], row[2])
    )
    return rows[: next(unknown, len(rows))]


def _unknown(row: Any) -> UnknownEventType:
    return UnknownEventType(row[1], row[2], row[0])
