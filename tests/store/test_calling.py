"""The short way to ask PostgreSQL."""

from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from crm_core.store.calling import CallingConnection

pytestmark = pytest.mark.postgres


def test_a_call_reads_numbers_texts_bytes_ids_and_truths(postgres_dsn: str) -> None:
    with CallingConnection.connect(postgres_dsn, autocommit=True) as connection:
        sql = "SELECT $1::bigint, $2::text, $3::bytea, $4::uuid, $5::boolean, now(), $1::integer"
        thing = UUID("00000000-0000-4000-8000-00000000000a")
        for number in (-5, 7):
            parameters = [str(number), "Łódź", "\\x00ff", str(thing), "t"]
            assert connection.call(sql, parameters, "itbu?-i") == [
                (number, "Łódź", b"\x00\xff", str(thing), True, None, number)
            ]
        assert connection.call("SELECT 1 WHERE false", [], "i") == []


def test_a_call_goes_on_when_the_server_has_forgotten_its_statement(postgres_dsn: str) -> None:
    with CallingConnection.connect(postgres_dsn, autocommit=True) as connection:
        assert connection.call("SELECT 1::bigint", [], "i") == [(1,)]
        connection.execute("DEALLOCATE ALL")
        assert connection.call("SELECT 1::bigint", [], "i") == [(1,)]


def test_a_call_that_fails_raises_what_any_statement_raises(postgres_dsn: str) -> None:
    with CallingConnection.connect(postgres_dsn, autocommit=True) as connection:
        with pytest.raises(errors.DivisionByZero):
            connection.call("SELECT 1 / $1::bigint", ["0"], "i")
        assert connection.call("SELECT 1 / $1::bigint", ["1"], "i") == [(1,)]
        with psycopg.connect(postgres_dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            connection.call("SELECT 1 / $1::bigint", ["1"], "i")
