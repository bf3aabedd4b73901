"""Opens the database a URL names: checks that it is ours and safe, creates it where it is empty."""

import os
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit
from uuid import uuid4

from crm_core.kernel import arguments
from crm_core.kernel.decider import Fold
from crm_core.kernel.errors import DatabaseUnavailable, Invalid, NotACRMDatabase, SchemaMismatch, UnsafeSettings
from crm_core.kernel.time import Clock
from crm_core.store.keys import KeyRing
from crm_core.store.log import EventLog
from crm_core.store.mapper import EventMapper
from crm_core.store.port import Database, Transaction
from crm_core.store.sqlite import SqliteDatabase, tables_in
from crm_core.store.streams import Streams

if TYPE_CHECKING:
    from crm_core.store.postgres import PostgresDatabase

SCHEMA = 1
"""The number of the newest file in `store/schema`."""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = ?"
_SCHEMES = "memory://, sqlite:///FILE or postgresql://…"


@dataclass(frozen=True, slots=True)
class Store:
    """An opened database with its key ring: everything the application needs from below."""

    url: str
    database: Database
    keys: KeyRing
    log: EventLog
    open_mapper: EventMapper
    withholding_mapper: EventMapper
    _streams: dict[str, Streams] = field(default_factory=dict)

    def mapper(self, *, opens: bool) -> EventMapper:
        """The mapper for readers that may (or may not) see personal values."""
        return self.open_mapper if opens else self.withholding_mapper

    def streams(self, noun: str, fold: Fold[Any]) -> Streams:
        """The loader of one decider's streams."""
        if noun not in self._streams:
            self._streams[noun] = Streams(self.log, self.open_mapper, fold)
        return self._streams[noun]

    @property
    def schema(self) -> int:
        """The schema number this library works with."""
        return SCHEMA

    @property
    def described(self) -> str:
        """Which database it is, without user, password or host options."""
        parts = urlsplit(self.url)
        return (
            self.url.partition("?")[0]
            if parts.scheme in ("memory", "sqlite")
            else f"postgresql://{parts.hostname or ''}{parts.path}"
        )

    def close(self) -> None:
        """Give back every connection."""
        self.keys.close()
        self.database.close()


@dataclass(frozen=True, slots=True)
class _Address:
    scheme: str
    target: str
    schema: str
    durability: str
    keys: str | None
    shared: bool = False


def open_store(url: str, clock: Clock) -> Store:
    """Open the database that a URL names, creating the tables if it is empty.

    Raises:
        Invalid: the URL is none of memory://, sqlite:///FILE, postgresql://….
        DatabaseUnavailable: no file or server answers.
        NotACRMDatabase: the database holds something else.
        SchemaMismatch: it was made by an older or newer schema.
        UnsafeSettings: it would lose acknowledged events, or `POSTGRES_ENABLE_DB_FUNCTIONS` is set.
    """
    if os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS", "").lower() in ("y", "yes", "t", "true", "on", "1"):
        msg = "POSTGRES_ENABLE_DB_FUNCTIONS makes readers of the eventsourcing library miss events; unset it"
        raise UnsafeSettings(msg)
    address = _parse(url)
    database, keys = _postgres(address) if address.scheme == "postgresql" else _sqlite(address)
    ring = KeyRing(keys)
    log = EventLog(database, clock)
    return Store(url, database, ring, log, EventMapper(ring), EventMapper(ring, opens=False))


def _parse(url: str) -> _Address:
    arguments.text("url", url)
    try:
        parts = urlsplit(url)
        file = unquote(parts.path[1:], errors="strict")
    except ValueError:
        raise Invalid("url", [("url", f"must be {_SCHEMES}")]) from None
    if "\0" in file:
        raise Invalid("url", [("url", "must not hold NUL")])
    options = dict(parse_qsl(parts.query))
    schema = options.pop("schema", "crm")
    durability = options.pop("durability", "full")
    keys = options.pop("keys", None)
    shared = options.pop("shared", "no")
    if shared not in ("no", "yes") or (shared == "yes" and parts.scheme != "sqlite"):
        raise Invalid("url", [("shared", "must be yes or no, and is for sqlite:///FILE: PostgreSQL has schemas")])
    if durability not in ("full", "test"):
        raise Invalid("url", [("durability", "must be full or test")])
    if (
        not schema.isascii()
        or not schema.replace("_", "a").isalnum()
        or schema != schema.lower()
        or schema[:1].isdigit()
    ):
        raise Invalid("url", [("schema", "must be lower-case letters, digits and underscores")])
    if options and parts.scheme in ("memory", "sqlite"):
        raise Invalid("url", [(min(options), "is no option; there are schema, keys, durability and shared")])
    if parts.fragment:
        raise Invalid("url", [("url", "must not hold #")])
    if parts.scheme == "memory" and not parts.netloc and not parts.path and keys is None:
        return _Address("memory", ":memory:", schema, "memory", keys)
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        return _Address("sqlite", file, schema, durability, keys, shared == "yes")
    if parts.scheme in ("postgresql", "postgres"):
        return _Address(
            "postgresql",
            f"postgresql://{parts.netloc}{parts.path}?{urlencode(options)}",
            schema,
            durability,
            keys,
        )
    raise Invalid("url", [("url", f"must be {_SCHEMES}")])


# -- SQLite -------------------------------------------------------------------------------------


