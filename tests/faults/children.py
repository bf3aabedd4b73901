"""Child processes that may be killed at any moment, and that show whether they were inside a transaction."""

import contextlib
import mmap
import os
import random
import select
import signal
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from crm_core.store.postgres import PostgresDatabase
from crm_core.store.sqlite import SqliteDatabase

LOG: Final = 0
KEYS: Final = 1
STARTED: Final = 2
IDLE: Final = 3
SECONDS: Final = 4
_SIZE = 4096


class Board:
    """A few numbers that parent and children share; what a killed child last wrote stays readable."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    def __getitem__(self, slot: int) -> int:
        found: tuple[int] = struct.unpack_from("q", self._memory, slot * 8)
        return found[0]

    def __setitem__(self, slot: int, value: int) -> None:
        struct.pack_into("q", self._memory, slot * 8, value)

    @property
    def inside(self) -> bool:
        """Whether the child is between a BEGIN and the return of its COMMIT."""
        return self[LOG] > 0 or self[KEYS] > 0

    def rest(self) -> None:
        """Wait to be killed."""
        while True:
            pause(60)

    def show_transactions(self) -> None:
        """From now on this process, a child, shows on the board when it is inside a transaction that writes."""
        for database in (SqliteDatabase, PostgresDatabase):
            for name in ("writing", "appending"):
                setattr(database, name, self._shown(getattr(database, name)))
        alone = PostgresDatabase.append_alone

        def append_alone(*arguments: Any) -> Any:
            self[LOG] += 1
            try:
                return alone(*arguments)
            finally:
                self[LOG] = 0

        replace(PostgresDatabase, append_alone=append_alone)

    def _shown(self, transaction: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
        @contextlib.contextmanager
        def shown(database: Any) -> Iterator[Any]:
            where = getattr(database, "path", "") or f"{database.schema}.db"
            slot = KEYS if "keys" in Path(where).name else LOG
            try:
                with transaction(database) as opened:
                    self[slot] += 1
                    yield opened
            finally:
                self[slot] = 0

        return shown


@dataclass(slots=True)
class Child:
    """A forked process; what it raised is in `failure`."""

    pid: int
    failure: Path

    def kill(self) -> bool:
        """End it at once; False: it had ended by itself."""
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        self._raise()
        return os.WIFSIGNALED(status)

    def join(self, timeout_s: float = 60.0) -> None:
        """Wait until it ends by itself.

        Raises:
            AssertionError: it raised, or did not end in time.
        """
        deadline = time.monotonic() + timeout_s
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"a child did not end within {timeout_s:g} s")
            pause(0.002)
        self._raise()

    def _raise(self) -> None:
        if self.failure.exists():
            raise AssertionError(f"a child raised:\n{self.failure.read_text()}")


def replace(owner: Any, **functions: Any) -> None:
    """Put other functions in the place of a class's own, in this process, a child, for good."""
    for name, function in functions.items():
        setattr(owner, name, function)


def fork(work: Callable[[], object], folder: Path) -> Child:
    """Run this in a child process, which must open its own connections."""
    failure = folder / f"failure-{time.monotonic_ns()}"
    pid = os.fork()
    if pid == 0:
        _work(work, failure)
    return Child(pid, failure)


def _work(work: Callable[[], object], failure: Path) -> NoReturn:
    try:
        work()
    except BaseException:  # noqa: BLE001 - told to the parent
        failure.write_text(traceback.format_exc())
    finally:
        os._exit(0)


@dataclass(slots=True)
class Kills:
    """How many children were killed, and how many of them inside a transaction of the log or of the key store."""

    kills: int = 0
    in_log: int = 0
    in_keys: int = 0

    @property
    def inside(self) -> int:
        """All that were inside a transaction."""
        return self.in_log + self.in_keys

    @property
    def figures(self) -> dict[str, int]:
        """To be noted."""
        return {"kills": self.kills, "inside a transaction": self.inside, "of them in the key store's": self.in_keys}


def kill_in_a_loop(
    work: Callable[[], object],
    board: Board,
    folder: Path,
    *,
    kills: int,
    seed: int,
    life_s: float = 0.03,
    when_idle: Callable[[], None] | None = None,
) -> Kills:
    """Start a child and kill it, again and again: two of three times once it shows that it is inside a transaction.

    `life_s`: how long it lives at most before that.
    `when_idle` is called between lives if the child showed that it had nothing left to do.
    """
    dice, done = random.Random(seed), Kills()
    while done.kills < kills:
        for slot in (LOG, KEYS, STARTED, IDLE):
            board[slot] = 0
        child = fork(work, folder)
        _wait(lambda: board[STARTED] > 0, 20)
        pause(dice.random() * life_s)
        awaited = dice.choices([LOG, KEYS, None], [55, 10, 35])[0]
        if awaited is not None:
            _wait(partial(_shows, board, awaited), 0.2)
            spin(dice.random() * 0.001)
        if child.kill():
            done.kills += 1
            done.in_log += board[LOG] > 0
            done.in_keys += board[LOG] == 0 and board[KEYS] > 0
        if board[IDLE] and when_idle is not None:
            when_idle()
    return done


def _shows(board: Board, slot: int) -> bool:
    return board[slot] > 0 or board[IDLE] > 0


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        os.sched_yield()


def spin(seconds: float) -> None:
    """Let less than a scheduler's tick go by."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        os.sched_yield()


def pause(seconds: float) -> None:
    """Let time go by."""
    select.select([], [], [], seconds)
