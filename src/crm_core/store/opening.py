"""Opens the database a URL names: checks that it is ours and safe, creates it where it is empty."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from crm_core.kernel.decider import Fold
from crm_core.kernel.errors import (
    DatabaseUnavailable,
    Invalid,
    KeyMissing,
    NotACRMDatabase,
    ReadOnly,
    UnsafeSettings,
)
from crm_core.kernel.time import Clock
from crm_core.store import migrations
from crm_core.store.address import Address, parse
from crm_core.store.copies import SqliteCopy
from crm_core.store.keys import KeyRing
from crm_core.store.log import EventLog
from crm_core.store.mapper import EventMapper
from crm_core.store.port import Database, Transaction
from crm_core.store.rights import Rights, of_reader, of_role
from crm_core.store.sqlite import SqliteDatabase, holds_nothing, tables_in
from crm_core.store.streams import Streams

if TYPE_CHECKING:
    from crm_core.store.postgres import PostgresDatabase

Create: TypeAlias = Literal["no", "where empty", "beside"]
"""Where tables may be made: nowhere, in an empty database, or also beside what others keep in a SQLite file."""
_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = ?"
_SCHEMA = "SELECT 1 FROM pg_namespace WHERE nspname = ?"
_PREFIX = "SELECT value FROM crm_meta WHERE name = 'prefix'"
_OURS = {"crm_meta", "crm_events"}


@dataclass(frozen=True, slots=True)
class Store:
    """An opened database with its key ring: everything the application needs from below."""

    url: str
    database: Database
    keys: KeyRing
    log: EventLog
    open_mapper: EventMapper
    withholding_mapper: EventMapper
    rights: Rights = field(default_factory=Rights)
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
        return migrations.STEPS.newest

    @property
    def described(self) -> str:
        """Which database it is, without user, password or host options."""
        parts = urlsplit(self.url)
        return (
            self.url.partition("?")[0]
            if parts.scheme in ("memory", "sqlite")
            else f"postgresql://{parts.hostname or ''}{parts.path}"
        )

    @property
    def durability(self) -> str:
        """How safe a receipt is: `full`, `test`, `memory`; or `read-only`, where there will be none."""
        return "read-only" if self.rights.read_only else self.database.durability

    def require_writable(self, what: str) -> None:
        """Go on only where something may be changed.

        Raises:
            ReadOnly: it was opened with `?mode=ro`, or under a role that may only read.
        """
        if self.rights.read_only:
            raise ReadOnly(what)

    def close(self) -> None:
        """Give back every connection."""
        self.keys.close()
        self.database.close()


def open_store(url: str, clock: Clock, *, create: Create = "where empty") -> Store:
    """Open the database that a URL names, creating the tables where that is asked for and right.

    Raises:
        Invalid: the URL is none of memory://, sqlite:///FILE, postgresql://….
        DatabaseUnavailable: no file or server answers.
        NotACRMDatabase: the database holds something else, or nothing where nothing is to be created.
        SchemaMismatch: it was made by an older or newer schema.
        KeyMissing: there is a history, and no key store beside it.
        UnsafeSettings: it would lose acknowledged events, or `POSTGRES_ENABLE_DB_FUNCTIONS` is set.
    """
    if os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS", "").lower() in ("y", "yes", "t", "true", "on", "1"):
        msg = "POSTGRES_ENABLE_DB_FUNCTIONS makes readers of the eventsourcing library miss events; unset it"
        raise UnsafeSettings(msg)
    address = parse(url)
    database, keys = connect(address, create)
    try:
        rights = _prepare(address, database, keys, create)
    except BaseException:
        database.close()
        keys.close()
        raise
    ring = KeyRing(keys)
    log = EventLog(database, clock)
    withholding = EventMapper(ring, opens=False)
    return Store(url, database, ring, log, EventMapper(ring) if rights.open else withholding, withholding, rights)


def connect(address: Address, create: Create = "no") -> tuple[Database, Database]:
    """The log's database and the key store's, as they are; nothing is made in them, and no file where none is.

    Raises:
        DatabaseUnavailable: no file or server answers.
        NotACRMDatabase: a file holds something else.
    """
    if address.scheme == "memory":
        return _memory(), _memory()
    return _connect_postgres(address) if address.scheme == "postgresql" else _connect_sqlite(address, create)


def _prepare(address: Address, database: Any, keys: Any, create: Create) -> Rights:
    if address.scheme == "postgresql":
        return _prepare_postgres(address, database, keys, create)
    if address.read_only:
        return _prepare_copy(address, database, keys)
    _prepare_sqlite(address, database, keys, create)
    return Rights()


# -- SQLite -------------------------------------------------------------------------------------


def _memory() -> SqliteDatabase:
    return SqliteDatabase(":memory:", durability="memory")


def _connect_sqlite(address: Address, create: Create) -> tuple[Database, Database]:
    path, keys_path = address.target, address.keys_target
    if os.path.realpath(keys_path) == os.path.realpath(path):
        raise Invalid("url", [("keys", "must be another file than the log: forgetting must not depend on it")])
    if create == "no" or address.read_only:
        _must_exist(path)
    if address.read_only:
        return SqliteCopy(path), _key_copy(address)
    for file, ours in ((path, "crm_events"), (keys_path, "crm_keys")):
        tables = tables_in(file)
        if tables and ours not in tables and (file == keys_path or not _may_share(address, create, tables)):
            raise _foreign(tables)
        if create == "no" and file == path and not tables and holds_nothing(path):
            raise _empty()
    durability = address.durability
    return SqliteDatabase(path, durability=durability), SqliteDatabase(keys_path, durability=durability)


def _must_exist(path: str) -> None:
    if not Path(path).is_file():
        raise DatabaseUnavailable(f"there is no file {path}; crm init makes a CRM there, crm demo one to try")


def _key_copy(address: Address) -> SqliteDatabase:
    """The key store of a copy; where there is none, an empty one in memory, and every personal value is withheld."""
    if Path(address.keys_target).is_file():
        return SqliteCopy(address.keys_target)
    if address.keys:
        _must_exist(address.keys)
    return _memory()


def _prepare_copy(address: Address, database: SqliteCopy, keys: SqliteDatabase) -> Rights:
    with database.looking() as transaction:
        _require_ours(_tables(transaction, _SQLITE_TABLES))
        _accept(address, database, transaction)
    with keys.looking() as transaction:
        held = _tables(transaction, _SQLITE_TABLES)
    if held and "crm_keys" not in held:
        raise _foreign(held)
    return of_reader(Rights(open=bool(held)))


def _prepare_sqlite(address: Address, database: SqliteDatabase, keys: SqliteDatabase, create: Create) -> None:
    with database.looking() as transaction:
        tables = _tables(transaction, _SQLITE_TABLES)
        made = tables >= _OURS
        if tables and not made and not _may_share(address, create, tables):
            raise _foreign(tables)
        if made:
            _accept(address, database, transaction)
        elif create == "no":
            raise _empty()
        empty = not made or transaction.execute("SELECT 1 FROM crm_events LIMIT 1").fetchone() is None
    allowed = empty or create == "beside"
    if not allowed and not Path(keys.path).is_file():
        raise _keyless()
    _make_keys(keys, _SQLITE_TABLES, [], allowed=allowed)
    if made:
        return
    with database.writing() as transaction:
        if not _tables(transaction, _SQLITE_TABLES) >= _OURS:
            migrations.create(transaction, address.prefix or "")
    with database.looking() as transaction:
        _accept(address, database, transaction)


# -- PostgreSQL ---------------------------------------------------------------------------------


def _connect_postgres(address: Address) -> tuple[Database, Database]:
    try:
        from crm_core.store.postgres import PostgresDatabase
    except ImportError as error:
        msg = "psycopg finds no libpq: install crm-core[binary], or your system's libpq"
        raise DatabaseUnavailable(msg) from error
    how = {"durability": address.durability, "read_only": address.read_only}
    return (
        PostgresDatabase(address.target, address.schema, **how),  # type: ignore[arg-type]
        PostgresDatabase(address.keys_target, f"{address.schema}_keys", **how),  # type: ignore[arg-type]
    )


def _prepare_postgres(
    address: Address, database: "PostgresDatabase", keys: "PostgresDatabase", create: Create
) -> Rights:
    """Look into both schemas before anything is made in either."""
    found = {}
    for one in (database, keys):
        with one.looking() as transaction:
            if one.durability == "full" and not address.read_only:
                _refuse_unsafe(transaction)
            found[one] = _tables(transaction, _TABLES, [one.schema])
    if found[keys] and "crm_keys" not in found[keys]:
        raise _foreign(found[keys])
    if not found[database]:
        if create == "no" or address.read_only:
            raise _empty()
        _make_keys(keys, _TABLES, [keys.schema], allowed=True)
        _create_postgres(database)
    with database.looking() as transaction, keys.looking() as key_transaction:
        _require_ours(_tables(transaction, _TABLES, [database.schema]))
        _accept(address, database, transaction)
        if found[database] and not found[keys]:
            empty = transaction.execute("SELECT 1 FROM crm_events LIMIT 1").fetchone() is None
            if address.read_only:
                return of_reader(Rights(open=False))
            _make_keys(keys, _TABLES, [keys.schema], allowed=empty or create == "beside")
        rights = of_role(transaction, database.schema, key_transaction, keys.schema)
    if not address.read_only and not rights.read_only:
        return rights
    database.read_only = keys.read_only = True
    return of_reader(rights)


def _create_postgres(database: "PostgresDatabase") -> None:
    """Create the tables; under the log's lock, since first starts at the same moment would collide."""
    with database.writing() as transaction:
        transaction.lock_log()
        if "crm_meta" in _tables(transaction, _TABLES, [database.schema]):
            return
        _make_schema(transaction, database.schema)
        migrations.create(transaction)


