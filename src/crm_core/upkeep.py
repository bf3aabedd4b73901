"""Upkeep of a database: made with its roles, brought to a newer schema, copied."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crm_core.kernel.errors import DatabaseUnavailable, Invalid, KeyMissing, NotACRMDatabase
from crm_core.kernel.time import SystemClock
from crm_core.ledger.chain import GENESIS
from crm_core.store import migrations
from crm_core.store import roles as database_roles
from crm_core.store.address import Address, parse
from crm_core.store.backup import copy_into
from crm_core.store.opening import connect, open_store, require_crm
from crm_core.store.port import Database

_ROLES = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_HEAD = "SELECT position, chain FROM crm_events ORDER BY position DESC LIMIT 1"


def _unwatched(_done: int, _of: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class Created:
    """`created`: whether there was no CRM before. `roles`: the group roles that were granted what they may."""

    created: bool
    schema: int
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which schema to which; equal: there was nothing to do."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What was copied: so many events, up to this value of the chain; `keys` None: without the keys."""

    file: str
    keys: str | None
    events: int
    chain: str


def create(url: str, *, roles: str | None = None) -> Created:
    """Make a CRM where none is, also beside what others keep in a SQLite file; one that is there stays as it is.

    Args:
        url: as for `CRM.open`.
        roles: PostgreSQL: what the names of four group roles begin with, which are made and granted what they
            may: `<roles>_writer`, `_projector`, `_reader` and `_auditor`. None: one role does everything.

    Raises:
        Invalid: the URL or the name is wrong, or roles are asked for on SQLite.
        StoreError: as `CRM.open`; the connected role may not create schemas or roles.
    """
    address = parse(url)
    if roles is not None:
        _check_roles(address, roles)
    if address.read_only:
        raise Invalid("url", [("mode", "must not be ro: something is to be made")])
    existed = _is_there(url)
    open_store(url, SystemClock(), create="beside").close()
    if roles is None:
        return Created(not existed, migrations.STEPS.newest)
    _grant(address, roles)
    return Created(not existed, migrations.STEPS.newest, database_roles.names_of(roles))


def migrate(url: str) -> Migrated:
    """Bring a database to this library's schema; see `store.migrations.migrate`. Run by the owner of its tables.

    Raises:
        StoreError: it was made by a newer library, holds no CRM, or refuses a step.
    """
    address = parse(url)
    if address.read_only:
        raise Invalid("url", [("mode", "must not be ro: the database is to be changed")])
    with _connected(address) as database:
        with database.looking() as transaction:
            before, granted = migrations.number_of(transaction), database_roles.known(transaction)
        taken = migrations.migrate(database, _again(address, granted))
    return Migrated(before, taken[-1] if taken else before)


def migration_sql(url: str) -> str:
    """What `migrate` would do, as statements for `sqlite3` or `psql`; nothing is changed.

    Raises:
        StoreError: as `migrate`.
    """
    address = parse(url)
    with _connected(address) as database, database.looking() as transaction:
        steps, granted = migrations.pending(transaction), database_roles.known(transaction)
    if address.scheme == "sqlite":
        return migrations.script_of(steps, "sqlite", "")
    lock = getattr(database, "lock_key")  # noqa: B009 - of a PostgreSQL database, which is imported where it is used
    opening = f"SET LOCAL search_path = {address.schema};\nSELECT pg_advisory_xact_lock({lock});\n"
    return migrations.script_of(steps, "postgres", opening, _again(address, granted))


def back_up(
    url: str, file: str | Path, *, keys: str | Path | None = None, progress: Callable[[int, int], None] = _unwatched
) -> BackedUp:
    """Copy one moment of a SQLite database into a new file, while it is in use; the whole of it or nothing.

    Views are left out, and folded anew from the log. Policies keep what they remember and wait for.

    Args:
        url: which database.
        file: where to; not overwritten.
        keys: also copy the key store, into this file. Whoever holds both can read every personal value, also of
            people who are forgotten later; None: the copy shows `[withheld]` instead.
        progress: called with how many pages are copied, of how many.

    Raises:
        Invalid: a PostgreSQL database, which its own tools back up; or the file is there.
        StoreError: as `CRM.open`; the file cannot be written.
    """
    address = parse(url)
    if address.scheme != "sqlite":
        rule = "is in memory: it ends with its process"
        if address.scheme == "postgresql":
            rule = f"is PostgreSQL's: back it up by pg_dump --schema={address.schema}, and the keys, which are in "
            rule += f"{address.schema}_keys, apart from it"
        raise Invalid("backup", [("url", rule)])
    store = open_store(url, SystemClock(), create="no")
    try:
        # the log before the keys: everything that the copied log has sealed can be opened with the copied keys
        copy_into(store.database, Path(file), progress)
        if keys is not None:
            copy_into(store.keys.database, Path(keys), progress)
    finally:
        store.close()
    with _connected(parse(f"sqlite:///{file}?mode=ro")) as copy, copy.looking() as transaction:
        position, chain = transaction.execute(_HEAD).fetchone() or (0, GENESIS)
    return BackedUp(str(file), None if keys is None else str(keys), position, bytes(chain).hex())


def _is_there(url: str) -> bool:
    try:
        open_store(url, SystemClock(), create="no").close()
    except KeyMissing:
        return True
    except (DatabaseUnavailable, NotACRMDatabase):
        return False
    return True


@contextmanager
def _connected(address: Address) -> Iterator[Database]:
    """The database as it is, whatever its schema.

    Raises:
        StoreError: no CRM is there.
    """
    database, keys = connect(address)
    try:
        require_crm(address, database)
        yield database
    finally:
        database.close()
        keys.close()


def _check_roles(address: Address, roles: str) -> None:
    if address.scheme != "postgresql":
        raise Invalid("roles", [("roles", "are for PostgreSQL: whoever can write to a file can do anything to it")])
    if not _ROLES.fullmatch(roles) or roles.startswith("pg_"):
        rule = "must be at most 40 lower-case letters, digits and underscores, not beginning with a digit or pg_"
        raise Invalid("roles", [("roles", rule)])


def _grant(address: Address, roles: str) -> None:
    database, keys = connect(address)
    try:
        with keys.writing() as transaction:
            transaction.script(database_roles.key_grants(f"{address.schema}_keys", roles))
        with database.writing() as transaction:
            transaction.script(database_roles.grants(address.schema, roles))
    finally:
        database.close()
        keys.close()


def _again(address: Address, roles: str | None) -> str:
    """What follows a step where there are roles: they are granted what it made."""
    return database_roles.grants(address.schema, roles) if roles else ""
