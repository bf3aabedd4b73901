"""An older database is brought up step by step, by one command, whole or not at all; a newer one is refused."""

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from crm_core import CRM, upkeep
from crm_core.commands import AddContact
from crm_core.errors import NotACRMDatabase, SchemaMismatch
from crm_core.store import migrations
from crm_core.store.postgres import PostgresTransaction
from crm_core.store.sqlite import SqliteTransaction
from tests.faults.children import fork
from tests.postgres_server import server_programs

SECOND = "ALTER TABLE crm_meta ADD COLUMN note TEXT;\nCREATE TABLE crm_second (one INTEGER);"
THIRD = "CREATE TABLE crm_third (one INTEGER);"


@pytest.fixture
def later(tmp_path: Path) -> Callable[[int], None]:
    """Makes the library one of a later version, whose newest schema is this number; 1 is the present one."""
    shipped = Path(str(migrations.STEPS.folder))
    patch = pytest.MonkeyPatch()

    def become(newest: int) -> None:
        folder = tmp_path / f"schema-{newest}"
        shutil.copytree(shipped, folder)
        for number, text in ((2, SECOND), (3, THIRD)):
            for dialect in ("sqlite", "postgres"):
                if number <= newest:
                    (folder / f"{number:04}.{dialect}.sql").write_text(text)
        patch.setattr(migrations, "STEPS", migrations.Steps(folder))

    return become


@pytest.fixture(autouse=True)
def as_shipped() -> Iterator[None]:
    """Whatever a test makes of the steps, the next one finds those of this version."""
    shipped = migrations.STEPS
    yield
    migrations.STEPS = shipped


@pytest.fixture
def old_url(disk_url: str) -> str:
    """A database of the present schema with one fact."""
    with CRM.open(disk_url, follow=[]) as crm:
        crm.execute(AddContact(name="Ada"), by="ann")
    return disk_url


def looked(url: str, sql: str) -> list[Any]:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(urlsplit(url).path[1:])) as file:
            return file.execute(sql).fetchall()
    schema = parse_qs(urlsplit(url).query)["schema"][0]
    dsn = url.replace(f"schema={schema}", "").rstrip("?&")
    with psycopg.connect(dsn, options=f"-c search_path={schema}") as server:
        return server.execute(sql).fetchall()


def test_a_newer_library_refuses_an_older_database_and_names_the_way_on(
    old_url: str, later: Callable[[int], None]
) -> None:
    later(3)
    for options in ("", "mode=ro"):
        with pytest.raises(
            SchemaMismatch, match="has schema 1, this library works with schema 3; crm migrate"
        ) as caught:
            CRM.open(f"{old_url}{'&' if '?' in old_url else '?'}{options}" if options else old_url, follow=[])
        assert (caught.value.found, caught.value.expected) == (1, 3)


def test_migrate_takes_each_step_once_and_leaves_every_fact_as_it_was(
    old_url: str, later: Callable[[int], None]
) -> None:
    before = looked(old_url, "SELECT position, header, public, chain FROM crm_events")
    later(2)
    assert upkeep.migrate(old_url) == upkeep.Migrated(1, 2)
    later(3)
    assert upkeep.migrate(old_url) == upkeep.Migrated(2, 3)
    assert upkeep.migrate(old_url) == upkeep.Migrated(3, 3)
    assert looked(old_url, "SELECT position, header, public, chain FROM crm_events") == before
    assert looked(old_url, "SELECT note FROM crm_meta WHERE name = 'schema'") == [(None,)]
    assert looked(old_url, "SELECT one FROM crm_second UNION ALL SELECT one FROM crm_third") == []
    with CRM.open(old_url, follow=[]) as crm:
        assert crm.execute(AddContact(name="Bob"), by="ann").position == 2
        assert crm.verify().intact
        assert crm.status().schema == 3


def test_a_fresh_database_is_made_with_every_step(disk_url: str, later: Callable[[int], None]) -> None:
    later(3)
    with CRM.open(disk_url, follow=[]) as crm:
        assert crm.status().schema == 3
    assert looked(disk_url, "SELECT one FROM crm_second UNION ALL SELECT one FROM crm_third") == []


