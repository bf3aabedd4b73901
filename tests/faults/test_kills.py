"""SIGKILL at any moment: nothing acknowledged is lost, nothing is doubled, and whoever comes next goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crm_core import CRM
from tests.faults.children import IDLE, STARTED, Board, fork, kill_in_a_loop
from tests.faults.workload import Journal, acknowledged, essence, undisturbed, work_on

KILLS = 50
Note = Callable[[str, object], None]


def test_a_killed_writer_loses_nothing_acknowledged_and_doubles_nothing(
    disk_url: str, tmp_path: Path, record_property: Note
) -> None:
    journal, board = Journal(tmp_path / "journal"), Board()

    def write() -> None:
        board.show_transactions()
        with CRM.open(disk_url, follow=[]) as crm:
            board[STARTED] = 1
            work_on(crm, journal)

    killed = kill_in_a_loop(write, board, tmp_path, kills=KILLS, seed=1)
    with CRM.open(disk_url, follow=[]) as crm:
        units = journal.next_unit() + 1
        work_on(crm, journal, units)
        facts, verdict = list(crm.log()), crm.verify()
    receipts, wrong = acknowledged(journal, facts)
    _report(record_property, kills=killed.kills, inside=killed.inside, in_keys=killed.in_keys, receipts=receipts, events=len(facts))

    assert wrong == []
    assert [fact.position for fact in facts] == list(range(1, len(facts) + 1))
    assert essence(facts) == undisturbed(units), "the log is not that of a run without kills"
    assert verdict.intact, verdict
    assert killed.kills >= KILLS
    assert killed.inside * 3 >= killed.kills
