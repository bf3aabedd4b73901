"""PostgreSQL with separated roles: each may do its work and nothing else, and opening makes nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg import errors, sql

from crm_core import CRM, Invalid, Money, upkeep
from crm_core.commands import AddContact, ForgetPerson, OpenDeal, RecordPurchase, SwitchOnPolicy
from crm_core.errors import ReadOnly, SettleTimeout, StoreError
from crm_core.kernel.ids import ContactId
from crm_core.kernel.personal import ERASED, WITHHELD
from policies import thank_on_purchase
from projections import directory, pipeline
from tests.conftest import login

pytestmark = pytest.mark.postgres
DEAL = OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann")
LOG = ("crm_events", "crm_links", "crm_commands")


class Logins:
    """The URLs of five logins, one role each; the worker also appends, for its policies."""

    def __init__(self, owner: str, dsn: str, schema: str, stack: ExitStack) -> None:
        self.owner, self.dsn, self.schema, self._stack = owner, dsn, schema, stack
        self.writer = self.of("writer")
        self.projector = self.of("projector", acts_as=f"{schema}_projector")
        self.reader = self.of("reader")
        self.auditor = self.of("auditor")

    def of(self, role: str, acts_as: str | None = None) -> str:
        name = f"{self.schema}_{role}"
        return self._stack.enter_context(login(self.dsn, self.owner, f"{name}_login", name, acts_as=acts_as))

    def connected(self, url: str) -> psycopg.Connection[Any]:
        dsn = url.replace(f"schema={self.schema}", "").rstrip("?&")
        return psycopg.connect(dsn, options=f"-c search_path={self.schema}")


@pytest.fixture
def logins(roles_url: str, postgres_url: str, postgres_dsn: str) -> Iterator[Logins]:
    """A history with its roles, and a login for each."""
    schema = parse_qs(urlsplit(postgres_url).query)["schema"][0]
    with ExitStack() as stack:
        made = Logins(postgres_url, postgres_dsn, schema, stack)
        with CRM.open(made.writer, follow=[pipeline, directory]) as crm:
            crm.execute(AddContact(name="Ada"), by="ann")
            crm.execute(DEAL, by="ann")
        yield made


class Watch:
    """What was made, changed or dropped since the watch began: the command's tag, and whose session it was."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def seen(self) -> list[tuple[str, str]]:
        return self._connection.execute("SELECT tag, who FROM watch.made").fetchall()


