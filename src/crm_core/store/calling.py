"""A PostgreSQL connection with a short way to ask: one prepared statement, one round trip, nothing adapted.

What every single command does twice, load and append, spends longer in general adaptation and result handling than on
the wire. Here parameters are text as PostgreSQL reads it, and columns come back in their binary form.
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, cast

import psycopg
from psycopg import errors, pq

_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class CallingConnection(psycopg.Connection[Any]):
    """psycopg's connection, and `call`."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._statements: dict[str, bytes] = {}
        self._names = count()

    def call(self, sql: str, parameters: Sequence[str], columns: str) -> list[tuple[Any, ...]]:
        """Run one statement outside any transaction; blocks until the server has answered.

        Args:
            sql: with `$1` … for parameters; prepared once on this connection.
            parameters: each as text.
            columns: what each column is: `i` a whole number, `t` text, `b` bytes, `u` a UUID (given as text),
                `?` a truth, `-` nothing that matters.

        Raises:
            psycopg.Error: as for any statement.
        """
        try:
            result = self._called(sql, parameters)
        except errors.InvalidSqlStatementName:
            self._statements.clear()  # psycopg deallocates every statement after some errors; nothing was done yet
            result = self._called(sql, parameters)
        value, readers = result.get_value, [(place, _READERS[kind]) for place, kind in enumerate(columns)]
        return [
            tuple([read(cast("bytes", value(row, place))) for place, read in readers]) for row in range(result.ntuples)
        ]

    def _called(self, sql: str, parameters: Sequence[str]) -> pq.abc.PGresult:
        name = self._statements.get(sql)
        if name is None:
            name = b"crm_%d" % next(self._names)
            self._checked(self.pgconn.prepare(name, sql.encode()))
            self._statements[sql] = name
        return self._checked(self.pgconn.exec_prepared(name, [one.encode() for one in parameters], None, 1))

    def _checked(self, result: pq.abc.PGresult) -> pq.abc.PGresult:
        if result.status in _GOOD:
            return result
        if self.pgconn.status != pq.ConnStatus.OK or not result.error_field(pq.DiagnosticField.SQLSTATE):
            self.close()  # no answer of a server: libpq itself says that it has lost it
            msg = "the connection broke"
            raise psycopg.OperationalError(msg)
        raise errors.error_from_result(result)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _uuid(data: bytes) -> str:
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_READERS: dict[str, Callable[[bytes], Any]] = {
    "i": _number,
    "t": bytes.decode,
    "b": bytes,
    "u": _uuid,
    "?": lambda data: data == b"\x01",
    "-": lambda _: None,
}
