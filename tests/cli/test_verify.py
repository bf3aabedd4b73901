"""`crm verify`: 0 intact, 1 altered with the first position and what differs, 2 unreadable."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Demo, Run, run_crm


def tamper(file: Path, *statements: str) -> None:
    """As whoever can write to the file may: the triggers first, then whatever they like."""
    with closing(sqlite3.connect(file)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        connection.commit()


def test_an_untouched_log_is_intact(crm: Run, demo: Demo) -> None:
    document = crm("verify", "--json").document
    assert (document["intact"], document["events"]) == (True, demo.document["events"])
    assert len(document["chain"]) == 64
    assert crm("verify").out.startswith("intact: ")


@pytest.mark.parametrize(
    ("statement", "position", "what"),
    [
        ("UPDATE crm_events SET public = replace(public, '21600.00', '99999.00') WHERE position = 25", 25, "chain"),
        ("UPDATE crm_events SET header = replace(header, 'user:kim', 'user:eve') WHERE position = 22", 22, "chain"),
        ("UPDATE crm_events SET sealed = zeroblob(length(sealed)) WHERE position = 9", 9, "chain"),
        ("UPDATE crm_events SET at = '2020-01-01T00:00:00.000000Z' WHERE position = 25", 25, "column at"),
        ("UPDATE crm_events SET type = 'deal.lost' WHERE position = 25", 25, "column type"),
        ("DELETE FROM crm_events WHERE position = 30", 30, "missing"),
        ("DELETE FROM crm_events WHERE position = 1", 1, "missing"),
        ("DELETE FROM crm_links WHERE position = 25", 25, "link"),
        ("INSERT INTO crm_links SELECT thing, 2 FROM crm_links WHERE position = 25", 2, "link"),
        ("UPDATE crm_commands SET position = position + 1 WHERE position = 25", 25, "command"),
    ],
)
def test_an_altered_log_is_found_out_with_the_position(
    statement: str, position: int, what: str, crm: Run, demo: Demo
) -> None:
    tamper(demo.file, statement)
    said = crm("verify", "--json")
    assert said.code == 1
    assert (said.document["intact"], said.document["position"]) == (False, position)
    assert what in said.document["what"]
    people = crm("verify")
    assert people.code == 1
    assert f"position {position}" in people.out


def test_what_cannot_be_read_is_neither_intact_nor_altered(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"SQLite format 3\x00" + bytes(4000))
    for url in (f"sqlite:///{broken}", f"sqlite:///{tmp_path / 'none.db'}", "postgresql://localhost:1/none"):
        assert run_crm("verify", "--url", url, "--json").code == 2