def _make_schema(transaction: Transaction, schema: str) -> None:
    """Create a schema, unless it is there: who may not create one can be given one."""
    if transaction.execute(_SCHEMA, [schema]).fetchone() is None:
        transaction.execute(f"CREATE SCHEMA {schema}")


def _refuse_unsafe(transaction: Transaction) -> None:
    unsafe = [
        name for name in ("fsync", "full_page_writes", "synchronous_commit")
        if transaction.execute("SELECT current_setting(?)", [name]).fetchone()[0] == "off"
    ]  # fmt: skip
    if unsafe:
        msg = f"{', '.join(unsafe)} is off: acknowledged events would be lost; turn it on, or say ?durability=test"
        raise UnsafeSettings(msg)


def require_crm(address: Address, database: Database) -> None:
    """Go on only where a CRM is, of whatever schema.

    Raises:
        NotACRMDatabase: nothing is there, or something else.
    """
    sql, values = (_TABLES, [address.schema]) if address.scheme == "postgresql" else (_SQLITE_TABLES, [])
    with database.looking() as transaction:
        _require_ours(_tables(transaction, sql, values))


# -- both ---------------------------------------------------------------------------------------


def _make_keys(keys: Any, sql: str, values: list[str], *, allowed: bool) -> None:
    """Create the key store, if it is not there; never in silence beside a history that has lost its own."""
    with keys.looking() as transaction:
        if "crm_keys" in _tables(transaction, sql, values):
            return
    if not allowed:
        raise _keyless()
    with keys.writing() as transaction:
        transaction.lock_log()
        if values:
            _make_schema(transaction, values[0])
        migrations.create_keys(transaction)