@pytest.fixture
def watch(postgres_dsn: str) -> Iterator[Watch]:
    """The server itself notes whatever any session makes."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA watch CREATE TABLE made (tag text, who text)")
        connection.execute(
            "CREATE FUNCTION watch.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS "
            "$$ BEGIN INSERT INTO watch.made VALUES (tg_tag, session_user); END $$"
        )
        connection.execute("GRANT USAGE ON SCHEMA watch TO PUBLIC")
        connection.execute("CREATE EVENT TRIGGER watch_made ON ddl_command_start EXECUTE FUNCTION watch.note()")
        try:
            yield Watch(connection)
        finally:
            connection.execute("DROP EVENT TRIGGER watch_made")
            connection.execute("DROP SCHEMA watch CASCADE")


def test_opening_and_writing_under_a_writer_never_runs_ddl(logins: Logins, watch: Watch) -> None:
    for url in (logins.writer, logins.reader, logins.auditor, f"{logins.writer}&mode=ro"):
        CRM.open(url, follow=[pipeline]).close()
    with CRM.open(logins.writer, follow=[pipeline]) as crm:
        crm.execute(DEAL, by="ann")
        list(crm.execute_many([DEAL] * 50, by="ann"))
        contact = crm.execute(AddContact(name="Bob"), by="ann")
        crm.execute(ForgetPerson(contact_id=ContactId(contact.id), ground="child"), by="ann")
        assert len(crm.history(contact.id)) == 2
    assert watch.seen() == []
    with CRM.open(logins.projector, follow=[pipeline]) as crm:
        crm.settle()
    assert {"CREATE TABLE", "CREATE VIEW"} <= {tag for tag, _ in watch.seen()}, "the watch would have seen it"


def test_the_writer_writes_and_the_projector_folds_and_each_waits_for_the_other(logins: Logins) -> None:
    with (
        CRM.open(logins.writer, follow=[pipeline]) as writer,
        CRM.open(logins.projector, follow=[pipeline, directory]) as projector,
    ):
        receipt = writer.execute(DEAL, by="ann")
        with pytest.raises(SettleTimeout, match="this database role may not fold, and no worker did"):
            writer.view(pipeline, after=receipt, timeout=0.05)
        with pytest.raises(StoreError, match="42501"):
            projector.execute(DEAL, by="ann")
        with projector.running():
            assert len(writer.view(pipeline, after=receipt)) == 2
        assert {str(row.name) for row in projector.view(directory)} == {"Ada", "New roof"}


def test_several_workers_share_what_one_of_them_made(logins: Logins) -> None:
    with CRM.open(logins.projector, follow=[pipeline]) as crm:
        crm.settle()
    role = f"{logins.schema}_projector"
    with (
        login(logins.dsn, logins.owner, f"{logins.schema}_second", role, acts_as=role) as url,
        CRM.open(url, follow=[pipeline]) as crm,
    ):
        crm.rebuild(pipeline)
        assert len(crm.view(pipeline)) == 1


def test_a_worker_whose_policies_answer_is_a_writer_too(logins: Logins) -> None:
    with logins.connected(logins.owner) as connection:
        names = [sql.Identifier(f"{logins.schema}_{one}") for one in ("writer", "projector")]
        connection.execute(sql.SQL("GRANT {} TO {}").format(*names))
    with CRM.open(logins.writer, follow=[thank_on_purchase]) as crm:
        crm.execute(SwitchOnPolicy(policy="thank_on_purchase"), by="ann")
        contact = ContactId(crm.execute(AddContact(name="Noor"), by="ann").id)
        crm.execute(RecordPurchase(contact_id=contact, amount=Money("5", "EUR")), by="ann")
        with CRM.open(logins.projector, follow=[thank_on_purchase]) as worker:
            worker.settle(policies=True)
        assert [fact.type for fact in crm.history(contact)][-1] == "message.requested"


def test_a_reader_reads_views_and_history_without_personal_values_and_writes_nothing(logins: Logins) -> None:
    with CRM.open(logins.projector, follow=[pipeline, directory]) as crm:
        crm.settle()
    with CRM.open(logins.reader, follow=[pipeline, directory]) as crm:
        assert crm.status().durability == "read-only"
        assert len(crm.view(pipeline, durable=True)) == 1
        assert "Ada" in {str(row.name) for row in crm.view(directory)}
        [first, *_] = crm.log()
        assert first.event.name == WITHHELD  # type: ignore[attr-defined]
        for refused in (lambda: crm.execute(DEAL, by="eve"), crm.settle, lambda: crm.rebuild(pipeline)):
            with pytest.raises(ReadOnly):
                refused()
    with logins.connected(logins.reader) as connection:
        assert connection.execute("SELECT count(*) FROM pipeline").fetchone() == (1,)


def test_an_auditor_verifies_the_log_and_sees_no_personal_value_anywhere(logins: Logins) -> None:
    with CRM.open(logins.projector, follow=[directory]) as crm:
        crm.settle()
    with CRM.open(logins.auditor, follow=[directory]) as crm:
        assert crm.verify().intact
        [first, *_] = crm.log()
        assert first.event.name == WITHHELD  # type: ignore[attr-defined]
        with pytest.raises(StoreError, match="42501"):
            _ = crm.view(directory).rows
    for statement in ("SELECT * FROM directory", f"SELECT * FROM {logins.schema}_keys.crm_keys"):
        with logins.connected(logins.auditor) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)


ALTERATIONS = {
    **{
        f"{column} of an event": f"UPDATE crm_events SET {column} = {column}"
        for column in (
            "position", "stream", "version", "type", "type_version", "at", "recorded_at", "header", "public", "sealed",
            "chain",
        )
    },
    "an event deleted": "DELETE FROM crm_events",
    "a link deleted": "DELETE FROM crm_links",
    "a link swapped": "UPDATE crm_links SET thing = thing",
    "a command changed": "UPDATE crm_commands SET fingerprint = fingerprint",
    "a command deleted": "DELETE FROM crm_commands",
    "all events gone": "TRUNCATE crm_events",
    "no triggers": "ALTER TABLE crm_events DISABLE TRIGGER ALL",
    "no table": "DROP TABLE crm_links",
    "triggers passed by": "SET session_replication_role = replica",
    "another schema number": "UPDATE crm_meta SET value = '7'",
    "another function": "CREATE OR REPLACE FUNCTION crm_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "a key read back": "UPDATE {keys}.crm_keys SET key = '\\x00', erased_at = NULL",
    "a key deleted": "DELETE FROM {keys}.crm_keys",
    "another secret": "UPDATE {keys}.crm_secrets SET value = '\\x00'",
}  # fmt: skip


@pytest.mark.parametrize("role", ["writer", "projector", "reader", "auditor"])
def test_through_a_role_the_server_refuses_each_alteration(role: str, logins: Logins) -> None:
    with logins.connected(getattr(logins, role)) as connection:
        for what, statement in ALTERATIONS.items():
            try:
                connection.execute(statement.replace("{keys}", f"{logins.schema}_keys"))
            except errors.InsufficientPrivilege:
                connection.rollback()
            else:
                pytest.fail(f"the {role} may: {what}")
    with CRM.open(logins.auditor, follow=[]) as crm:
        assert crm.verify().intact


def test_a_link_that_a_writer_adds_by_hand_is_found_by_verification(logins: Logins) -> None:
    """The one thing that whoever may append can do beside the library: say so, and find it."""
    with logins.connected(logins.writer) as connection:
        connection.execute("INSERT INTO crm_links SELECT gen_random_uuid(), 1")
    with CRM.open(logins.auditor, follow=[]) as crm:
        verdict = crm.verify()
        assert (verdict.intact, verdict.position) == (False, 1)
        assert "does not belong" in (verdict.what or "")


def test_a_forgetting_under_the_writer_destroys_the_key_and_nothing_brings_it_back(logins: Logins) -> None:
    with CRM.open(logins.writer, follow=[]) as crm:
        contact = ContactId(crm.execute(AddContact(name="Bob"), by="ann").id)
        crm.execute(ForgetPerson(contact_id=contact, ground="child"), by="ann")
        assert crm.history(contact)[0].event.name == ERASED  # type: ignore[attr-defined]
    with logins.connected(logins.owner) as connection, pytest.raises(errors.InsufficientPrivilege, match="destroyed"):
        connection.execute(f"UPDATE {logins.schema}_keys.crm_keys SET key = '\\x00'")


def test_roles_can_be_made_later_and_take_over_what_was_folded(postgres_url: str, postgres_dsn: str) -> None:
    schema = parse_qs(urlsplit(postgres_url).query)["schema"][0]
    with CRM.open(postgres_url, follow=[pipeline]) as crm:
        crm.execute(DEAL, by="ann")
        crm.settle()
    made = upkeep.create(postgres_url, roles=schema)
    assert (made.created, len(made.roles)) == (False, 4)
    assert upkeep.create(postgres_url, roles=schema) == made, "again, it changes nothing"
    worker, reader = made.roles[1], made.roles[2]
    try:
        with login(postgres_dsn, postgres_url, f"{schema}_w", worker, acts_as=worker) as url:
            crm = CRM.open(url, follow=[pipeline])
            crm.rebuild(pipeline)
            crm.close()
        with login(postgres_dsn, postgres_url, f"{schema}_r", reader) as url, CRM.open(url, follow=[pipeline]) as crm:
            assert len(crm.view(pipeline)) == 1
    finally:
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            for role in made.roles:
                connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(role)))
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.mark.parametrize("roles", ["", "Crm", "1crm", "crm;DROP", "pg_crm", "a" * 41])
def test_what_is_no_name_of_roles_is_refused(roles: str, postgres_url: str) -> None:
    with pytest.raises(Invalid) as caught:
        upkeep.create(postgres_url, roles=roles)
    assert caught.value.field == "roles"


def test_a_file_has_no_roles(tmp_path: Any) -> None:
    with pytest.raises(Invalid, match="are for PostgreSQL"):
        upkeep.create(f"sqlite:///{tmp_path / 'crm.db'}", roles="crm")
    assert list(tmp_path.iterdir()) == []
