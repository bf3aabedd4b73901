"""`view(after=receipt)` shows the write, whoever else folds the view, is killed while doing so, or has never begun."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from crm_core import CRM, Money
from crm_core.commands import AddContact, OpenDeal, RecordPurchase, ReviseDealAmount, SwitchOnPolicy
from crm_core.kernel.ids import DealId
from policies import Policy, thank_on_purchase
from projections import pipeline
from tests.faults.children import Board, fork, pause
from tests.faults.workload import id_of

Figures = Callable[..., None]
Beside = Callable[[str, Path], Any]
KILLED = 0
"""The slot of the board that counts the workers that were killed."""
OVER = 1
"""The slot that says that no further worker is needed."""


@contextmanager
def nobody(url: str, folder: Path) -> Iterator[dict[str, int]]:
    """No worker at all."""
    yield {}


@contextmanager
def crm_run(url: str, folder: Path) -> Iterator[dict[str, int]]:
    """The program `crm run`, in a process of its own."""
    command = [sys.executable, "-m", "crm_core", "run", "--url", url]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as worker:
        with CRM.open(url) as crm:
            while any(one.lag for one in crm.status().followers if one.on):
                pause(0.01)
        yield {"workers": 1}
        worker.terminate()


def killed_every(seconds: float) -> Beside:
    """A worker that is killed and followed by the next, again and again."""

    @contextmanager
    def killed(url: str, folder: Path) -> Iterator[dict[str, int]]:
        board, found = Board(), dict[str, int]()

        def work() -> None:
            with CRM.open(url) as crm:
                crm.run()

        def supervise() -> None:
            while not board[OVER]:
                worker = fork(work, folder)
                pause(seconds)
                board[KILLED] += worker.kill()

        supervisor = fork(supervise, folder)
        yield found
        board[OVER] = 1
        supervisor.join()
        found["kills"] = board[KILLED]

    return killed


@contextmanager
def counting_policies() -> Iterator[list[str]]:
    """Every time that a policy does anything in this process."""
    acted: list[str] = []
    with ExitStack() as stack:
        for name in ("fold", "wake"):
            real = getattr(Policy, name)

            def watched(policy: Any, work: Any, real: Any = real) -> Any:
                acted.append(policy.name)
                return real(policy, work)

            stack.enter_context(patch.object(Policy, name, watched))
        yield acted


def write_and_look(crm: CRM, times: int) -> list[int]:
    """Which writes the view did not show when it was asked behind them."""
    missed = []
    for number in range(times):
        deal = DealId(id_of("seen", number - number % 2))
        amount = Money(number + 1, "EUR")
        if number % 2:
            receipt = crm.execute(ReviseDealAmount(deal_id=deal, amount=amount), by="ann")
        else:
            receipt = crm.execute(OpenDeal(deal_id=deal, title="New roof", amount=amount, owner="ann"), by="ann")
        view = crm.view(pipeline, after=receipt)
        if [row.amount for row in view.where(deal_id=deal).rows] != [amount]:
            missed.append(number)
        if number % 20 == 0:
            crm.execute(RecordPurchase(contact_id=id_of("buyer"), amount=Money("5", "EUR")), by="ann")
    return missed


@pytest.fixture(params=[500, pytest.param(2000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def times(request: pytest.FixtureRequest) -> int:
    """How often to write and look: four situations make 2,000 in every run, and 2,000 each in the nightly one."""
    return int(request.param)


@pytest.mark.parametrize("situation", ["no worker", "crm run", "workers killed", "never built"])
def test_a_view_asked_for_behind_a_receipt_shows_the_write(
    situation: str, times: int, disk_url: str, tmp_path: Path, figures: Figures
) -> None:
    beside = {"crm run": crm_run, "workers killed": killed_every(2.0 if times >= 2_000 else 0.3)}.get(situation, nobody)
    with CRM.open(disk_url, follow=[thank_on_purchase]) as crm:
        crm.execute(AddContact(contact_id=id_of("buyer"), name="Ada"), by="ann")
        crm.execute(SwitchOnPolicy(policy=thank_on_purchase.name), by="ann")
    with (
        beside(disk_url, tmp_path) as workers,
        CRM.open(disk_url, follow=[] if situation == "never built" else None) as crm,
        counting_policies() as acted,
    ):
        missed = write_and_look(crm, times)
    with CRM.open(disk_url, follow=[]) as crm:
        thanks = sum(fact.type == "message.requested" for fact in crm.log())
        verdict = crm.verify()
    figures(situation=situation, looked=times, missed=len(missed), policies_here=len(acted), thanks=thanks, **workers)

    assert missed == []
    assert acted == []
    assert verdict.intact
    if situation in ("no worker", "never built"):
        assert thanks == 0, "nobody was there to thank"
    if situation == "workers killed":
        assert workers["kills"] >= times / 1_000


def test_a_view_that_is_not_folded_on_asking_misses_the_write(tmp_path: Path) -> None:
    with CRM.open(f"sqlite:///{tmp_path}/crm.db") as crm:
        crm.execute(AddContact(contact_id=id_of("buyer"), name="Ada"), by="ann")
        crm.settle()
        with patch.object(CRM, "_fold"):
            assert write_and_look(crm, 2) == [0, 1]