def test_a_database_of_a_newer_library_is_refused_also_by_migrate(old_url: str, later: Callable[[int], None]) -> None:
    shipped = migrations.STEPS
    later(3)
    upkeep.migrate(old_url)
    migrations.STEPS = shipped
    for ask in (lambda: CRM.open(old_url, follow=[]), lambda: upkeep.migrate(old_url)):
        with pytest.raises(SchemaMismatch, match=r"has schema 3, this library works with schema 1.*install a newer"):
            ask()
    with pytest.raises(SchemaMismatch):
        upkeep.migration_sql(old_url)


def test_a_database_that_does_not_say_its_schema_is_not_guessed_at(old_url: str) -> None:
    if old_url.startswith("sqlite"):
        with closing(sqlite3.connect(urlsplit(old_url).path[1:])) as file, file:
            file.execute("UPDATE crm_meta SET value = 'soon' WHERE name = 'schema'")
        with pytest.raises(NotACRMDatabase, match="does not say which schema"):
            upkeep.migrate(old_url)


@pytest.mark.parametrize("step", [2, 3])
def test_killed_in_the_middle_of_a_step_the_database_stands_at_the_step_before_and_the_next_call_goes_on(
    step: int, old_url: str, later: Callable[[int], None], tmp_path: Path
) -> None:
    later(3)
    reading, writing = os.pipe()

    def migrate_and_stop_within() -> None:
        taken = []
        for kind in (SqliteTransaction, PostgresTransaction):
            original = kind.script

            def script(self: Any, sql: str, original: Callable[..., None] = original) -> None:
                original(self, sql)
                taken.append(sql)
                if len(taken) == step - 1:
                    os.write(writing, b"!")
                    signal.pause()

            kind.script = script  # type: ignore[method-assign]
        upkeep.migrate(old_url)

    child = fork(migrate_and_stop_within, tmp_path)
    assert os.read(reading, 1) == b"!", "the step's tables are made, and not committed"
    assert child.kill()
    os.close(reading)
    os.close(writing)

    assert looked(old_url, "SELECT value FROM crm_meta WHERE name = 'schema'") == [(str(step - 1),)]
    with pytest.raises((sqlite3.OperationalError, psycopg.errors.UndefinedTable)):
        looked(old_url, f"SELECT * FROM {'crm_second' if step == 2 else 'crm_third'}")
    assert upkeep.migrate(old_url) == upkeep.Migrated(step - 1, 3)
    with CRM.open(old_url, follow=[]) as crm:
        assert crm.verify().intact


def test_two_that_migrate_at_once_take_turns(old_url: str, later: Callable[[int], None], tmp_path: Path) -> None:
    later(3)
    children = [fork(lambda: upkeep.migrate(old_url), tmp_path) for _ in range(4)]
    for child in children:
        child.join()
    assert looked(old_url, "SELECT value FROM crm_meta WHERE name = 'schema'") == [("3",)]


def test_what_is_printed_does_what_migrate_does(old_url: str, later: Callable[[int], None]) -> None:
    assert upkeep.migration_sql(old_url) == "-- nothing to do: the database has schema 1\n"
    later(3)
    script = upkeep.migration_sql(old_url)
    assert looked(old_url, "SELECT value FROM crm_meta WHERE name = 'schema'") == [("1",)], "nothing was changed"
    if old_url.startswith("sqlite"):
        with closing(sqlite3.connect(urlsplit(old_url).path[1:], isolation_level=None)) as file:
            file.executescript(script)
    else:
        dsn = old_url.partition("&schema=")[0]
        psql = [str(server_programs() / "psql"), "-v", "ON_ERROR_STOP=1", "-q", "-X", "-d", dsn]
        said = subprocess.run(psql, input=script, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
    assert upkeep.migrate(old_url) == upkeep.Migrated(3, 3)
    with CRM.open(old_url, follow=[]) as crm:
        assert crm.execute(AddContact(name="Bob"), by="ann").position == 2


@pytest.mark.postgres
def test_what_a_step_makes_is_granted_to_the_roles_that_there_are(
    roles_url: str, postgres_url: str, later: Callable[[int], None]
) -> None:
    schema = parse_qs(urlsplit(postgres_url).query)["schema"][0]
    later(3)
    assert f"GRANT USAGE ON SCHEMA {schema} TO {schema}_writer" in upkeep.migration_sql(postgres_url)
    upkeep.migrate(postgres_url)
    with CRM.open(roles_url, follow=[]) as crm:
        assert crm.execute(AddContact(name="Bob"), by="ann").position == 1
