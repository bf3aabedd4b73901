"""A TCP proxy before PostgreSQL that reads along and cuts a connection when its COMMIT passes by."""

import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from typing import Any, Final, Literal, Self

When = Literal["before", "after", "barrier"]
"""COMMIT never reaches the server; the server's answer is lost; the answer to the barrier behind it is lost."""
_BARRIER: Final = b"pg_logical_emit_message"


class CuttingProxy:
    """Listens on a free port; each connection is carried by two threads until it is cut or ends.

    `cut` says which moment to cut at (None: not at all), `odds` how often of all COMMITs that were
    about to be carried. `cuts` counts them.
    """

    def __init__(self, server: tuple[str, int], seed: int) -> None:
        self.cut: When | None = None
        self.odds = 0.2
        self.cuts: Counter[str] = Counter()
        self._server = server
        self._dice = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connection."""
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, schema: str) -> str:
        """The database behind this proxy; without TLS, which could not be read along."""
        host, port = self.address
        return f"postgresql://crm@{host}:{port}/postgres?sslmode=disable&gssencmode=disable&schema={schema}"

    def chance(self) -> bool:
        """Whether to cut this time."""
        return self._dice.random() < self.odds

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                _Line(self, client, socket.create_connection(self._server)).start()


class _Line:
    """One connection through the proxy."""

    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._prepared: dict[bytes, bytes] = {}
        self._in_transaction = False
        self._deaf = False

    def start(self) -> None:
        for carry in (self._carry_questions, self._carry_answers):
            threading.Thread(target=self._until_cut, args=[carry], daemon=True).start()

    def _until_cut(self, carry: Any) -> None:
        with contextlib.suppress(OSError, EOFError):
            carry()
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _carry_questions(self) -> None:
        self._server.sendall(_startup(self._client))
        while True:
            message = _message(self._client)
            said = self._said(message)
            commits = b"COMMIT" in said or (b"crm_append(" in said and not self._in_transaction)
            if commits and self._proxy.cut in ("before", "after") and self._proxy.chance():
                self._cut(str(self._proxy.cut))
            elif _BARRIER in said and self._proxy.cut == "barrier" and self._proxy.chance():
                self._cut("barrier")
            self._server.sendall(message)

    def _cut(self, when: str) -> None:
        self._proxy.cuts[when] += 1
        if when == "before":
            raise EOFError
        self._deaf = True

    def _said(self, message: bytes) -> bytes:
        """The statement that a message makes the server run: also one that was prepared under a name."""
        kind, body = message[:1], message[5:]
        if kind == b"Q":
            return body
        if kind == b"P":
            name, statement, _ = body.split(b"\0", 2)
            self._prepared[name] = statement
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            return self._prepared.get(name, b"")
        return b""

    def _carry_answers(self) -> None:
        while True:
            message = _message(self._server)
            is_ready = message[:1] == b"Z"
            if is_ready:
                self._in_transaction = message[5:] != b"I"
            if self._deaf and is_ready:  # it is carried out: the answer is what gets lost
                raise EOFError
            if not self._deaf:
                self._client.sendall(message)


def _startup(source: socket.socket) -> bytes:
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack("!I", head)[0] - 4)


def _message(source: socket.socket) -> bytes:
    head = _exactly(source, 5)
    return head + _exactly(source, struct.unpack("!I", head[1:])[0] - 4)


def _exactly(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = source.recv(size - len(found))
        if not more:
            raise EOFError
        found += more
    return found
