"""What ran, on what, and how busy it was."""

import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from tempfile import TemporaryFile

from tests.benchmarks.places import Place, PostgresPlace

Facts = Sequence[tuple[str, str]]
_APPENDS = 200
_BLOCK = b"x" * 4096


class Machine:
    """Looked at when the run begins, and again when its facts are asked for."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._servers = {place.version() for place in places if isinstance(place, PostgresPlace)}
        self._began = datetime.now(UTC)
        self._before = _load()
        self._fsync_ms = fsync_ms()

    def facts(self) -> Facts:
        """Names and values."""
        packages = " · ".join(
            f"{name} {version(name)}" for name in ("eventsourcing", "pydantic", "psycopg", "cryptography")
        )
        servers = ", ".join(sorted(self._servers)) or "none"
        spent = (datetime.now(UTC) - self._began).total_seconds()
        return [
            ("date", f"{self._began:%Y-%m-%d %H:%M} UTC, {spent / 60:.0f} minutes"),
            ("Python", platform.python_version()),
            ("packages", packages),
            ("SQLite · PostgreSQL", f"{sqlite3.sqlite_version} · {servers}"),
            ("processors", f"{len(os.sched_getaffinity(0))} ({platform.machine()})"),
            ("load before · after", f"{self._before} · {_load()}"),
            ("fdatasync of a 4 KiB append", f"{self._fsync_ms:.2f} ms (median of {_APPENDS})"),
        ]


def fsync_ms() -> float:
    """How long this disk takes to make a small append durable."""
    took = []
    with TemporaryFile(prefix="crm-bench-") as file:
        for _ in range(_APPENDS):
            file.write(_BLOCK)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - start)
    return statistics.median(took) * 1000


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}"
