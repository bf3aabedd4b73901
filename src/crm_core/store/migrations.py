"""The tables, in numbered steps: `schema/0001.sqlite.sql` makes them, each later number changes them."""

import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from uuid import uuid4

from crm_core.kernel.errors import NotACRMDatabase, SchemaMismatch
from crm_core.store.port import Database, Transaction

_STEP = re.compile(r"(\d{4})\.(sqlite|postgres)\.sql")
_NUMBER = "SELECT value FROM crm_meta WHERE name = 'schema'"
_REACHED = "UPDATE crm_meta SET value = '{number}' WHERE name = 'schema'"


@dataclass(frozen=True, slots=True)
class Steps:
    """A folder of numbered files, one for each step and database."""

    folder: Traversable

    @property
    def newest(self) -> int:
        """The schema that this library works with."""
        found = (_STEP.fullmatch(one.name) for one in self.folder.iterdir())
        return max(int(one[1]) for one in found if one)

    def sql(self, name: str) -> str:
        """The text of a file in the folder."""
        return self.folder.joinpath(name).read_text(encoding="utf-8")

    def step(self, number: int, dialect: str) -> str:
        """The statements that bring a database from the schema before to this one."""
        return self.sql(f"{number:04}.{dialect}.sql")


STEPS = Steps(files(__package__).joinpath("schema"))
"""The steps of this version of the library."""


def create(transaction: Transaction, prefix: str = "") -> None:
    """Make every table, from the first step to the newest, and say which schema it is."""
    newest = STEPS.newest
    for number in range(1, newest + 1):
        transaction.script(STEPS.step(number, transaction.dialect.name))
    described = [("schema", str(newest)), ("log", str(uuid4()))]
    if prefix:
        described.append(("prefix", prefix))
    transaction.executemany("INSERT INTO crm_meta (name, value) VALUES (?, ?)", described)


def create_keys(transaction: Transaction) -> None:
    """Make the tables of a key store; nothing happens where they are."""
    transaction.script(STEPS.sql(f"keys.{transaction.dialect.name}.sql"))


def number_of(transaction: Transaction) -> int:
    """The schema that a database says it has; 0: it says nothing that is a number."""
    [value] = transaction.execute(_NUMBER).fetchone() or ["0"]
    return int(value) if str(value).isdecimal() else 0


def check(transaction: Transaction) -> None:
    """Go on only with a database of this library's own schema.

    Raises:
        SchemaMismatch: it is older or newer; `crm migrate` is the way on.
    """
    found, newest = number_of(transaction), STEPS.newest
    if found != newest:
        raise SchemaMismatch(found, newest)


def pending(transaction: Transaction) -> range:
    """The numbers of the steps that this database still needs, in order.

    Raises:
        SchemaMismatch: it was made by a newer library.
        NotACRMDatabase: it does not say which schema it has.
    """
    found, newest = number_of(transaction), STEPS.newest
    if found > newest:
        raise SchemaMismatch(found, newest)
    if found < 1:
        raise NotACRMDatabase("this database does not say which schema it has; nothing was changed")
    return range(found + 1, newest + 1)


def migrate(database: Database, after: str = "") -> list[int]:
    """Bring a database to the present schema, one transaction a step; the numbers of the steps that were taken.

    `after` is said at the end of each transaction.

    Each step and its number are committed together, and nobody appends meanwhile. Stopped at any moment, what was
    committed holds, and the next call goes on from there. Several that migrate at once take turns.

    Raises:
        SchemaMismatch, NotACRMDatabase: see `pending`.
        StoreError: the database refuses a step, as it does a role that does not own the tables.
    """
    taken: list[int] = []
    while True:
        with database.writing() as transaction:
            transaction.lock_log()
            left = pending(transaction)
            if not left:
                return taken
            transaction.script(STEPS.step(left[0], transaction.dialect.name))
            transaction.execute(_REACHED.format(number=left[0]))
            if after:
                transaction.script(after)
        taken.append(left[0])


def script_of(steps: range, dialect: str, opening: str, after: str = "") -> str:
    """The same as statements for `sqlite3` or `psql`; `opening` is said first in each transaction, `after` last."""
    if not steps:
        return f"-- nothing to do: the database has schema {steps.start - 1}\n"
    begin = "BEGIN IMMEDIATE" if dialect == "sqlite" else "BEGIN"
    parts = []
    for number in steps:
        text = f"{STEPS.step(number, dialect).rstrip()}\n{_REACHED.format(number=number)};"
        parts.append(f"-- schema {number - 1} to {number}\n{begin};\n{opening}{text}\n{after}COMMIT;\n")
    return "\n".join(parts)
