"""Programs that embed the CRM: each has a table of its own, `orders`, in the database that holds the log."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from tests.faults.children import pause


class Host(ABC):
    """A program with rows of its own. Its connections are closed, and so rolled back, when a block ends."""

    url: str

    @abstractmethod
    def connect(self) -> Any:
        """A connection as the driver's documentation opens it, as a context."""

    @abstractmethod
    def begin(self, connection: Any) -> None:
        """Open a transaction, if the driver does not do so by itself."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the table."""

    @abstractmethod
    def fussy_connection(self) -> Any:
        """A connection on which everything that can be is set otherwise."""

    @abstractmethod
    def taste_of(self, connection: Any) -> Any:
        """What is set on it."""

    @abstractmethod
    def autocommit_connection(self) -> Any:
        """A connection that begins no transaction by itself."""

    @abstractmethod
    def reading_connection(self) -> Any:
        """A connection that cannot write."""

    @abstractmethod
    def elsewhere(self) -> Any:
        """A connection to another database, which holds a CRM too."""

    def insert(self, connection: Any, title: str) -> None:
        """The host's own work."""
        connection.execute(f"INSERT INTO orders (title) VALUES ('{title}')")

    def rows(self) -> list[str]:
        """The titles that were committed, in order."""
        with self.connect() as connection:
            return [title for (title,) in connection.execute("SELECT title FROM orders ORDER BY title")]

    @abstractmethod
    def close(self) -> None:
        """Take away again what the file or the schema of the log does not hold."""


class _MyRow(sqlite3.Row):
    pass


class _MyCursor(sqlite3.Cursor):
    def execute(self, *_: Any) -> Any:
        raise AssertionError("the host's own cursors are for the host")


class _MyConnection(sqlite3.Connection):
    def cursor(self, *_: Any) -> Any:
        return super().cursor(_MyCursor)


class SqliteHost(Host):
    """A host on SQLite."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = urlsplit(url).path[1:]

    @contextmanager
    def _connected(self, path: str = "", **options: Any) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(path or self.path, **options)) as connection:
            yield connection

    def connect(self) -> Any:
        return self._connected()

    def begin(self, connection: Any) -> None:
        connection.execute("BEGIN")

    def prepare(self) -> None:
        with self.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS orders (title TEXT PRIMARY KEY)")

    @contextmanager
    def fussy_connection(self) -> Iterator[Any]:
        options: dict[str, Any] = {"detect_types": sqlite3.PARSE_COLNAMES, "isolation_level": "EXCLUSIVE"}
        with self._connected(cached_statements=0, **options) as connection:
            connection.row_factory = _MyRow
            connection.text_factory = bytes
            yield connection

    def taste_of(self, connection: Any) -> Any:
        [row] = connection.execute("SELECT 'text'")
        return (connection.row_factory, connection.text_factory, connection.isolation_level, type(row), row[0])

    def autocommit_connection(self) -> Any:
        return self._connected(isolation_level=None)

    def reading_connection(self) -> Any:
        return self._connected(f"file:{self.path}?mode=ro", uri=True)

    @contextmanager
    def elsewhere(self) -> Iterator[Any]:
        from crm_core import CRM

        CRM.open(f"{self.url}.other", follow=[]).close()
        with self._connected(f"{self.path}.other") as connection:
            connection.execute(f"ATTACH '{self.path}' AS log")
            yield connection

    def close(self) -> None:
        pass


class PostgresHost(Host):
    """A host on PostgreSQL, whose table is in a schema that is not the log's."""

    def __init__(self, url: str) -> None:
        self.url = url
        [self.schema] = parse_qs(urlsplit(url).query)["schema"]
        self.dsn = url.replace(f"&schema={self.schema}", "").replace(f"?schema={self.schema}", "")

    def _own(self) -> str:
        return f"{self.schema}_host"

    @contextmanager
    def _connected(self, **options: Any) -> Iterator[Any]:
        with closing(psycopg.connect(self.dsn, options=f"-c search_path={self._own()}", **options)) as connection:
            yield connection

    def connect(self) -> Any:
        return self._connected()

    def begin(self, connection: Any) -> None:
        if connection.autocommit:
            connection.execute("BEGIN")

    def prepare(self) -> None:
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._own()}")
            connection.execute(f"CREATE TABLE IF NOT EXISTS {self._own()}.orders (title text PRIMARY KEY)")
            connection.commit()

    @contextmanager
    def fussy_connection(self) -> Iterator[Any]:
        with self._connected(row_factory=dict_row, cursor_factory=psycopg.ClientCursor) as connection:
            connection.prepare_threshold = None
            connection.adapters.register_loader("uuid", TextLoader)
            connection.adapters.register_loader("text", _Shouting)
            connection.adapters.register_loader("bytea", TextLoader)
            connection.adapters.register_loader("int8", TextLoader)
            yield connection

    def taste_of(self, connection: Any) -> Any:
        [row] = connection.execute(
            "SELECT 'text'::text AS said, 1::bigint AS one, current_setting('search_path') AS path"
        )
        return (row, connection.row_factory, connection.cursor_factory)

    def autocommit_connection(self) -> Any:
        return self._connected(autocommit=True)

    @contextmanager
    def reading_connection(self) -> Iterator[Any]:
        with self._connected() as connection:
            connection.read_only = True
            yield connection

    @contextmanager
    def elsewhere(self) -> Iterator[Any]:
        name = f"{self.schema}_other"
        with closing(psycopg.connect(self.dsn, autocommit=True)) as admin:
            admin.execute(f"CREATE DATABASE {name}")
            try:
                with closing(psycopg.connect(self.dsn, dbname=name)) as connection:
                    connection.execute(f"CREATE SCHEMA {self.schema}")
                    connection.execute(f"CREATE TABLE {self.schema}.crm_events (position bigint)")
                    connection.commit()
                    yield connection
            finally:
                admin.execute(f"DROP DATABASE {name}")

    def until_waiting(self) -> None:
        """Returns once some statement on a host's row waits for another transaction."""
        with closing(psycopg.connect(self.dsn, autocommit=True)) as connection:
            for _ in range(5_000):
                if connection.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE orders%%'"
                ).fetchone():
                    return
                pause(0.002)
        raise AssertionError("nobody waits")

    def close(self) -> None:
        with closing(psycopg.connect(self.dsn, autocommit=True)) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self._own()} CASCADE")


class _Shouting(TextLoader):
    def load(self, data: Any) -> Any:
        return str(super().load(data)).upper()
