"""Rows as tuples of column values and back, for one dialect; written out once for each row class.

What it does for each row is a dozen attribute accesses and a few conversions. Put together in loops they take three
times as long, and a rebuild writes every row, so the two functions are made of source text, as dataclasses' own are.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from crm_core.kernel.replacing import maker
from projections.engine.columns import Field, money_of

Row = TypeVar("Row")


class Codec(Generic[Row]):
    """Writes and reads the rows of one class in one dialect.

    `write`: the column values of a row. `read`: the row of column values.
    """

    def __init__(self, row: type[Row], fields: Sequence[Field], dialect: str) -> None:
        known: dict[str, Any] = {"make": maker(row), "money_of": money_of}
        self.write: Callable[[Row], tuple[Any, ...]] = _made(_writing(fields, dialect, known), known)
        self.read: Callable[[Sequence[Any]], Row] = _made(_reading(fields, dialect, known), known)


def _made(source: str, known: dict[str, Any]) -> Any:
    exec(source, known)  # noqa: S102 - made of field names and our own functions alone
    return known["made"]


def _writing(fields: Sequence[Field], dialect: str, known: dict[str, Any]) -> str:
    """Source of the function from a row to its values; the functions it calls are put into `known`."""
    lines, values = ["def made(row):"], []
    for number, field in enumerate(fields):
        value = f"value{number}"
        if field.money:
            lines.append(f"    {value} = row.{field.name}")
            unless = f"None if {value} is None else " if field.nullable else ""
            values += [f"{unless}{value}.minor", f"{unless}{value}.currency"]
            continue
        known[f"write{number}"] = convert = field.columns[0].kind.way(dialect).write
        if convert is None:
            values.append(f"row.{field.name}")
        elif field.nullable:
            values.append(f"None if ({value} := row.{field.name}) is None else write{number}({value})")
        else:
            values.append(f"write{number}(row.{field.name})")
    return "\n".join([*lines, f"    return ({', '.join(values)},)"])


def _reading(fields: Sequence[Field], dialect: str, known: dict[str, Any]) -> str:
    """Source of the function from values to their row."""
    names, values = [], []
    for number, field in enumerate(fields):
        name = f"value{number}"
        if field.money:
            names += [f"{name}_minor", f"{name}_currency"]
            values.append(f"money_of({name}_minor, {name}_currency)")
            continue
        names.append(name)
        known[f"read{number}"] = convert = field.columns[0].kind.way(dialect).read
        read = name if convert is None else f"read{number}({name})"
        values.append(f"None if {name} is None else {read}" if convert and field.nullable else read)
    return f"def made(values):\n    {', '.join(names)}, = values\n    return make(({', '.join(values)},))"
