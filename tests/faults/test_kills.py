"""SIGKILL at any moment: nothing acknowledged is lost, nothing is doubled, and whoever comes next goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crm_core import CRM
from tests.faults import following
from tests.faults.children import STARTED, Board, kill_in_a_loop
from tests.faults.workload import Journal, acknowledged, essence, undisturbed, work_on

Figures = Callable[..., None]


@pytest.fixture(params=[60, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def kills(request: pytest.FixtureRequest) -> int:
    """How often to kill."""
    return int(request.param)


def test_a_killed_writer_loses_nothing_acknowledged_and_doubles_nothing(
    kills: int, disk_url: str, tmp_path: Path, figures: Figures
) -> None:
    journal, board = Journal(tmp_path / "journal"), Board()

    def write() -> None:
        board.show_transactions()
        with CRM.open(disk_url, follow=[]) as crm:
            board[STARTED] = 1
            work_on(crm, journal)

    killed = kill_in_a_loop(write, board, tmp_path, kills=kills, seed=1, life_s=0.06)
    with CRM.open(disk_url, follow=[]) as crm:
        units = journal.next_unit() + 1
        work_on(crm, journal, units)
        facts, verdict = list(crm.log()), crm.verify()
    receipts, wrong = acknowledged(journal, facts)
    figures(**killed.figures, receipts=receipts, events=len(facts), wrong=len(wrong))

    assert wrong == []
    assert [fact.position for fact in facts] == list(range(1, len(facts) + 1))
    assert essence(facts) == undisturbed(units), "the log is not that of a run without kills"
    assert verdict.intact, verdict
    assert killed.kills >= kills
    assert killed.inside * 3 >= killed.kills


def test_a_killed_follower_leaves_views_that_equal_a_rebuild(
    kills: int, disk_url: str, tmp_path: Path, figures: Figures
) -> None:
    killed, wrong, rows = following.views_under_kills(disk_url, tmp_path, kills=kills)
    figures(**killed.figures, rows=rows, wrong=len(wrong))

    assert wrong == []
    assert killed.kills >= kills
    assert killed.inside * 3 >= killed.kills


def test_a_killed_policy_worker_answers_each_fact_and_alarm_exactly_once(
    kills: int, disk_url: str, tmp_path: Path, figures: Figures
) -> None:
    killed, wrong, answers = following.policies_under_kills(disk_url, tmp_path, kills=kills)
    figures(**killed.figures, answers=answers, wrong=len(wrong))

    assert wrong == []
    assert killed.kills >= kills
    assert killed.inside * 3 >= killed.kills