def _sqlite(address: _Address) -> tuple[Database, Database]:
    if address.scheme == "memory":
        database, keys = (
            SqliteDatabase(":memory:", durability="memory"),
            SqliteDatabase(":memory:", durability="memory"),
        )
    else:
        keys_path = address.keys or f"{address.target.removesuffix('.db')}.keys.db"
        if os.path.realpath(keys_path) == os.path.realpath(address.target):
            raise Invalid("url", [("keys", "must be another file than the log: forgetting must not depend on it")])
        _refuse_foreign(address.target, "crm_events", shared=address.shared)
        _refuse_foreign(keys_path, "crm_keys")
        database = SqliteDatabase(address.target, durability=address.durability)
        keys = SqliteDatabase(keys_path, durability=address.durability)
    try:
        _script(keys, "keys.sqlite.sql")
        _prepare_sqlite(database, shared=address.shared)
    except BaseException:
        database.close()
        keys.close()
        raise
    return database, keys


def _refuse_foreign(path: str, ours: str, *, shared: bool = False) -> None:
    """Look into a file before anything is changed in it. `shared`: the host's own tables may be there already.

    Raises:
        NotACRMDatabase: it is no SQLite database, or one that holds something else.
    """
    tables = tables_in(path)
    if shared:
        tables = {name for name in tables if name.startswith("crm_")}
    if tables and ours not in tables:
        raise _foreign(tables)


def _prepare_sqlite(database: SqliteDatabase, *, shared: bool) -> None:
    listed = "SELECT name FROM sqlite_master WHERE type = 'table'" + (" AND name GLOB 'crm_*'" if shared else "")
    with database.looking() as transaction:
        tables = _tables(transaction, listed)
    if not tables:
        with database.writing() as transaction:
            if not _tables(transaction, listed):
                transaction.script(_file("0001.sqlite.sql"))
                _describe(transaction)
        return
    _check(database, tables)


def _script(database: SqliteDatabase, name: str) -> None:
    with database.looking() as transaction:
        if "crm_secrets" in _tables(transaction, "SELECT name FROM sqlite_master WHERE type = 'table'"):
            return
    with database.writing() as transaction:
        transaction.script(_file(name))


# -- PostgreSQL ---------------------------------------------------------------------------------


def _postgres(address: _Address) -> tuple[Database, Database]:
    try:
        from crm_core.store.postgres import PostgresDatabase
    except ImportError as error:
        msg = "psycopg finds no libpq: install crm-core[binary], or your system's libpq"
        raise DatabaseUnavailable(msg) from error
    database = PostgresDatabase(address.target, address.schema, durability=address.durability)
    keys = PostgresDatabase(address.keys or address.target, f"{address.schema}_keys", durability=address.durability)
    try:
        _prepare_postgres(database, keys)
    except BaseException:
        database.close()
        keys.close()
        raise
    return database, keys


def _prepare_postgres(database: "PostgresDatabase", keys: "PostgresDatabase") -> None:
    """Look into both schemas before anything is made in either."""
    found = {}
    for one in (database, keys):
        with one.looking() as transaction:
            if one.durability == "full":
                _refuse_unsafe(transaction)
            found[one] = _tables(transaction, _TABLES, [one.schema])
    if found[keys] and "crm_keys" not in found[keys]:
        raise _foreign(found[keys])
    if found[database]:
        _check(database, found[database])
    else:
        _create_postgres(database, database.schema)
    if not found[keys]:
        with keys.writing() as transaction:
            transaction.lock_log()
            transaction.execute(f"CREATE SCHEMA IF NOT EXISTS {keys.schema}")
            transaction.script(_file("keys.postgres.sql"))


def _create_postgres(database: Database, schema: str) -> None:
    """Create the tables; under the log's lock, since first starts at the same moment would collide."""
    with database.writing() as transaction:
        transaction.lock_log()
        if "crm_meta" in _tables(transaction, _TABLES, [schema]):
            return
        transaction.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        transaction.script(_file("0001.postgres.sql"))
        _describe(transaction)


def _refuse_unsafe(transaction: Transaction) -> None:
    unsafe = [
        name for name in ("fsync", "full_page_writes", "synchronous_commit")
        if transaction.execute("SELECT current_setting(?)", [name]).fetchone()[0] == "off"
    ]  # fmt: skip
    if unsafe:
        msg = f"{', '.join(unsafe)} is off: acknowledged events would be lost; turn it on, or say ?durability=test"
        raise UnsafeSettings(msg)


# -- both ---------------------------------------------------------------------------------------


def _file(name: str) -> str:
    return files(__package__).joinpath("schema", name).read_text(encoding="utf-8")


def _tables(transaction: Transaction, sql: str, values: list[str] | None = None) -> set[str]:
    return {row[0] for row in transaction.execute(sql, values or []).fetchall()}


def _describe(transaction: Transaction) -> None:
    transaction.executemany(
        "INSERT INTO crm_meta (name, value) VALUES (?, ?)", [("schema", str(SCHEMA)), ("log", str(uuid4()))]
    )


def _foreign(tables: set[str]) -> NotACRMDatabase:
    names = ", ".join(sorted(tables)[:3])
    return NotACRMDatabase(f"this database holds other tables ({names}) and no CRM; nothing was changed")


def _check(database: Database, tables: set[str]) -> None:
    if not {"crm_meta", "crm_events"} <= tables:
        database.close()
        raise _foreign(tables)
    with database.looking() as transaction:
        [value] = transaction.execute("SELECT value FROM crm_meta WHERE name = 'schema'").fetchone() or ["0"]
    found = int(value) if str(value).isdecimal() else 0
    if found != SCHEMA:
        database.close()
        raise SchemaMismatch(found, SCHEMA)