def _accept(address: Address, database: Database, transaction: Transaction) -> None:
    """Check the schema, and take over what the database says of itself.

    Raises:
        SchemaMismatch: it was made by an older or newer schema.
        Invalid: the URL names another prefix than the database was made with.
    """
    migrations.check(transaction)
    [prefix] = transaction.execute(_PREFIX).fetchone() or [""]
    if address.prefix is not None and address.prefix != prefix:
        known = f"is {prefix}" if prefix else "is empty"
        raise Invalid("url", [("prefix", f"{known} in this database: it is settled when a database is made")])
    database.prefix = prefix


def _tables(transaction: Transaction, sql: str, values: list[str] | None = None) -> set[str]:
    return {row[0] for row in transaction.execute(sql, values or []).fetchall()}


def _may_share(address: Address, create: Create, tables: set[str]) -> bool:
    """Whether a CRM may stand beside these tables: somebody says so, and none has a name that only we should use."""
    return (create == "beside" or address.shared) and not any(name.startswith("crm_") for name in tables)


def _require_ours(tables: set[str]) -> None:
    if not tables:
        raise _empty()
    if not tables >= _OURS:
        raise _foreign(tables)


def _keyless() -> KeyMissing:
    return KeyMissing(
        "there is a history here, and no key store beside it: restore that, open with ?mode=ro to read without "
        "personal values, or crm init begins a new one"
    )


def _empty() -> NotACRMDatabase:
    return NotACRMDatabase("this database holds no CRM; crm init makes one, crm demo one to try")


def _foreign(tables: set[str]) -> NotACRMDatabase:
    names = ", ".join(sorted(tables)[:3])
    return NotACRMDatabase(f"this database holds other tables ({names}) and no CRM; nothing was changed")
