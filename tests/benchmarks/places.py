"""Where the databases are: each arm has its own, on the same server or the same disk."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

CONNECTIONS = 16
Database = Literal["sqlite", "postgres"]


@dataclass(frozen=True, slots=True)
class Site:
    """Empty databases side by side: ours, the stock library's, and one for bare SQL.

    `stock` is the library's environment; `bare` is a file, or a URL whose search path is a schema.
    """

    database: Database
    url: str
    stock: dict[str, str]
    bare: str

    def filled(self) -> None:
        """Let the server count what was filled in, as it does by itself within a minute: plans depend on it."""
        if self.database == "postgres":
            with psycopg.connect(self.bare, autocommit=True) as connection:
                connection.execute("ANALYZE")


class Place(ABC):
    """A disk or a server. `slow`: every fsync waits first."""

    name: str
    database: Database
    slow: bool = False

    @abstractmethod
    def site(self) -> AbstractContextManager[Site]:
        """Databases that are gone when the block ends."""


class SqlitePlace(Place):
    """Files in a temporary folder."""

    name = "SQLite"
    database: Database = "sqlite"

    @contextmanager
    def site(self) -> Iterator[Site]:
        """Three files."""
        with TemporaryDirectory(prefix="crm-bench-") as folder:
            path = Path(folder)
            stock = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path / "stock.db")}
            yield Site("sqlite", f"sqlite:///{path / 'crm.db'}", stock, str(path / "bare.db"))


class PostgresPlace(Place):
    """Schemas of one database."""

    database: Database = "postgres"

    def __init__(self, name: str, dsn: str, *, slow: bool = False) -> None:
        self.name = name
        self.dsn = dsn
        self.slow = slow

    @contextmanager
    def site(self) -> Iterator[Site]:
        """Four schemas: the log, its keys, the stock library's, and the bare one."""
        tag = uuid.uuid4().hex[:8]
        ours, stock, bare = f"ours_{tag}", f"stock_{tag}", f"bare_{tag}"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for schema in (stock, bare):
                connection.execute(f"CREATE SCHEMA {schema}".encode())
        try:
            yield Site(
                "postgres",
                self._with(f"schema={ours}"),
                {**self._stock(), "POSTGRES_SCHEMA": stock},
                self._with(f"options={quote(f'-c search_path={bare}')}"),
            )
        finally:
            with psycopg.connect(self.dsn, autocommit=True) as connection:
                for schema in (ours, f"{ours}_keys", stock, bare):
                    connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())

    def version(self) -> str:
        """The server's own."""
        with psycopg.connect(self.dsn) as connection:
            return str(connection.info.parameter_status("server_version"))

    def _with(self, option: str) -> str:
        return f"{self.dsn}{'&' if '?' in self.dsn else '?'}{option}"

    def _stock(self) -> dict[str, str]:
        """As the library's documentation says, but with a connection for each writer."""
        parts = conninfo_to_dict(self.dsn)
        return {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(parts.get("dbname") or ""),
            "POSTGRES_HOST": str(parts.get("host") or ""),
            "POSTGRES_PORT": str(parts.get("port") or "5432"),
            "POSTGRES_USER": str(parts.get("user") or ""),
            "POSTGRES_PASSWORD": str(parts.get("password") or ""),
            "POSTGRES_POOL_SIZE": str(CONNECTIONS),
        }
