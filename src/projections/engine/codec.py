"""Rows as tuples of column values and back, for one dialect; put together once for each row class."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

from crm_core.kernel.money import Money
from projections.engine.columns import Convert, Field, money_of, or_none

Row = TypeVar("Row")


class Codec(Generic[Row]):
    """Writes and reads the rows of one class in one dialect."""

    def __init__(self, row: type[Row], fields: Sequence[Field], dialect: str) -> None:
        self._row = row
        self._get = _getter(fields)
        self._out: list[tuple[int, Convert]] = []
        self._in: list[tuple[int, Convert]] = []
        self._money: list[int] = []
        place = 0
        for field in fields:
            if field.money:
                self._money.insert(0, place)
                if field.nullable:
                    self._out += [(place, _minor), (place + 1, _currency)]
            else:
                self._convert(field, place, dialect)
            place += len(field.columns)

    def _convert(self, field: Field, place: int, dialect: str) -> None:
        way = field.columns[0].kind.way(dialect)
        for where, convert in ((self._out, way.write), (self._in, way.read)):
            if convert is not None:
                where.append((place, or_none(convert) if field.nullable else convert))

    def write(self, row: Row) -> Sequence[Any]:
        """The column values of a row."""
        values: Sequence[Any] = self._get(row)
        if not self._out:
            return values
        changed = list(values)
        for place, convert in self._out:
            changed[place] = convert(changed[place])
        return changed

    def read(self, values: Sequence[Any]) -> Row:
        """The row of column values."""
        if self._in or self._money:
            changed = list(values)
            for place, convert in self._in:
                changed[place] = convert(changed[place])
            for place in self._money:
                changed[place : place + 2] = [money_of(changed[place], changed[place + 1])]
            values = changed
        return self._row(*values)


def _getter(fields: Sequence[Field]) -> Callable[[Any], Sequence[Any]]:
    paths: list[str] = []
    for field in fields:
        if not field.money:
            paths.append(field.name)
        elif field.nullable:
            paths += [field.name, field.name]
        else:
            paths += [f"{field.name}.minor", f"{field.name}.currency"]
    get = attrgetter(*paths)
    return get if len(paths) > 1 else lambda row: (get(row),)


def _minor(money: Money | None) -> int | None:
    return None if money is None else money.minor


def _currency(money: Money | None) -> str | None:
    return None if money is None else money.currency
