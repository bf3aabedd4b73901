"""A PostgreSQL role that may look and add, and nothing else, can carry out commands."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import errors, sql

from crm_core import CRM, Money, Receipt
from crm_core.commands import AddContact, MoveDeal, OpenDeal, RecordPurchase
from tests.faults.workload import id_of

LOG = ("crm_events", "crm_links", "crm_commands", "crm_meta", "crm_followers")
KEYS = ("crm_keys", "crm_secrets")


@pytest.fixture
def writer_url(postgres_dsn: str, postgres_url: str) -> Iterator[str]:
    """The database as the role sees it: USAGE on the schemas, SELECT and INSERT on the tables."""
    CRM.open(postgres_url, follow=[]).close()
    schema = _schema(postgres_url)
    role = f"{schema}_writer"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        names = [sql.Identifier(schema), sql.Identifier(f"{schema}_keys"), sql.Identifier(role)]
        connection.execute(sql.SQL("CREATE ROLE {2} LOGIN PASSWORD 'writer'").format(*names))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {0}, {1} TO {2}").format(*names))
        connection.execute(sql.SQL("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {0}, {1} TO {2}").format(*names))
        parts = urlsplit(postgres_url)
        yield urlunsplit(parts._replace(netloc=f"{role}:writer@{parts.netloc.rpartition('@')[2]}"))
        connection.execute(sql.SQL("DROP OWNED BY {2}").format(*names))
        connection.execute(sql.SQL("DROP ROLE {2}").format(*names))


def _schema(url: str) -> str:
    return parse_qs(urlsplit(url).query)["schema"][0]


def test_a_role_that_may_only_look_and_add_carries_out_commands(writer_url: str) -> None:
    with CRM.open(writer_url, follow=[]) as crm:
        ada = crm.execute(AddContact(name="Ada"), by="ann", command_id=id_of("role"))
        deal = crm.execute(OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann", contact_id=ada.id), by="ann")
        crm.execute(MoveDeal(deal_id=deal.id, stage="negotiation"), by="ann", expect=deal.versions)
        outcomes = list(
            crm.execute_many((RecordPurchase(contact_id=ada.id, amount=Money(1, "EUR")) for _ in range(100)), by="ann")
        )

        assert all(isinstance(one, Receipt) for one in outcomes)
        assert crm.execute(AddContact(name="Ada"), by="ann", command_id=id_of("role")) == ada
        assert len(crm.history(ada.id)) == 103
        assert crm.verify().intact


@pytest.mark.parametrize("table", [*LOG, *KEYS])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} DISABLE TRIGGER ALL"],
)
def test_the_role_may_change_or_remove_nothing(statement: str, table: str, writer_url: str) -> None:
    schema = _schema(writer_url) + ("_keys" if table in KEYS else "")
    column = sql.Identifier(
        {"crm_keys": "key", "crm_secrets": "value", "crm_links": "thing", "crm_meta": "value"}.get(table, "position")
    )
    dsn = writer_url.replace(f"schema={_schema(writer_url)}", "").rstrip("?&")
    with psycopg.connect(dsn) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(sql.SQL(statement).format(sql.Identifier(schema, table), column, column))


@pytest.mark.parametrize("table", ["crm_events", "crm_links", "crm_commands"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET position = position", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_owner_is_stopped_by_triggers(statement: str, table: str, postgres_url: str, postgres_dsn: str) -> None:
    with CRM.open(postgres_url, follow=[]) as crm:
        ada = crm.execute(AddContact(name="Ada"), by="ann")
        crm.execute(RecordPurchase(contact_id=ada.id, amount=Money(1, "EUR")), by="ann")
    with psycopg.connect(postgres_dsn) as connection, pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        connection.execute(sql.SQL(statement).format(sql.Identifier(_schema(postgres_url), table)))


@pytest.mark.parametrize("statement", ["UPDATE {} SET position = position", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["crm_events", "crm_links", "crm_commands"])
def test_in_sqlite_triggers_stop_accidents(statement: str, table: str, tmp_path: Path) -> None:
    with CRM.open(f"sqlite:///{tmp_path / 'crm.db'}", follow=[]) as crm:
        ada = crm.execute(AddContact(name="Ada"), by="ann")
        crm.execute(RecordPurchase(contact_id=ada.id, amount=Money(1, "EUR")), by="ann")
    with (
        closing(sqlite3.connect(tmp_path / "crm.db")) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement.format(table))
