"""SQL alone: what the database and the disk take for a select and a durable insert."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg

STATE = "x" * 600
"""About what a row of ours holds."""
_SELECT = "SELECT version, state FROM bare WHERE stream = {0} ORDER BY version"
_INSERT = "INSERT INTO bare (stream, version, state) VALUES ({0}, {0}, {0})"


class Bare(ABC):
    """One table of (position, stream, version, state) in a database of its own."""

    @abstractmethod
    def fill(self, streams: Sequence[UUID], events: int) -> None:
        """Streams of so many rows."""

    @abstractmethod
    def select(self, stream: UUID) -> list[Any]:
        """A stream's rows."""

    @abstractmethod
    def insert(self, stream: UUID, version: int) -> None:
        """One row, durable."""

    @abstractmethod
    def close(self) -> None:
        """Give every connection back."""


class BareSqlite(Bare):
    """Write-ahead log, every commit synced, as ours; one thread."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS bare (position INTEGER PRIMARY KEY, stream TEXT, version INTEGER, state TEXT, "
            "UNIQUE (stream, version)) STRICT"
        )

    def fill(self, streams: Sequence[UUID], events: int) -> None:
        """In one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        rows = ((str(stream), version + 1, STATE) for stream in streams for version in range(events))
        self._connection.executemany(_INSERT.format("?"), rows)
        self._connection.execute("COMMIT")

    def select(self, stream: UUID) -> list[Any]:
        """A stream's rows."""
        return self._connection.execute(_SELECT.format("?"), (str(stream),)).fetchall()

    def insert(self, stream: UUID, version: int) -> None:
        """A transaction of one statement."""
        self._connection.execute(_INSERT.format("?"), (str(stream), version, STATE))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class BarePostgres(Bare):
    """Prepared statements, autocommit."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[psycopg.Connection[Any]] = []
        with self._connection() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS bare (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
                "stream uuid, version integer, state text, UNIQUE (stream, version))"
            )

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = psycopg.connect(self._url, autocommit=True)
        yield connection
        self._idle.append(connection)

    def fill(self, streams: Sequence[UUID], events: int) -> None:
        """By COPY."""
        with (
            self._connection() as connection,
            connection.cursor() as cursor,
            cursor.copy("COPY bare (stream, version, state) FROM STDIN") as copy,
        ):
            for stream in streams:
                for version in range(events):
                    copy.write_row((stream, version + 1, STATE))

    def select(self, stream: UUID) -> list[Any]:
        """A stream's rows."""
        with self._connection() as connection:
            return connection.execute(_SELECT.format("%s").encode(), (stream,), prepare=True).fetchall()

    def insert(self, stream: UUID, version: int) -> None:
        """A transaction of one statement."""
        with self._connection() as connection:
            connection.execute(_INSERT.format("%s").encode(), (stream, version, STATE), prepare=True)

    def close(self) -> None:
        """Close them all."""
        for connection in self._idle:
            connection.close()
