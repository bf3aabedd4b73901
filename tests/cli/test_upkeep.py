"""`crm init`, `crm migrate`, `crm backup`; and what verbs that only ask may not do."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from crm_core import CRM, Money
from crm_core.commands import AddContact, OpenDeal
from tests.cli.conftest import Demo, Run, run_crm

READING = [
    ("history", "1c54ca24"), ("timeline", "1c54ca24"), ("show", "pipeline"), ("pipeline",), ("retention",), ("status",),
    ("verify",), ("find", "ada"), ("policies",), ("run", "--once"), ("rebuild", "pipeline"), ("migrate",),
    ("migrate", "--sql"), ("backup", "x.db"),
]  # fmt: skip


@pytest.mark.parametrize("verb", READING, ids=" ".join)
def test_a_verb_makes_nothing_where_no_crm_is(
    verb: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.db").touch()
    with closing(sqlite3.connect(tmp_path / "header.db")) as connection:
        connection.executescript("CREATE TABLE t (x); DROP TABLE t;")
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as connection:
        connection.execute("CREATE TABLE people (name)")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    for name in ("none.db", *before):
        for options in ("", "?mode=ro"):
            said = run_crm(*verb, "--json", "--url", f"sqlite:///{tmp_path / name}{options}")
            assert said.code in (2, 4), said
            assert said.error["code"] in ("not_a_crm_database", "database_unavailable", "invalid")
            if name != "foreign.db" and said.code == 2:
                assert "crm init" in said.error["message"]
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


@pytest.mark.postgres
@pytest.mark.parametrize("options", ["", "&mode=ro"])
def test_a_verb_makes_no_schema_where_none_is(options: str, postgres_url: str, postgres_dsn: str) -> None:
    schema = parse_qs(urlsplit(postgres_url).query)["schema"][0]
    for verb in (one for one in READING if one[0] not in ("backup", "run", "rebuild") or not options):
        said = run_crm(*verb, "--json", "--url", f"{postgres_url}{options}")
        assert said.code in (2, 4), said
        assert "crm init" in said.error["message"] or verb[0] in ("backup", "migrate"), said
    with psycopg.connect(postgres_dsn) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", [f"{schema}%"]).fetchall()
    assert found == []


def test_init_makes_a_crm_once_and_explain_needs_none(disk_url: str) -> None:
    assert run_crm("init", "--url", disk_url, "--json").document == {"created": True, "schema": 1, "roles": []}
    assert run_crm("init", "--url", disk_url).out == "there already, schema 1\n"
    assert run_crm("status", "--url", disk_url, "--json").document["position"] == 0
    assert run_crm("explain", "deal.won").code == 0


@pytest.mark.postgres
def test_init_names_the_roles_it_made(roles_url: str, postgres_url: str) -> None:
    schema = parse_qs(urlsplit(postgres_url).query)["schema"][0]
    said = run_crm("init", "--roles", schema, "--url", postgres_url)
    assert (said.code, said.out.startswith("there already, schema 1; granted what they may: ")) == (0, True)
    assert f"{schema}_auditor" in said.out
    assert run_crm("verify", "--url", roles_url).code == 0


def test_migrate_and_its_sql_have_nothing_to_do_here(crm: Run) -> None:
    assert crm("migrate", "--json").document == {"before": 1, "after": 1}
    assert crm("migrate").out == "nothing to do: schema 1\n"
    assert crm("migrate", "--sql").out == "-- nothing to do: the database has schema 1\n"


def test_an_older_schema_is_told_with_the_way_on(crm: Run, demo: Demo) -> None:
    with closing(sqlite3.connect(demo.file)) as connection, connection:
        connection.execute("UPDATE crm_meta SET value = '2' WHERE name = 'schema'")
    said = crm("status", "--json")
    assert (said.code, said.error["code"]) == (2, "schema_mismatch")
    assert said.error["attributes"] == {"found": 2, "expected": 1}
    assert "crm migrate" in said.error["message"]


def test_a_backup_is_the_same_log_and_warns_where_it_holds_the_keys(crm: Run, demo: Demo, tmp_path: Path) -> None:
    copy, keys = tmp_path / "b.db", tmp_path / "b.keys.db"
    said = crm("backup", str(copy), "--keys", str(keys))
    assert said.code == 0
    assert "read every personal value" in said.err
    assert f"{demo.document['events']:,} events" in said.out
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    verified = run_crm("verify", "--json", "--url", f"sqlite:///{copy}?mode=ro").document
    assert (verified["intact"], verified["chain"] in said.out) == (True, True)
    assert crm("backup", str(tmp_path / "c.db")).err == ""


def test_whatever_reads_answers_alike_from_a_copy_that_nobody_may_change(crm: Run, demo: Demo, tmp_path: Path) -> None:
    copy = tmp_path / "b.db"
    assert crm("backup", str(copy), "--keys", str(tmp_path / "b.keys.db")).code == 0
    before = {one.name: one.read_bytes() for one in tmp_path.glob("b.*")}
    verbs: list[tuple[str, ...]] = [
        ("history", demo.deal), ("timeline", demo.contact), ("pipeline",), ("retention",), ("verify",), ("policies",),
        ("find", "brightwater"), ("show", "pipeline", "--csv"), ("show", "directory", "--where", "kind=deal"),
    ]  # fmt: skip
    for verb in verbs:
        copied = run_crm(*verb, "--json", "--url", f"sqlite:///{copy}?mode=ro")
        assert copied.code == 0, copied
        assert _timeless(copied.document) == _timeless(crm(*verb, "--json").document)
    for verb in (("run", "--once"), ("rebuild", "pipeline"), ("policies", "off", "thank_on_purchase", "--by", "ann")):
        refused = run_crm(*verb, "--json", "--url", f"sqlite:///{copy}?mode=ro")
        assert (refused.code, refused.error["code"]) == (2, "read_only")
    assert {one.name: one.read_bytes() for one in tmp_path.glob("b.*")} == before


def _timeless(document: Any) -> Any:
    """Without the instant at which it was asked."""
    if isinstance(document, dict):
        return {name: _timeless(value) for name, value in document.items() if name != "as_of"}
    return document


TAMPERED = {
    **{
        column: f"UPDATE crm_events SET {column} = {value} WHERE position = 2"
        for column, value in {
            "position": "99", "stream": "'00000000-0000-4000-8000-ffffffffffff'", "version": "9", "type": "'deal.lost'",
            "type_version": "9", "at": "'2020'", "recorded_at": "'2020'", "header": "'{}'", "public": "'{}'",
            "sealed": "chain", "chain": "sealed",
        }.items()
    },
    "a link deleted": "DELETE FROM crm_links WHERE position = 2",
    "a link added": "INSERT INTO crm_links SELECT thing, 1 FROM crm_links WHERE position = 2",
    "links swapped": "UPDATE crm_links SET position = 5 - position WHERE position IN (2, 3)",
    "a command's count": "UPDATE crm_commands SET events = 2 WHERE position = 2",
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_verify_exits_with_1_and_names_position_and_difference_on_either_database(
    what: str, disk_url: str, request: pytest.FixtureRequest
) -> None:
    with CRM.open(disk_url, follow=[]) as crm:
        people = [crm.execute(AddContact(name=name), by="ann").id for name in ("Ada", "Bob")]
        for person in people:  # positions 3 and 4 regard one of them each
            command = OpenDeal(title="Roof", amount=Money(1, "EUR"), owner="ann", contact_id=person)
            crm.execute(command, by="ann")
    assert run_crm("verify", "--url", disk_url).code == 0
    statement, position = TAMPERED[what].replace("position = 2", "position = 3"), 3
    statement = statement.replace("5 - position WHERE position IN (2, 3)", "7 - position WHERE position IN (3, 4)")
    _tamper(disk_url, statement, request)
    said = run_crm("verify", "--json", "--url", disk_url)
    assert said.code == 1
    assert said.document["position"] == (1 if what == "a link added" else position)
    assert said.document["what"]
    assert f"altered: position {said.document['position']}: " in run_crm("verify", "--url", disk_url).out


def _tamper(url: str, statement: str, request: pytest.FixtureRequest) -> None:
    """As the owner of the file or the tables may: the triggers first."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(urlsplit(url).path[1:])) as file, file:
            for (trigger,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                file.execute(f"DROP TRIGGER {trigger}")
            assert file.execute(statement).rowcount > 0
        return
    schema = parse_qs(urlsplit(url).query)["schema"][0]
    dsn = request.getfixturevalue("postgres_dsn")
    with psycopg.connect(dsn, options=f"-c search_path={schema}") as server:
        for table in ("crm_events", "crm_links", "crm_commands"):
            server.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        assert server.execute(statement).rowcount > 0
