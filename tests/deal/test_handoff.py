"""Handoff: the team that serves a won customer gets the deal and a first task."""

import pytest

from crm_core.commands import HandOffDeal
from crm_core.errors import AlreadyHandedOff, AlreadyOnRecord, DealNotWon, NotOnRecord
from crm_core.events import DealHandedOff, DealReopened, DealWon, TaskAdded
from crm_core.kernel.messages import Event
from crm_core.testing import given
from tests.story import ADA, DEAL, EUR90, FABRIKAM, LEAD, LEE, NINE, ONBOARDING, SUPPORT, TASK, TODAY, opened, promised

won = DealWon(deal_id=DEAL, amount=EUR90, closed_on=TODAY, stage="won", from_stage="new_lead")
handed_off = DealHandedOff(deal_id=DEAL, to_team=ONBOARDING, assignee=LEE, task_id=TASK)
hand_off = HandOffDeal(deal_id=DEAL, to_team=ONBOARDING, assignee=LEE, title="Welcome Ada", due=NINE, task_id=TASK)


def test_a_won_deal_is_handed_off_with_a_first_task() -> None:
    given(opened, won).when(hand_off).then(
        handed_off,
        TaskAdded(
            task_id=TASK,
            kind="handoff",
            title="Welcome Ada",
            assignee=LEE,
            due=NINE,
            deal_id=DEAL,
            contact_id=ADA,
            account_id=FABRIKAM,
            lead_id=LEAD,
        ),
    )


def test_a_deal_is_handed_to_several_teams() -> None:
    command = HandOffDeal(deal_id=DEAL, to_team=SUPPORT, assignee=LEE, title="Meet Ada")
    assert len(given(opened, won, handed_off).when(command).events) == 2


def test_each_team_gets_it_once() -> None:
    command = hand_off.model_copy(update={"task_id": ADA})
    refusal = given(opened, won, handed_off).when(command).refused(AlreadyHandedOff)
    assert (refusal.deal_id, refusal.team) == (DEAL, "onboarding")


def test_a_deal_won_again_is_handed_off_again() -> None:
    reopened = DealReopened(deal_id=DEAL, stage="new_lead", from_stage="won", probability=10)
    given(opened, won, handed_off, reopened, won).when(hand_off).then(*given(opened, won).when(hand_off).events)


@pytest.mark.parametrize(
    "history",
    [(opened,), (opened, won, DealReopened(deal_id=DEAL, stage="new_lead", from_stage="won", probability=10))],
    ids=["never won", "reopened"],
)
def test_only_a_won_deal_is_handed_off(history: tuple[Event, ...]) -> None:
    refusal = given(*history).when(hand_off).refused(DealNotWon)
    assert (refusal.deal_id, refusal.status) == (DEAL, "open")


def test_an_unknown_deal_is_not_handed_off() -> None:
    given().when(hand_off).refused(NotOnRecord)


def test_the_first_task_is_a_new_one() -> None:
    assert given(opened, won, promised).when(hand_off).refused(AlreadyOnRecord).noun == "task"
