"""Which columns a field of a row makes, and how its values go there and come back exactly."""

import types
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, NewType, TypeAlias, Union, get_args, get_origin
from uuid import UUID

from pydantic import TypeAdapter

from crm_core.kernel.errors import WiringError
from crm_core.kernel.money import Money
from crm_core.kernel.personal import ERASED, WITHHELD, Erased, PersonalMark, personal_fields
from crm_core.kernel.time import stamp, to_utc, unstamp
from crm_core.kernel.wiring import field_hints

Convert: TypeAlias = Callable[[Any], Any]
ERASED_TEXT = str(ERASED)
"""What stands in a personal column whose person is forgotten."""
_GONE = {str(one): one for one in (ERASED, WITHHELD)}


@dataclass(frozen=True, slots=True)
class Way:
    """How values of one kind travel to a database and back; None: as they are."""

    write: Convert | None = None
    read: Convert | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of column. `spelled` names the attribute of `Dialect` that tells its type.

    `holds` is the class of its values; `parse` reads what a person typed, raising ValueError, and
    `rule` says what they should have typed; `plain` makes a JSON-able value.
    """

    spelled: str
    holds: type
    rule: str
    parse: Convert
    sqlite: Way = Way()
    postgres: Way = Way()
    plain: Convert | None = None

    def way(self, dialect: str) -> Way:
        """How its values travel in this dialect."""
        return self.sqlite if dialect == "sqlite" else self.postgres

    def fits(self, value: Any) -> bool:
        """Whether this column can hold the value."""
        return isinstance(value, self.holds) and not (self.holds is int and isinstance(value, bool))


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its kind, and whether it may be NULL."""

    name: str
    kind: Kind
    nullable: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: a column of its own name, or two for money. `personal`: whose field it is."""

    name: str
    columns: tuple[Column, ...]
    nullable: bool
    money: bool = False
    personal: PersonalMark | None = None

    @property
    def is_json(self) -> bool:
        """Whether its values are kept as JSON."""
        return self.columns[0].kind.spelled == "json"


def fields_of(row: type[Any]) -> tuple[Field, ...]:
    """The fields of a row class.

    Raises:
        WiringError: a field's type makes no column; names it.
    """
    hints = field_hints(row)
    marks = personal_fields(hints)
    return tuple(_field(row, one.name, hints[one.name], marks.get(one.name)) for one in fields(row))


def _field(row: type[Any], name: str, hint: Any, mark: PersonalMark | None) -> Field:
    hint, nullable = _bare(hint)
    if hint is Money:
        columns = (Column(f"{name}_minor", INTEGER, nullable), Column(f"{name}_currency", TEXT, nullable))
        return Field(name, columns, nullable, money=True)
    kind = PERSONAL_TEXT if mark and hint is str else None if mark else _kind(hint)
    if kind is None:
        what = "a personal column must be text" if mark else f"{hint} makes no column"
        raise WiringError(f"{row.__name__}.{name}: {what}")
    return Field(name, (Column(name, kind, nullable),), nullable, personal=mark)


def _bare(hint: Any) -> tuple[Any, bool]:
    """The type without marks, names, `None` and `Erased`; and whether it may be None."""
    if hasattr(hint, "__value__"):
        return _bare(hint.__value__)
    if isinstance(hint, NewType):
        return _bare(hint.__supertype__)
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        parts = [part for part in get_args(hint) if part is not Erased]
        inner = [_bare(part) for part in parts if part is not type(None)]
        nullable = type(None) in parts or any(may for _, may in inner)
        bare = {part for part, _ in inner}
        return (bare.pop() if len(bare) == 1 else hint), nullable
    return hint, False


def _kind(hint: Any) -> Kind | None:
    if get_origin(hint) is Literal:
        classes = {value.__class__ for value in get_args(hint)}
        return _PLAIN.get(classes.pop()) if len(classes) == 1 else None
    if (get_origin(hint) or hint) in (tuple, dict):
        return _json(hint)
    return _PLAIN.get(hint) if isinstance(hint, type) else None


def _json(hint: Any) -> Kind:
    adapter = TypeAdapter(hint)

    def text(value: Any) -> str:
        return adapter.dump_json(value).decode()

    def plain(value: Any) -> Any:
        return adapter.dump_python(value, mode="json")

    def back(value: Any) -> Any:
        return adapter.validate_json(value) if isinstance(value, str) else adapter.validate_python(value)

    holds = get_origin(hint) or hint
    return Kind("json", holds, "must be JSON", adapter.validate_json, Way(text, back), Way(text, back), plain)


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError from None


def _written(value: Any) -> Any:
    return str(value) if value.__class__ is Erased else value


def _read(value: Any) -> Any:
    return _GONE.get(value, value)


def _stamp(instant: datetime) -> str:
    if instant.tzinfo is UTC:  # what `stamp` does, without three calls in between: every row has such times
        return f"{instant.isoformat(timespec='microseconds')[:26]}Z"
    return stamp(to_utc(instant))


def _utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo is UTC else to_utc(instant)


UUIDS = Kind("uuid", UUID, "must be an identifier (UUID)", UUID, Way(str, UUID), plain=str)
TEXT = Kind("text", str, "must be text", str)
PERSONAL_TEXT = Kind("text", str, "must be text", str, Way(_written, _read), Way(_written, _read), _written)
INTEGER = Kind("integer", int, "must be a whole number", int)
BOOLEAN = Kind("boolean", bool, "must be true or false", _truth, Way(read=bool))
INSTANT = Kind(
    "instant",
    datetime,
    "must be a time with its zone, such as 2024-03-01T09:30:00Z",
    lambda text: to_utc(datetime.fromisoformat(text)),
    Way(_stamp, unstamp),
    Way(_utc, _utc),
    _stamp,
)
DAY = Kind(
    "day",
    date,
    "must be a day, such as 2024-03-01",
    date.fromisoformat,
    Way(date.isoformat, date.fromisoformat),
    plain=date.isoformat,
)
DECIMAL = Kind("decimal", Decimal, "must be a number", _number, Way(str, Decimal), plain=str)

_PLAIN: dict[type, Kind] = {
    UUID: UUIDS, str: TEXT, int: INTEGER, bool: BOOLEAN, datetime: INSTANT, date: DAY, Decimal: DECIMAL,
}  # fmt: skip


def money_of(minor: int | None, currency: str | None) -> Money | None:
    """Money from its two columns; NULL in both: None."""
    return None if minor is None or currency is None else Money.of_minor(minor, currency)
