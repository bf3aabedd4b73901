"""Views and policies moved on by workers that are killed; what is wrong with them afterwards."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import crm_core.following
import policies.engine.policy
from crm_core import CRM, Money, Recorded
from crm_core.commands import AddContact, AssignLead, RecordPurchase, SubmitForm, SwitchOnPolicy
from crm_core.kernel.messages import Command
from crm_core.kernel.time import ManualClock
from policies import follow_up_on_demo_request, thank_on_purchase
from projections import directory, pipeline, retention, timeline
from tests.faults.children import IDLE, SECONDS, STARTED, Board, Kills, fork, kill_in_a_loop
from tests.faults.workload import START, Journal, id_of, work_on

VIEWS = (pipeline, timeline, retention, directory)
POLICIES = (follow_up_on_demo_request, thank_on_purchase)
Plant = Callable[[], None]
"""Plants a fault in the process that calls it."""


def sound() -> None:
    """No fault."""


def views_under_kills(
    url: str, folder: Path, *, kills: int, plant: Plant = sound, views: Sequence[Any] = VIEWS, page: int = 7
) -> tuple[Kills, list[str], int]:
    """Kill whoever folds the views; how often, what is then wrong with them, and how many rows they have."""
    board, journal = Board(), Journal(folder / "journal")

    def more() -> None:
        with CRM.open(url, follow=[]) as crm:
            work_on(crm, journal, journal.next_unit() + 66)

    def follow() -> None:
        plant()
        board.show_transactions()
        crm_core.following.PAGE = page
        with CRM.open(url, follow=views) as crm:
            board[STARTED] = 1
            crm.settle(timeout=100)
            board[IDLE] = 1
            board.rest()

    fork(more, folder).join()
    killed = kill_in_a_loop(follow, board, folder, kills=kills, seed=2, when_idle=lambda: fork(more, folder).join())
    with CRM.open(url, follow=views) as crm:
        head = crm.settle()
        live, replayed = views_of(crm, views), views_of(crm, views, head)
        for view in views:
            crm.rebuild(view)
        wrong = [
            f"{view.name} is not what the history says"
            for view, *rows in zip(views, live, replayed, strict=True)
            if rows[0] != rows[1]
        ]
        rebuilt = views_of(crm, views)
        wrong += [
            f"{view.name} is not what a rebuild gives"
            for view, *rows in zip(views, live, rebuilt, strict=True)
            if rows[0] != rows[1]
        ]
        if not crm.verify().intact:
            wrong.append(str(crm.verify()))
    return killed, wrong, sum(map(len, live))


def views_of(crm: CRM, views: Iterable[Any], as_of: int | None = None) -> list[list[Any]]:
    """The rows of each view, as they are kept or (as of a position) as the history gives them."""
    return [sorted(crm.view(view, as_of=as_of).rows, key=view.table.key_of) for view in views]


def policies_under_kills(url: str, folder: Path, *, kills: int, plant: Plant = sound) -> tuple[Kills, list[str], int]:
    """Kill whoever runs the policies; how often, what is wrong with their answers, and how many there are."""
    board, told = Board(), [0]

    def clock(days: int = 0) -> ManualClock:
        return ManualClock(START + timedelta(seconds=board[SECONDS], days=days))

    def more() -> None:
        with CRM.open(url, follow=[], clock=clock()) as crm:
            list(crm.execute_many(_facts(told[0], 40), by="user:ann"))

    def tell() -> None:
        board[SECONDS] += 3 * 86_400
        fork(more, folder).join()
        told[0] += 40

    def work() -> None:
        plant()
        board.show_transactions()
        crm_core.following.PAGE = policies.engine.policy.ALARMS_AT_ONCE = 5
        with CRM.open(url, follow=POLICIES, clock=clock(days=2)) as crm:
            board[STARTED] = 1
            crm.settle(policies=True, timeout=100)
            board[IDLE] = 1
            board.rest()

    with CRM.open(url, follow=POLICIES, clock=clock()) as crm:
        for policy in POLICIES:
            crm.execute(SwitchOnPolicy(policy=policy.name), by="ann")
    tell()
    killed = kill_in_a_loop(work, board, folder, kills=kills, seed=3, when_idle=tell)
    with CRM.open(url, follow=POLICIES, clock=clock(days=2)) as crm:
        crm.settle(policies=True)
        facts, verdict = list(crm.log()), crm.verify()
    wrong, answers = _answers(facts)
    if not verdict.intact:
        wrong.append(str(verdict))
    return killed, wrong, answers


def _facts(first: int, count: int) -> list[Command]:
    """Leads that ask for a demo, half of them owned before, and customers who buy."""
    commands: list[Command] = []
    for number in range(first, first + count):
        lead, contact = id_of("asks", number), id_of("buys", number)
        request = SubmitForm(lead_id=lead, form="demo_request", name=f"Lead {number}")
        commands += [
            request,
            *([AssignLead(lead_id=lead, owner="kim")] if number % 2 else []),
            AddContact(contact_id=contact, name=f"Buyer {number}"),
            RecordPurchase(contact_id=contact, amount=Money("5", "EUR")),
        ]
    return commands


def _answers(facts: list[Recorded]) -> tuple[list[str], int]:
    """Every answer that is missing or given more than once, and how many answers there are.

    An owned lead that asks gets a task to follow up when it is assigned, and a reminder when the alarm
    of that fact rings; a lead without an owner gets one to be assigned; a purchase gets one message.
    """
    given = Counter(
        (fact.causation_id, fact.type, getattr(fact.event, "kind", "")) for fact in facts if fact.by.kind == "policy"
    )
    expected: Counter[Any] = Counter()
    for fact in facts:
        if fact.type == "purchase.recorded":
            expected[fact.id, "message.requested", ""] += 1
        elif fact.type == "lead.assigned":
            expected[fact.id, "task.added", "follow_up"] += 1
            expected[fact.id, "task.added", "reminder"] += 1
        elif fact.type == "form.submitted" and int(str(getattr(fact.event, "name", "")).split()[1]) % 2 == 0:
            expected[fact.id, "task.added", "todo"] += 1
    missing, extra = expected - given, given - expected
    return [f"missing: {one}" for one in missing] + [f"too many: {one}" for one in extra], given.total()
