"""A backup is one moment of a history, made while others write; restored, it is intact and says the same."""

import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
import threading
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg import sql

from crm_core import CRM, Money, upkeep
from crm_core.commands import AddContact, ForgetPerson, OpenDeal, SwitchOnPolicy
from crm_core.errors import DatabaseUnavailable, Invalid, KeyMissing
from crm_core.kernel.ids import ContactId
from crm_core.kernel.personal import WITHHELD
from projections import directory, pipeline
from tests.faults.children import fork
from tests.postgres_server import server_programs

DEAL = OpenDeal(title="Zebulon's roof", amount=Money(1, "EUR"), owner="ann")
NAME = "Zebulon Quix"
FOLLOW: list[Any] = [pipeline, directory]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A history of six facts, folded."""
    made = f"sqlite:///{tmp_path / 'crm.db'}"
    with CRM.open(made) as crm:
        crm.execute(SwitchOnPolicy(policy="thank_on_purchase"), by="ann")
        for _ in range(4):
            crm.execute(AddContact(name=NAME), by="ann")
        crm.execute(DEAL, by="ann")
        crm.settle(policies=True)
    return made


def rows(crm: CRM) -> list[Any]:
    return [[str(row) for row in crm.view(view)] for view in FOLLOW]


def chain_at(crm: CRM, position: int) -> str:
    with crm._store.database.looking() as transaction:  # noqa: SLF001 - what the backup says is compared with the log
        found = transaction.execute("SELECT chain FROM crm_events WHERE position = ?", [position]).fetchone()
    return bytes(found[0]).hex()


def test_a_backup_made_while_others_write_is_one_moment_of_the_history(url: str, tmp_path: Path) -> None:
    copy, keys = tmp_path / "backup.db", tmp_path / "backup.keys.db"
    stop = threading.Event()
    began = threading.Event()

    def write() -> None:
        with CRM.open(url, follow=[]) as crm:
            while not stop.is_set():
                list(crm.execute_many([AddContact(name=NAME)] * 20, by="ann"))
                began.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert began.wait(30)
    try:
        made = upkeep.back_up(url, copy, keys=keys)
    finally:
        stop.set()
        writer.join()

    with CRM.open(url, follow=FOLLOW) as original:
        assert 6 < made.events < original.status().position
        assert made.chain == chain_at(original, made.events)
        original.settle()
        for restored in (f"sqlite:///{copy}?mode=ro", f"sqlite:///{copy}"):
            with CRM.open(restored, follow=FOLLOW) as crm:
                verdict = crm.verify()
                assert (verdict.intact, verdict.events, verdict.chain) == (True, made.events, made.chain)
                if "mode" not in restored:
                    crm.settle()
                past = {row.id: str(row.name) for row in original.view(directory, as_of=made.events)}
                assert {row.id: str(row.name) for row in crm.view(directory)} == past
                assert rows(crm)[0] == [str(row) for row in original.view(pipeline, as_of=made.events)]


def test_a_restored_database_goes_on_where_the_backup_was_made(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "restored"
    folder.mkdir()
    upkeep.back_up(url, tmp_path / "b.db", keys=tmp_path / "k.db")
    (tmp_path / "b.db").rename(folder / "crm.db")
    (tmp_path / "k.db").rename(folder / "crm.keys.db")
    with CRM.open(url) as before, CRM.open(f"sqlite:///{folder / 'crm.db'}") as after:
        assert {one.name: one.position for one in after.status().followers if one.kind == "policy"} == {
            one.name: one.position for one in before.status().followers if one.kind == "policy"
        }, "policies know what they have answered"
        after.settle(policies=True)
        assert rows(after) == rows(before)
        assert after.execute(DEAL, by="ann").position == 7
        assert after.verify().intact


def test_without_the_keys_a_backup_says_nothing_about_anybody(url: str, tmp_path: Path) -> None:
    copy = tmp_path / "backup.db"
    made = upkeep.back_up(url, copy)
    assert made.keys is None
    assert NAME.encode() in (tmp_path / "crm.db").read_bytes(), "the views of the original do"
    assert NAME.encode() not in copy.read_bytes()
    assert b"Zebulon" not in copy.read_bytes()
    with CRM.open(f"sqlite:///{copy}?mode=ro", follow=FOLLOW) as crm:
        assert {row.name for row in crm.view(directory)} == {WITHHELD}
        assert crm.verify().intact
    with pytest.raises(KeyMissing, match=r"no key store beside it.*mode=ro.*crm init"):
        CRM.open(f"sqlite:///{copy}")
    assert not (tmp_path / "backup.keys.db").exists()
    upkeep.create(f"sqlite:///{copy}")
    with CRM.open(f"sqlite:///{copy}", follow=[]) as crm:
        assert crm.execute(AddContact(name="Ada"), by="ann").position == 7


def test_who_was_forgotten_before_the_backup_stays_forgotten_with_any_older_keys(url: str, tmp_path: Path) -> None:
    upkeep.back_up(url, tmp_path / "old.db", keys=tmp_path / "old.keys.db")
    with CRM.open(url, follow=[]) as crm:
        contact = ContactId(next(crm.log(types=["contact.added"])).stream)
        crm.execute(ForgetPerson(contact_id=contact, ground="child"), by="ann")
    upkeep.back_up(url, tmp_path / "new.db")
    with CRM.open(f"sqlite:///{tmp_path}/new.db?keys={tmp_path}/old.keys.db", follow=[]) as crm:
        assert str(crm.history(contact)[0].event.name) == "[erased]"  # type: ignore[attr-defined]


def test_a_backup_is_one_file_for_its_owners_eyes_and_overwrites_nothing(url: str, tmp_path: Path) -> None:
    copy = tmp_path / "backup.db"
    progress: list[tuple[int, int]] = []
    upkeep.back_up(url, copy, keys=tmp_path / "k.db", progress=lambda done, of: progress.append((done, of)))
    assert progress[-1][0] == progress[-1][1] > 0
    for file in (copy, tmp_path / "k.db"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = hashlib.sha256(copy.read_bytes()).hexdigest()
    with pytest.raises(Invalid, match="no backup is overwritten"):
        upkeep.back_up(url, copy)
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == before
    with pytest.raises(DatabaseUnavailable, match="cannot be written"):
        upkeep.back_up(url, tmp_path / "no" / "such" / "folder.db")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["backup.db", "crm.db", "crm.keys.db", "k.db"]


def test_a_backup_that_is_killed_leaves_nothing_of_its_name_and_the_next_one_succeeds(url: str, tmp_path: Path) -> None:
    copy = tmp_path / "backup.db"
    reading, writing = os.pipe()

    def stop_within(_done: int, _of: int) -> None:
        os.write(writing, b"!")
        signal.pause()

    child = fork(lambda: upkeep.back_up(url, copy, progress=stop_within), tmp_path)
    assert os.read(reading, 1) == b"!"
    assert child.kill()
    os.close(reading)
    os.close(writing)
    assert not copy.exists()
    assert upkeep.back_up(url, copy).events == 6


def test_what_others_keep_in_the_same_file_is_backed_up_too(url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as connection, connection:
        connection.execute("CREATE TABLE invoices (number INTEGER)")
        connection.execute("INSERT INTO invoices VALUES (7)")
    upkeep.back_up(url, tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "backup.db")) as connection:
        assert connection.execute("SELECT number FROM invoices").fetchall() == [(7,)]


@pytest.mark.parametrize(
    ("url", "rule"), [("postgresql:///crm?schema=acme", "pg_dump --schema=acme.*acme_keys"), ("memory://", "in memory")]
)
def test_what_sqlite_cannot_copy_is_refused_with_the_way_to_do_it(url: str, rule: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=rule):
        upkeep.back_up(url, tmp_path / "backup.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_pg_dump_of_both_schemas_restores_a_postgresql_history(
    postgres_url: str, postgres_dsn: str, tmp_path: Path
) -> None:
    """As docs/how-to/back-up-and-restore.md says: the log first, then the keys; restored into an empty database."""
    schema = parse_qs(urlsplit(postgres_url).query)["schema"][0]
    with CRM.open(postgres_url, follow=FOLLOW) as crm:
        for _ in range(5):
            crm.execute(AddContact(name=NAME), by="ann")
        crm.settle()
        before = rows(crm)
    for name in (schema, f"{schema}_keys"):
        excluded = [f"--exclude-table-data={schema}.crm_view_*"] if name == schema else []
        _run("pg_dump", "-d", postgres_dsn, f"--schema={name}", *excluded, "-f", str(tmp_path / f"{name}.sql"))
    assert NAME not in (tmp_path / f"{schema}.sql").read_text()
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for name in (schema, f"{schema}_keys"):
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
    for name in (schema, f"{schema}_keys"):
        _run("psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-1", "-d", postgres_dsn, "-f", str(tmp_path / f"{name}.sql"))
    with CRM.open(postgres_url, follow=FOLLOW) as crm:
        assert crm.verify().intact
        for view in FOLLOW:
            crm.rebuild(view)
        assert rows(crm) == before
        assert crm.execute(AddContact(name="Ada"), by="ann").position == 6


def _run(program: str, *arguments: str) -> None:
    said = subprocess.run([str(server_programs() / program), *arguments], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
