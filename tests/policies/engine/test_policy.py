"""Memory, alarms, commands and checkpoint commit together: everything happens once, whatever happens."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Actor
from crm_core.commands import DisqualifyLead, QualifyLead, SwitchOffPolicy, SwitchOnPolicy
from crm_core.errors import FollowerHalted
from crm_core.kernel.ids import derived
from crm_core.kernel.time import ManualClock
from crm_core.store.port import Transaction
from policies import Policy
from policies.engine import rows
from policies.testing import START
from tests.policies.conftest import Opener, Rows
from tests.policies.engine.toys import (
    QUIET,
    Watching,
    assign,
    breed_on_task,
    give_up_when_qualified,
    nudge_when_assigned,
    tasks,
)

MEMORIES = "SELECT memory FROM crm_policy_memory ORDER BY memory"
ALARMS = "SELECT name, due_at FROM crm_policy_alarms ORDER BY due_at, name"
CHECKPOINT = "SELECT position FROM crm_followers WHERE name LIKE 'policy:%'"


def qualify(crm: CRM, lead: UUID, **envelope: Any) -> None:
    """Somebody qualifies the lead."""
    crm.execute(QualifyLead(lead_id=lead, need="critical"), by="kim", **envelope)  # type: ignore[arg-type]


def act(crm: CRM) -> None:
    """Policies take in everything there is, and fire what is due."""
    crm.settle(policies=True)


# -- once -----------------------------------------------------------------------------------------


def test_a_policy_remembers_across_restarts(opened: Opener) -> None:
    crm = opened(Watching())
    lead = assign(crm)
    act(crm)
    crm.close()
    crm = opened(Watching())
    assign(crm, "lee", lead=lead)
    act(crm)
    assert tasks(crm) == ["assignment 1", "assignment 2"]


def test_what_it_gives_says_who_and_why(opened: Opener) -> None:
    crm = opened(Watching())
    assign(crm)
    act(crm)
    [cause] = crm.log(types=["lead.assigned"])
    [fact] = crm.log(types=["task.added"])
    assert fact.by == Actor("policy", "watch_when_assigned")
    assert (fact.causation_id, fact.correlation_id) == (cause.id, cause.correlation_id)
    assert fact.command_id == derived(cause.id, "policy", "watch_when_assigned", 0)


def test_what_an_alarm_gives_is_caused_by_the_fact_that_set_it(opened: Opener, clock: ManualClock) -> None:
    crm = opened(Watching())
    assign(crm)
    act(crm)
    clock.advance(days=1)
    act(crm)
    [cause] = crm.log(types=["lead.assigned"])
    fact = list(crm.log(types=["task.added"]))[-1]
    assert (fact.causation_id, fact.correlation_id) == (cause.id, cause.correlation_id)
    assert fact.event.due == START + QUIET  # type: ignore[attr-defined]


def test_the_same_facts_again_give_nothing_new(opened: Opener, clock: ManualClock) -> None:
    policy = Watching()
    crm = opened(policy)
    assign(crm)
    act(crm)
    clock.advance(days=2)
    act(crm)
    before = tasks(crm)
    crm._loader.rewind(policy)  # noqa: SLF001 - as a rebuild does
    act(crm)
    assert tasks(crm) == before == ["assignment 1", "quiet after 1"]


def test_two_workers_give_everything_once(opened: Opener) -> None:
    one, two = opened(Watching()), opened(Watching())
    for _ in range(40):
        assign(one)
    together(lambda: act(one), lambda: act(two))
    assert tasks(one) == ["assignment 1"] * 40


@pytest.mark.parametrize("page", [1, 2, 3])
def test_how_many_facts_come_at_a_time_makes_no_difference(
    opened: Opener, kept: Rows, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr("crm_core.following.PAGE", page)
    crm = opened(Watching())
    lead, other = assign(crm), assign(crm)
    assign(crm, "lee", lead=lead)
    qualify(crm, other)
    assign(crm, "lee", lead=other)
    act(crm)
    assert tasks(crm) == ["assignment 1", "assignment 1", "assignment 2", "assignment 2"]
    assert len(kept(ALARMS)) == len(kept(MEMORIES)) == 2


def test_a_worker_that_dies_folding_leaves_nothing(opened: Opener, kept: Rows) -> None:
    policy = Watching()
    crm = opened(policy)
    assign(crm)
    policy.crash = True
    with pytest.raises(FollowerHalted):
        act(crm)
    assert (tasks(crm), kept(MEMORIES), kept(ALARMS), kept(CHECKPOINT)) == ([], [], [], [(0,)])
    policy.crash = False
    act(crm)
    assert (tasks(crm), len(kept(MEMORIES)), len(kept(ALARMS))) == (["assignment 1"], 1, 1)


def test_a_worker_that_dies_firing_an_alarm_leaves_it_to_the_next(
    opened: Opener, kept: Rows, clock: ManualClock
) -> None:
    policy = Watching()
    crm = opened(policy)
    assign(crm)
    act(crm)
    clock.advance(days=1)
    policy.crash = True
    with pytest.raises(FollowerHalted, match="Crash"):
        crm.tick()
    assert (tasks(crm), len(kept(ALARMS))) == (["assignment 1"], 1)
    policy.crash = False
    assert crm.tick() == 1
    assert (tasks(crm), kept(ALARMS)) == (["assignment 1", "quiet after 1"], [])


def test_a_refusal_is_an_outcome_and_the_policy_goes_on(opened: Opener, caplog: pytest.LogCaptureFixture) -> None:
    crm = opened(give_up_when_qualified)
    lead, other = assign(crm), assign(crm)
    qualify(crm, lead)
    crm.execute(DisqualifyLead(lead_id=lead, reason="no_fit"), by="kim")
    qualify(crm, other)
    with caplog.at_level(logging.INFO, "policies"):
        act(crm)
    assert [fact.event.lead_id for fact in crm.log(types=["lead.disqualified"])] == [lead, other]  # type: ignore[attr-defined]
    assert "DisqualifyLead" in caplog.text
    assert "was refused: LeadIsDisqualified" in caplog.text
    assert "2 commands given, 1 of them refused" in caplog.text


def test_a_later_fact_of_the_page_sees_what_an_earlier_one_led_to(opened: Opener) -> None:
    crm = opened(give_up_when_qualified)
    lead = assign(crm)
    qualify(crm, lead)
    crm.execute(QualifyLead(lead_id=lead, need="nice_to_have"), by="kim")
    act(crm)
    assert len(list(crm.log(types=["lead.disqualified"]))) == 1


# -- what it answers ------------------------------------------------------------------------------


def test_its_own_doing_is_not_answered(opened: Opener) -> None:
    crm = opened(Watching(), breed_on_task)
    assign(crm)
    act(crm)
    assert tasks(crm) == ["assignment 1", "and another"]


@pytest.mark.parametrize(
    "envelope", [{"by": "import:shop"}, {"by": "kim", "at": START - timedelta(days=2)}], ids=["imported", "told late"]
)
def test_history_is_remembered_and_not_answered(
    opened: Opener, kept: Rows, caplog: pytest.LogCaptureFixture, envelope: dict[str, Any]
) -> None:
    crm = opened(Watching())
    with caplog.at_level(logging.INFO, "policies"):
        lead = assign(crm, **envelope)
        act(crm)
    assert (tasks(crm), kept(ALARMS)) == ([], [])
    assert "1 facts of the past remembered, not answered" in caplog.text
    assign(crm, "lee", lead=lead)
    act(crm)
    assert tasks(crm) == ["assignment 2"]


@pytest.mark.parametrize("envelope", [{"by": "import:shop"}, {"by": "kim", "at": START - timedelta(days=2)}])
def test_a_policy_may_ask_to_answer_history(opened: Opener, envelope: dict[str, Any]) -> None:
    crm = opened(Watching(react_to_history=True))
    assign(crm, **envelope)
    act(crm)
    assert tasks(crm)[0] == "assignment 1"


def test_how_old_a_fact_may_be_is_the_policys_choice(opened: Opener) -> None:
    crm = opened(Watching(max_age=timedelta(days=3)))
    assign(crm, at=START - timedelta(hours=12))
    act(crm)
    assert tasks(crm) == ["assignment 1"]


def test_what_was_before_it_was_switched_on_is_remembered_and_not_answered(opened: Opener) -> None:
    crm = opened(Watching(), on=False)
    lead = assign(crm)
    act(crm)
    crm.execute(SwitchOnPolicy(policy="watch_when_assigned"), by="admin")
    assign(crm, "lee", lead=lead)
    act(crm)
    assert tasks(crm) == ["assignment 2"]


def test_a_policy_may_be_switched_on_from_the_beginning(opened: Opener) -> None:
    crm = opened(Watching(), on=False)
    assign(crm)
    crm.execute(SwitchOnPolicy(policy="watch_when_assigned", after=0), by="admin")
    act(crm)
    assert tasks(crm) == ["assignment 1"]


def test_a_policy_that_is_off_does_nothing_and_what_it_waited_for_lapses(
    opened: Opener, kept: Rows, clock: ManualClock
) -> None:
    crm = opened(Watching())
    assign(crm)
    act(crm)
    crm.execute(SwitchOffPolicy(policy="watch_when_assigned"), by="admin")
    clock.advance(days=2)
    act(crm)
    assert tasks(crm) == ["assignment 1"]
    crm.execute(SwitchOnPolicy(policy="watch_when_assigned"), by="admin")
    act(crm)
    assert (tasks(crm), kept(ALARMS)) == (["assignment 1"], [])


def test_a_policy_that_was_off_for_a_while_may_keep_what_it_waited_for(opened: Opener, clock: ManualClock) -> None:
    crm = opened(Watching())
    assign(crm)
    act(crm)
    crm.execute(SwitchOffPolicy(policy="watch_when_assigned"), by="admin")
    clock.advance(days=2)
    crm.execute(SwitchOnPolicy(policy="watch_when_assigned", after=0), by="admin")
    act(crm)
    assert tasks(crm) == ["assignment 1", "quiet after 1"]


# -- waiting --------------------------------------------------------------------------------------


def test_an_alarm_fires_when_it_is_due_and_once(opened: Opener, clock: ManualClock) -> None:
    crm = opened(Watching())
    assign(crm)
    act(crm)
    clock.set(START + QUIET - timedelta(microseconds=1))
    assert crm.tick() == 0
    clock.set(START + QUIET)
    assert [crm.tick(), crm.tick()] == [1, 0]
    assert tasks(crm) == ["assignment 1", "quiet after 1"]


def test_asking_again_starts_the_wait_anew(opened: Opener, kept: Rows, clock: ManualClock) -> None:
    crm = opened(Watching())
    lead = assign(crm)
    act(crm)
    clock.advance(hours=20)
    assign(crm, "lee", lead=lead)
    act(crm)
    assert kept(ALARMS) == [("quiet", "2026-03-04T05:00:00.000000Z")]
    clock.advance(hours=20)
    assert crm.tick() == 0
    clock.advance(hours=4)
    assert crm.tick() == 1


@pytest.mark.parametrize("envelope", [{}, {"at": START - timedelta(days=5)}], ids=["told at once", "told late"])
def test_a_wait_is_ended_also_by_history(
    opened: Opener, kept: Rows, clock: ManualClock, envelope: dict[str, Any]
) -> None:
    crm = opened(Watching())
    lead = assign(crm)
    act(crm)
    qualify(crm, lead, **envelope)
    act(crm)
    clock.advance(days=2)
    assert (crm.tick(), kept(ALARMS)) == (0, [])


def test_a_fact_recorded_in_the_last_second_ends_the_wait_though_the_worker_lags(
    opened: Opener, clock: ManualClock
) -> None:
    crm = opened(Watching())
    lead = assign(crm)
    act(crm)
    clock.set(START + QUIET)
    qualify(crm, lead)
    clock.advance(hours=1)
    assert crm.tick() == 0
    act(crm)
    assert tasks(crm) == ["assignment 1"]


def test_a_fact_recorded_too_late_does_not_hold_the_alarm_back(opened: Opener, clock: ManualClock) -> None:
    crm = opened(Watching())
    lead = assign(crm)
    act(crm)
    clock.set(START + QUIET + timedelta(seconds=1))
    qualify(crm, lead)
    assert crm.tick() == 1


def test_an_alarm_may_cancel_and_move_others_of_the_same_moment(opened: Opener, clock: ManualClock) -> None:
    crm = opened(nudge_when_assigned)
    assign(crm)
    act(crm)
    clock.advance(days=1)
    assert crm.tick() == 1
    clock.advance(days=1)
    act(crm)
    assert tasks(crm) == ["nudge", "third"]


def test_the_next_alarm_is_known(opened: Opener, clock: ManualClock) -> None:
    policy = Watching()
    crm = opened(policy)
    policy_looks = next_alarm_of(crm, policy)
    act(crm)
    assert policy_looks() is None
    assign(crm)
    clock.advance(hours=1)
    assign(crm)
    act(crm)
    assert policy_looks() == START + QUIET


def next_alarm_of(crm: CRM, policy: Policy[Any]) -> Callable[[], Any]:
    """Asks the policy when it next wakes."""

    def look() -> Any:
        with crm._store.database.looking() as transaction:  # noqa: SLF001 - a follower is handed transactions
            return policy.next_alarm(transaction)

    return look


def fired_by_two(opened: Opener, clock: ManualClock, alarms: int) -> list[int]:
    """How many alarms each of two workers fires when both begin at once."""
    one, two = opened(Watching()), opened(Watching())
    for _ in range(alarms):
        assign(one)
    act(one)
    two.settle(policies=True)
    clock.advance(days=1)
    fired = [0, 0]

    def work(number: int, crm: CRM) -> None:
        while count := crm.tick():
            fired[number] += count

    together(lambda: work(0, one), lambda: work(1, two))
    assert tasks(one).count("quiet after 1") == alarms
    return fired


def test_two_workers_fire_every_alarm_once(opened: Opener, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.engine.policy.ALARMS_AT_ONCE", 5)
    assert sum(fired_by_two(opened, clock, 40)) == 40


def test_without_taking_alarms_away_two_workers_would_fire_some_twice(
    opened: Opener, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above has power; and even so the commands' ids keep their effects from doubling."""
    claim, rounds = rows.claim_due, iter(range(3))

    def claim_and_leave(
        transaction: Transaction, policy: str, before: str, now: datetime, limit: int
    ) -> list[rows.Alarm]:
        if now == START or next(rounds, None) is None:
            return []
        alarms = claim(transaction, policy, before, now, limit)
        rows.keep_alarms(transaction, policy, {(one.key, one.name): one for one in alarms})
        return alarms

    monkeypatch.setattr(rows, "claim_due", claim_and_leave)
    assert sum(fired_by_two(opened, clock, 10)) > 10


def together(*works: Callable[[], Any]) -> None:
    """Each in a thread of its own, all beginning at once; the first failure is raised."""
    start, failures = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], Any]) -> None:
        start.wait(10)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for failure in failures:
        raise failure
