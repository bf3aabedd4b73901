"""The table behind a view: the only place that makes SQL."""

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar
from uuid import UUID

from crm_core.following import Share
from crm_core.kernel.errors import Invalid, WiringError
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Erased
from crm_core.store.port import Dialect, Transaction
from projections.engine.codec import Codec
from projections.engine.columns import ERASED_TEXT, INTEGER, Column, Field, fields_of
from projections.engine.names import check_column, check_view
from projections.engine.places import place_of_key

Row = TypeVar("Row")
_CHUNK = 20_000
_ALL = 2**62
_ANY = "sqlite"
"""In memory, values are compared as they are written on this database: plain texts and numbers."""


class Table(Generic[Row]):
    """The physical table of one version of a view, and the stable name people query.

    The first `keys` fields of the row are the primary key. `people`: which column says whose each
    personal column is.
    """

    def __init__(self, view: str, version: int, row: type[Row], keys: int) -> None:
        self.view: str = check_view(view)
        self.name: str = f"crm_view_{view}_v{version}"
        self.fields: tuple[Field, ...] = fields_of(row)
        self._by_name = {field.name: field for field in self.fields}
        self.columns: tuple[Column, ...] = tuple(column for field in self.fields for column in field.columns)
        self.names: tuple[str, ...] = tuple(check_column(column.name) for column in self.columns)
        self._columns = {column.name: column for column in self.columns}
        self._listed = ", ".join(self.names)
        self._row = row
        self._keys = self._key_columns(keys)
        key = attrgetter(*(column.name for column in self._keys))
        self.key_of = key
        self.people: dict[str, str] = {field.name: self._person(field) for field in self.fields if field.personal}
        self._codecs = {dialect: Codec(row, self.fields, dialect) for dialect in ("sqlite", "postgres")}

    def _key_columns(self, keys: int) -> tuple[Column, ...]:
        chosen = self.fields[:keys]
        unfit = [field.name for field in chosen if field.nullable or field.money or field.personal or field.is_json]
        if unfit or not 0 < keys <= len(self.fields):
            what = f"{unfit[0]} cannot be part of the key" if unfit else f"the key cannot have {keys} fields"
            raise WiringError(f"{self._row.__name__}: {what}")
        return tuple(field.columns[0] for field in chosen)

    def _person(self, field: Field) -> str:
        name = (field.personal.of if field.personal else None) or "contact_id"
        if name not in self._columns or self._columns[name].kind.spelled != "uuid":
            raise WiringError(f"{self._row.__name__}.{field.name}: no column {name} says whose it is")
        return name

    # -- definition -----------------------------------------------------------------------------

    def beside(self) -> "Table[Row]":
        """The same table under a name of its own, to be built while this one is read."""
        other = object.__new__(Table)
        other.__dict__.update(self.__dict__, name=f"{self.name}_building")
        return other

    def create(self, transaction: Transaction) -> None:
        """Create the table; nothing happens if it is there."""
        dialect = transaction.dialect
        columns = ", ".join(_definition(column, dialect) for column in self.columns)
        keys = ", ".join(column.name for column in self._keys)
        tail = " STRICT, WITHOUT ROWID" if dialect.name == "sqlite" else ""
        transaction.execute(f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}, PRIMARY KEY ({keys})){tail}")

    def index(self, transaction: Transaction) -> None:
        """Create what makes a person's rows quick to find."""
        for person in dict.fromkeys(self.people.values()):
            if person != self._keys[0].name:
                index = f"{self.name}_{person} ON {self.name} ({person}) WHERE {person} IS NOT NULL"
                transaction.execute(f"CREATE INDEX IF NOT EXISTS {index}")

    def drop(self, transaction: Transaction) -> None:
        """Drop the table, if it is there."""
        transaction.execute(f"DROP TABLE IF EXISTS {self.name}")

    def drop_version(self, transaction: Transaction, version: int) -> None:
        """Drop what another version of the view left behind."""
        for name in (f"crm_view_{self.view}_v{version}", f"crm_view_{self.view}_v{version}_building"):
            transaction.execute(f"DROP TABLE IF EXISTS {name}")

    def hide(self, transaction: Transaction) -> None:
        """Let the stable name show nothing."""
        transaction.execute(f"DROP VIEW IF EXISTS {transaction.prefix}{self.view}")

    def show(self, transaction: Transaction) -> None:
        """Let the stable name show this table."""
        transaction.execute(f"CREATE VIEW {transaction.prefix}{self.view} AS SELECT {self._listed} FROM {self.name}")

    def replace(self, transaction: Transaction, live: "Table[Row]", *, shown: bool) -> None:
        """Take the place of the live table, name and all; the view first, as its readers lock it first.

        `shown`: whether the stable name shows the live table, and so has to show this one.
        """
        postgres = transaction.dialect.name == "postgres"
        if shown and postgres:  # keeps the view itself, and so what others built on it and were granted
            transaction.execute(f"CREATE OR REPLACE VIEW {self.view} AS SELECT {self._listed} FROM {self.name}")
        elif shown:
            self.hide(transaction)
        live.drop(transaction)
        transaction.execute(f"ALTER TABLE {self.name} RENAME TO {live.name}")
        live.index(transaction)
        if shown and not postgres:
            live.show(transaction)

    def pin(self, transaction: Transaction) -> None:
        """Keep this very table until the transaction ends; the first statement of a reader who reads twice.

        PostgreSQL's snapshots do not cover which table a name means: a reader whose snapshot is older
        than a rebuild's swap would find the new table empty.
        """
        if transaction.dialect.name == "postgres":
            transaction.execute(f"LOCK TABLE {self.name} IN ACCESS SHARE MODE")

    # -- rows by key ----------------------------------------------------------------------------

    def load(self, transaction: Transaction, keys: Iterable[Any]) -> dict[Any, Row]:
        """The rows under these keys, by the places of their keys (`place_of_key`)."""
        wanted, found = list(keys), {}
        read = self._codecs[transaction.dialect.name].read
        for start in range(0, len(wanted), _CHUNK):
            condition, values = self._keyed(transaction.dialect, self._keys, wanted[start : start + _CHUNK])
            rows = transaction.execute(f"SELECT {self._listed} FROM {self.name} WHERE {condition}", values).fetchall()
            for row in map(read, rows):
                found[place_of_key(self.key_of(row))] = row
        return found

    def store(self, transaction: Transaction, rows: Iterable[Row]) -> None:
        """Insert these rows or replace those of the same keys."""
        write = self._codecs[transaction.dialect.name].write
        values = [write(row) for row in rows]
        if values:
            transaction.upsert(self.name, self.names, len(self._keys), values)

    def insert(self, transaction: Transaction, rows: Iterable[Row]) -> None:
        """Insert rows whose keys are not there yet."""
        write = self._codecs[transaction.dialect.name].write
        values = [write(row) for row in rows]
        if values:
            transaction.insert((self.name, self.names, values))

    def delete(self, transaction: Transaction, keys: Iterable[Any]) -> None:
        """Delete the rows under these keys."""
        wanted = list(keys)
        for start in range(0, len(wanted), _CHUNK):
            condition, values = self._keyed(transaction.dialect, self._keys, wanted[start : start + _CHUNK])
            transaction.execute(f"DELETE FROM {self.name} WHERE {condition}", values)

    def clear(self, transaction: Transaction) -> None:
        """Delete every row."""
        transaction.execute(f"DELETE FROM {self.name}")

    def scrub(self, transaction: Transaction, people: Iterable[UUID], share: Share | None = None) -> None:
        """Erase every personal column of these people's rows; `share`: only of rows whose key is in it."""
        wanted = list(people)
        within = f" AND {share.condition(transaction.dialect, self._keys[0].name)}" if share else ""
        for person in dict.fromkeys(self.people.values()):
            settings = ", ".join(f"{name} = '{ERASED_TEXT}'" for name, whose in self.people.items() if whose == person)
            condition, values = self._keyed(transaction.dialect, (self._columns[person],), wanted)
            transaction.execute(f"UPDATE {self.name} SET {settings} WHERE {condition}{within}", values)

    def _keyed(self, dialect: Dialect, columns: Sequence[Column], keys: Sequence[Any]) -> tuple[str, list[Any]]:
        """A condition that these columns hold one of the keys; one parameter a column, however many keys."""
        names = ", ".join(column.name for column in columns)
        if dialect.name == "sqlite":
            writes = [column.kind.sqlite.write or _same for column in columns]
            if len(columns) == 1:
                return f"{names} IN (SELECT value FROM json_each(?))", [json.dumps([writes[0](key) for key in keys])]
            parts = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
            tuples = [[write(part) for write, part in zip(writes, key, strict=True)] for key in keys]
            return f"({names}) IN (SELECT {parts} FROM json_each(?))", [json.dumps(tuples)]
        arrays = ", ".join(f"?::{getattr(dialect, column.kind.spelled)}[]" for column in columns)
        if len(columns) == 1:
            return f"{names} = ANY({arrays})", [list(keys)]
        return f"({names}) IN (SELECT * FROM unnest({arrays}))", [list(part) for part in zip(*keys, strict=True)]

    # -- questions ------------------------------------------------------------------------------

    def select(
        self,
        transaction: Transaction,
        where: Mapping[str, Any],
        order: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Row]:
        """The rows whose fields or columns equal these values, by key.

        Args:
            transaction: where to read.
            where: field or column → value; None asks for those without one; text is read as what the
                column holds.
            order: fields or columns to order by first, `-name` for the greatest first.
            limit: at most so many; None: all.
            offset: how many to leave out first.

        Raises:
            Invalid: no such field or column, or a value that is none of its kind.
        """
        condition, values = self._where(transaction.dialect, where)
        rows = transaction.execute(
            f"SELECT {self._listed} FROM {self.name}{condition} ORDER BY {self._order(order)} LIMIT ? OFFSET ?",
            [*values, _ALL if limit is None else limit, offset],
        ).fetchall()
        return [*map(self._codecs[transaction.dialect.name].read, rows)]

    def matching(self, rows: Iterable[Row], where: Mapping[str, Any]) -> list[Row]:
        """Those of these rows that `select` would find.

        Raises:
            Invalid: as `select`.
        """
        wanted = []
        for column, value in (pair for name, given in where.items() for pair in self._pairs(name, given)):
            write = column.kind.way(_ANY).write
            wanted.append((self.names.index(column.name), write(value) if write and value is not None else value))
        written = self._codecs[_ANY].write
        return [row for row in rows if not wanted or all(written(row)[place] == value for place, value in wanted)]

    def count(self, transaction: Transaction, where: Mapping[str, Any]) -> int:
        """How many rows have these values."""
        condition, values = self._where(transaction.dialect, where)
        return int(transaction.execute(f"SELECT count(*) FROM {self.name}{condition}", values).fetchone()[0])

    def totals(self, transaction: Transaction, field: str, where: Mapping[str, Any]) -> dict[str, Money]:
        """The sums of a money field, one for each currency, added up by the database to the cent."""
        if field not in self._by_name or not self._by_name[field].money:
            raise self._invalid(field, "is no field of money")
        minor, currency = (column.name for column in self._by_name[field].columns)
        condition, values = self._where(transaction.dialect, where)
        sums = f"SELECT {currency}, sum({minor}) FROM {self.name}{condition} GROUP BY 1 ORDER BY 1"
        rows = transaction.execute(sums, values).fetchall()
        return {name: Money.of_minor(int(sum_), name) for name, sum_ in rows if name is not None}

    def sum(self, transaction: Transaction, field: str, where: Mapping[str, Any]) -> int:
        """The sum of a whole number."""
        if field not in self._columns or self._columns[field].kind is not INTEGER:
            raise self._invalid(field, "is no field of whole numbers")
        condition, values = self._where(transaction.dialect, where)
        return int(transaction.execute(f"SELECT sum({field}) FROM {self.name}{condition}", values).fetchone()[0] or 0)

    def containing(self, transaction: Transaction, field: str, part: str, limit: int) -> list[Row]:
        """The rows whose text field has this part, exactly as written, by key."""
        if field not in self._columns or self._columns[field].kind.spelled != "text":
            raise self._invalid(field, "is no field of text")
        place_of = "instr" if transaction.dialect.name == "sqlite" else "strpos"
        condition = f"{place_of}({field}, ?) > 0 ORDER BY {self._order(())} LIMIT ?"
        sql = f"SELECT {self._listed} FROM {self.name} WHERE {condition}"
        rows = transaction.execute(sql, [part, limit]).fetchall()
        return [*map(self._codecs[transaction.dialect.name].read, rows)]

    def plain(self, row: Row) -> dict[str, Any]:
        """The row as JSON-able values under its columns' names."""
        shown: dict[str, Any] = {}
        for field in self.fields:
            value = getattr(row, field.name)
            if field.money:
                minor, currency = (None, None) if value is None else (value.minor, value.currency)
                shown |= {field.columns[0].name: minor, field.columns[1].name: currency}
            else:
                convert = field.columns[0].kind.plain
                shown[field.name] = value if value is None or convert is None else convert(value)
        return shown

    def _where(self, dialect: Dialect, where: Mapping[str, Any]) -> tuple[str, list[Any]]:
        conditions, values = [], []
        for column, value in (pair for name, given in where.items() for pair in self._pairs(name, given)):
            if value is None:
                conditions.append(f"{column.name} IS NULL")
            else:
                write = column.kind.way(dialect.name).write
                conditions.append(f"{column.name} = ?")
                values.append(write(value) if write else value)
        return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values

    def _pairs(self, name: str, value: Any) -> list[tuple[Column, Any]]:
        """(column, value) of one thing asked for."""
        field = self._by_name.get(name)
        if field is not None and field.money:
            if value is not None and not isinstance(value, Money):
                raise self._invalid(name, f"must be Money; or ask for {name}_minor and {name}_currency")
            minor, currency = (None, None) if value is None else (value.minor, value.currency)
            return [(field.columns[0], minor), (field.columns[1], currency)]
        if name not in self._columns:
            raise self._invalid(name, f"is no field of this view; it has {', '.join(self.names)}")
        return [(self._columns[name], self._value(self._columns[name], value))]

    def _value(self, column: Column, value: Any) -> Any:
        if value is None or isinstance(value, Erased):
            return value
        try:
            value = column.kind.parse(value) if isinstance(value, str) else value
            if not column.kind.fits(value):
                raise ValueError  # noqa: TRY301 - one place says what is wrong
            (column.kind.sqlite.write or _same)(value)
        except ValueError:
            raise self._invalid(column.name, column.kind.rule) from None
        return value

    def _order(self, order: Sequence[str]) -> str:
        terms = []
        for term in order:
            name = term.removeprefix("-")
            field = self._by_name.get(name)
            names = [column.name for column in reversed(field.columns)] if field and field.money else [name]
            if names[0] not in self._columns:
                raise self._invalid(name, f"is no field of this view; it has {', '.join(self.names)}")
            terms += [f"{one}{' DESC' if term.startswith('-') else ''} NULLS LAST" for one in names]
        return ", ".join([*terms, *(column.name for column in self._keys)])

    def _invalid(self, field: str, rule: str) -> Invalid:
        return Invalid(self.view, [(field, rule)])


def _definition(column: Column, dialect: Dialect) -> str:
    spelled = getattr(dialect, column.kind.spelled)
    collation = ' COLLATE "C"' if dialect.name == "postgres" and column.kind.spelled == "text" else ""
    return f"{column.name} {spelled}{collation}{'' if column.nullable else ' NOT NULL'}"


def _same(value: Any) -> Any:
    return value
