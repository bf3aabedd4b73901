"""`crm status --check`: a probe's exit code."""

import sqlite3
from datetime import timedelta

import pytest

from crm_core import CRM
from crm_core.commands import AddContact
from crm_core.kernel.time import ManualClock, SystemClock
from tests.cli.conftest import Demo, Run


def tell(demo: Demo, ago: timedelta) -> None:
    """Something more is recorded, so long ago, and nobody follows."""
    with CRM.open(demo.url, follow=[], clock=ManualClock(SystemClock().now() - ago)) as crm:
        crm.execute(AddContact(name="Ada"), by="ann")


def test_a_probe_is_content_when_everything_has_caught_up(crm: Run) -> None:
    said = crm("status", "--check", "--json")
    assert (said.code, said.document["behind"]) == (0, [])
    assert crm("status", "--check", "--max-lag", "0s").code == 0


def test_a_probe_fails_when_something_lags_further_than_allowed(crm: Run, demo: Demo) -> None:
    tell(demo, timedelta(minutes=10))
    assert crm("status").code == 0, "only a check fails"
    assert crm("status", "--check", "--max-lag", "1h").code == 0
    said = crm("status", "--check", "--max-lag", "9m")
    assert said.code == 8
    assert "too far behind: " in said.out
    said = crm("status", "--check", "--json")
    assert said.code == 8
    assert {"pipeline", "timeline", "directory"} <= set(said.document["behind"])
    lags = {one["name"]: (one["lag"], one["seconds"] >= 600) for one in said.document["followers"]}
    assert lags["pipeline"] == (1, True)
    assert crm("run", "--once").code == 0
    assert crm("status", "--check").code == 0


def test_a_probe_fails_at_once_when_something_is_halted(crm: Run, demo: Demo) -> None:
    with sqlite3.connect(demo.file) as connection:
        connection.execute(
            "UPDATE crm_followers SET detail = position || ' its code raised KeyError' WHERE name LIKE 'pipeline%'"
        )
    connection.close()
    said = crm("status", "--check", "--max-lag", "1h")
    assert said.code == 8
    assert "its code raised KeyError" in " ".join(said.out.split())


def test_a_probe_that_reaches_nothing_says_so_by_another_code(crm: Run) -> None:
    assert crm("status", "--check", "--url", "sqlite:///none.db").code == 2
    assert crm("status", "--check", "--url", "postgresql://127.0.0.1:1/none").code == 2


@pytest.mark.parametrize("text", ["30", "s", "-1s", "1 day", "30s5", ""])
def test_what_is_no_length_of_time_is_refused(crm: Run, text: str) -> None:
    said = crm("status", "--check", f"--max-lag={text}", "--json")
    assert said.code == 4
    assert said.error["attributes"]["problems"] == [
        {"field": "max_lag", "rule": "must be a time such as 30s, 5m or 1h"}
    ]
