"""What a forked process must not inherit: locks of threads it does not have, open SQLite files, others' sockets."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import wraps
from types import TracebackType
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from crm_core.kernel.errors import StoreError

T = TypeVar("T")
P = ParamSpec("P")
FORK_WAIT_S = 5.0
"""How long a fork waits for other threads to come out of their SQLite transactions, in seconds."""
_LOOK_S = 0.001


class Files(Protocol):
    """A database whose connections must not be open while the process forks."""

    path: str

    def let_go(self) -> None:
        """Close every connection; none is in use. They are opened anew when they are needed."""
        ...


# -- locks and other things that are made anew in the child ------------------------------------------

_renewed: WeakKeyDictionary[object, dict[str, Callable[[], Any]]] = WeakKeyDictionary()
_left_behind: list[Any] = []
"""What a child replaced: never used and never collected there, since it belongs to the parent."""


def renewed(owner: object, name: str, make: Callable[[], T]) -> T:
    """A fresh value for this attribute of the owner, which a forked child will find made afresh again.

    For locks, which some thread that the child does not have may hold for ever, and for whatever they protect.
    """
    _renewed.setdefault(owner, {})[name] = make
    return make()


# -- sockets -----------------------------------------------------------------------------------------

_sockets: WeakSet[Any] = WeakSet()


def of_this_process(connection: T) -> T:
    """A connection over a socket; a child loses it, so that a transaction dies with the process that began it."""
    _sockets.add(connection)
    return connection


# -- files -------------------------------------------------------------------------------------------

_files: WeakSet[Any] = WeakSet()
_uses: dict["Use[Any]", int] = {}
"""Every block that uses a connection to a file, and the thread it is in."""
_forking = threading.Lock()
_open = threading.Event()
_open.set()
_carried: Final[set[str | int]] = set()
"""In a child: the files that were in use during the fork, and can never be used safely in this process."""


class Use(AbstractContextManager[T], Generic[T]):
    """A block in which a connection of this database is used: no fork happens meanwhile, if it can be helped."""

    def __init__(self, files: Files, block: AbstractContextManager[T]) -> None:
        self.files = files
        self._block = block

    def __enter__(self) -> T:
        _uses[self] = threading.get_ident()
        if not _open.is_set():
            self._wait()
        try:
            return self._block.__enter__()
        except BaseException:
            _uses.pop(self, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return self._block.__exit__(kind, error, trace)
        finally:
            _uses.pop(self, None)

    def _wait(self) -> None:
        """Until the fork is over; a thread that is inside already is let through, or it would never come out."""
        me = threading.get_ident()
        while not _open.is_set() and list(_uses.values()).count(me) == 1:
            _uses.pop(self, None)
            _open.wait()
            _uses[self] = me


def counted(make: Callable[P, AbstractContextManager[T]]) -> Callable[P, AbstractContextManager[T]]:
    """A method that gives a block in which a connection is used."""

    @wraps(make)
    def using(*arguments: P.args, **options: P.kwargs) -> AbstractContextManager[T]:
        return Use(arguments[0], make(*arguments, **options))  # type: ignore[arg-type]

    return using


def kept_from_children(files: Files) -> None:
    """Close this database's connections before every fork: SQLite forbids a child to inherit one, even to close it."""
    _files.add(files)


def refuse_carried(files: Files) -> None:
    """Raise if this file was in use while this process was forked off.

    Raises:
        StoreError: SQLite remembers locks in this process that only the parent has.
    """
    if _carried and _identity(files) in _carried:
        msg = "this process was forked while its parent was in the middle of a transaction: it cannot use this file"
        raise StoreError(msg)


def _identity(files: Files) -> str | int:
    return id(files) if files.path == ":memory:" else os.path.realpath(files.path)


# -- around a fork -----------------------------------------------------------------------------------


def _before() -> None:
    _forking.acquire()
    _open.clear()
    me, deadline = threading.get_ident(), time.monotonic() + FORK_WAIT_S
    while any(thread != me for thread in list(_uses.values())) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    used = {id(use.files) for use in list(_uses)}
    for files in list(_files):
        if id(files) not in used:
            files.let_go()


def _in_parent() -> None:
    _open.set()
    _forking.release()


def _in_child() -> None:
    global _forking, _open
    me = threading.get_ident()
    for use, thread in list(_uses.items()):
        _carried.add(_identity(use.files))
        _left_behind.append(use.files)
        if thread != me:
            _uses.pop(use)
    _forking, _open = threading.Lock(), threading.Event()
    _open.set()
    _cut_sockets()
    for owner, makers in list(_renewed.items()):
        for name, make in makers.items():
            _left_behind.append(getattr(owner, name))
            setattr(owner, name, make())


def _cut_sockets() -> None:
    """Let go of the parent's sockets, which a server would else take for alive as long as this child is."""
    if not _sockets:
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for connection in list(_sockets):
        _left_behind.append(connection)
        with suppress(Exception):  # closed already
            os.dup2(nowhere, connection.pgconn.socket, inheritable=False)
    _sockets.clear()
    os.close(nowhere)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
