"""Deals: opened, moved, revalued, pushed, won, lost, reopened."""

from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from crm_core.commands import (
    AssignDeal,
    HandOffDeal,
    LoseDeal,
    MoveDeal,
    OpenDeal,
    PushDealClose,
    ReopenDeal,
    ReviseDealAmount,
    WinDeal,
)
from crm_core.deal.deal import deals
from crm_core.errors import (
    AlreadyOnRecord,
    ClosingStage,
    DealNotClosed,
    DealNotOpen,
    Invalid,
    NoSuchPipeline,
    NoSuchStage,
    NotOnRecord,
    PersonIsForgotten,
    Refused,
)
from crm_core.events import (
    ContactLinkedToAccount,
    DealAssigned,
    DealExpectedCloseChanged,
    DealHandedOff,
    DealLost,
    DealOpened,
    DealReopened,
    DealRevalued,
    DealStageChanged,
    DealWon,
    LeadConverted,
    PipelineDefined,
    Stage,
    TaskAdded,
)
from crm_core.kernel.messages import Command, Event
from crm_core.kernel.money import Money
from crm_core.testing import given
from tests.story import (
    ADA,
    DEAL,
    EUR90,
    EUR120,
    FABRIKAM,
    KIM,
    LEAD,
    LEE,
    ONBOARDING,
    TASK,
    TODAY,
    TOMORROW,
    ada,
    captured,
    fabrikam,
    forgotten,
    lead_forgotten,
    opened,
)

linked = ContactLinkedToAccount(contact_id=ADA, account_id=FABRIKAM, role="employee")
moved = DealStageChanged(deal_id=DEAL, from_stage="new_lead", to_stage="proposal_sent", probability=50)
won = DealWon(deal_id=DEAL, amount=EUR90, closed_on=TODAY, stage="won", from_stage="new_lead")
lost = DealLost(deal_id=DEAL, reason="price", closed_on=TODAY, stage="lost", from_stage="new_lead")
reopened = DealReopened(deal_id=DEAL, stage="new_lead", from_stage="lost", probability=10)
two_steps = PipelineDefined(
    pipeline="standard",
    stages=(
        Stage(key="talking", label="Talking", probability=30),
        Stage(key="signed", label="Signed", probability=100, type="won"),
        Stage(key="gone", label="Gone", probability=0, type="lost"),
    ),
)

open_it = OpenDeal(deal_id=DEAL, title="Fabrikam, 40 seats", amount=EUR120, owner=KIM)
assign = AssignDeal(deal_id=DEAL, owner=LEE)
move = MoveDeal(deal_id=DEAL, stage="proposal_sent")
revise = ReviseDealAmount(deal_id=DEAL, amount=EUR90)
push = PushDealClose(deal_id=DEAL, expected_close=TOMORROW)
win = WinDeal(deal_id=DEAL, closed_on=TODAY, amount=EUR90)
lose = LoseDeal(deal_id=DEAL, closed_on=TODAY, reason="price")
reopen = ReopenDeal(deal_id=DEAL)


def named(command: Command) -> str:
    return type(command).__name__


def test_a_deal_is_opened_in_the_first_stage_with_its_probability() -> None:
    given().when(open_it).then(
        DealOpened(
            deal_id=DEAL,
            title="Fabrikam, 40 seats",
            amount=EUR120,
            pipeline="standard",
            stage="new_lead",
            probability=10,
            owner=KIM,
        )
    )


def test_a_deal_knows_its_contact_account_and_lead() -> None:
    command = OpenDeal(
        deal_id=DEAL,
        title="Fabrikam, 40 seats",
        amount=EUR120,
        owner=KIM,
        contact_id=ADA,
        account_id=FABRIKAM,
        lead_id=LEAD,
        expected_close=TODAY,
    )
    given(ada, fabrikam, captured).when(command).then(opened)


def test_a_deal_of_a_contact_belongs_to_the_account_they_work_for() -> None:
    [deal] = given(ada, fabrikam, linked).when(open_it.model_copy(update={"contact_id": ADA})).events
    assert deal.account_id == FABRIKAM


def test_a_deal_of_a_converted_lead_belongs_to_what_the_lead_became() -> None:
    converted = LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM)
    [deal] = given(captured, converted).when(open_it.model_copy(update={"lead_id": LEAD})).events
    assert (deal.contact_id, deal.account_id) == (ADA, FABRIKAM)


def test_a_deal_can_start_further_on() -> None:
    [deal] = given().when(open_it.model_copy(update={"stage": "negotiation"})).events
    assert (deal.stage, deal.probability) == ("negotiation", 75)


def test_no_deal_is_opened_twice() -> None:
    assert given(opened).when(open_it).refused(AlreadyOnRecord).id == DEAL


@pytest.mark.parametrize(
    "about", [{"contact_id": ADA}, {"account_id": FABRIKAM}, {"lead_id": LEAD}], ids=["contact", "account", "lead"]
)
def test_a_deal_is_with_somebody_on_record(about: dict[str, Any]) -> None:
    given().when(open_it.model_copy(update=about)).refused(NotOnRecord)


def test_no_deal_is_opened_with_a_forgotten_person() -> None:
    given(ada, forgotten).when(open_it.model_copy(update={"contact_id": ADA})).refused(PersonIsForgotten)
    given(captured, lead_forgotten).when(open_it.model_copy(update={"lead_id": LEAD})).refused(PersonIsForgotten)


def test_a_deal_is_opened_in_a_pipeline_that_exists() -> None:
    refusal = given().when(open_it.model_copy(update={"pipeline": "renewals"})).refused(NoSuchPipeline)
    assert refusal.pipeline == "renewals"


@pytest.mark.parametrize("stage", ["won", "lost"])
def test_no_deal_starts_or_moves_into_a_closing_stage(stage: str) -> None:
    given().when(open_it.model_copy(update={"stage": stage})).refused(ClosingStage)
    refusal = given(opened).when(MoveDeal(deal_id=DEAL, stage=stage)).refused(ClosingStage)
    assert (refusal.pipeline, refusal.stage) == ("standard", stage)


@pytest.mark.parametrize("wrong", [Money("-1", "EUR"), 12.5, "12 EUR", None])
def test_an_amount_is_exact_money_and_not_negative(wrong: Any) -> None:
    with pytest.raises(Invalid) as caught:
        OpenDeal(title="Seats", amount=wrong, owner=KIM)
    assert caught.value.field == "amount"


def test_a_deal_moves_from_stage_to_stage() -> None:
    given(opened).when(move).then(moved)


def test_moving_to_the_current_stage_is_no_news() -> None:
    given(opened, moved).when(move).then_nothing()


def test_a_stage_must_be_in_the_pipeline_as_it_is_now() -> None:
    refusal = given(two_steps, opened).when(move).refused(NoSuchStage)
    assert (refusal.pipeline, refusal.stage) == ("standard", "proposal_sent")
    given(two_steps, opened).when(MoveDeal(deal_id=DEAL, stage="talking")).then(
        DealStageChanged(deal_id=DEAL, from_stage="new_lead", to_stage="talking", probability=30)
    )


def test_a_deal_is_revalued() -> None:
    given(opened).when(revise).then(DealRevalued(deal_id=DEAL, amount=EUR90, previous=EUR120))


def test_the_amount_expected_already_is_no_news() -> None:
    given(opened, DealRevalued(deal_id=DEAL, amount=EUR90, previous=EUR120)).when(revise).then_nothing()


def test_the_close_is_pushed() -> None:
    given(opened).when(push).then(DealExpectedCloseChanged(deal_id=DEAL, expected_close=TOMORROW, previous=TODAY))


def test_the_day_expected_already_is_no_news() -> None:
    pushed = DealExpectedCloseChanged(deal_id=DEAL, expected_close=TOMORROW, previous=TODAY)
    given(opened, pushed).when(push).then_nothing()


def test_a_deal_changes_hands_open_or_closed() -> None:
    given(opened).when(assign).then(DealAssigned(deal_id=DEAL, owner=LEE, previous=KIM))
    given(opened, won).when(assign).then(DealAssigned(deal_id=DEAL, owner=LEE, previous=KIM))


def test_the_owner_it_has_is_no_news() -> None:
    given(opened, DealAssigned(deal_id=DEAL, owner=LEE, previous=KIM)).when(assign).then_nothing()


def test_a_deal_is_won_for_the_amount_that_was_signed() -> None:
    given(opened).when(win).then(won)


def test_a_deal_is_won_for_the_amount_expected_if_no_other_is_named() -> None:
    given(opened, moved).when(WinDeal(deal_id=DEAL, closed_on=TODAY)).then(
        DealWon(deal_id=DEAL, amount=EUR120, closed_on=TODAY, stage="won", from_stage="proposal_sent")
    )


def test_a_deal_is_lost_for_a_reason_and_from_a_stage() -> None:
    command = LoseDeal(
        deal_id=DEAL, closed_on=TODAY, reason="competitor", competitor="Contoso", note="Ada liked their export."
    )
    given(opened, moved).when(command).then(
        DealLost(
            deal_id=DEAL,
            reason="competitor",
            competitor="Contoso",
            note="Ada liked their export.",
            closed_on=TODAY,
            stage="lost",
            from_stage="proposal_sent",
        )
    )


def test_winning_and_losing_enter_the_stages_that_the_pipeline_has_for_it() -> None:
    [event] = given(two_steps, opened).when(win).events
    assert event.stage == "signed"
    [event] = given(two_steps, opened).when(lose).events
    assert event.stage == "gone"


@pytest.mark.parametrize("command", [move, revise, push, win, lose], ids=named)
@pytest.mark.parametrize(("closed", "status"), [(won, "won"), (lost, "lost")], ids=["won", "lost"])
def test_a_closed_deal_stays_as_it_is(command: Command, closed: Event, status: str) -> None:
    refusal = given(opened, closed).when(command).refused(DealNotOpen)
    assert (refusal.deal_id, refusal.status) == (DEAL, status)


@pytest.mark.parametrize("command", [assign, move, revise, push, win, lose, reopen], ids=named)
def test_nothing_is_done_with_an_unknown_deal(command: Command) -> None:
    given().when(command).refused(NotOnRecord)


def test_a_closed_deal_is_reopened_where_it_stood() -> None:
    given(opened, moved, lost).when(ReopenDeal(deal_id=DEAL, reason="Ada called back")).then(
        DealReopened(deal_id=DEAL, stage="proposal_sent", from_stage="lost", probability=50, reason="Ada called back")
    )
    given(opened, won).when(reopen).then(DealReopened(deal_id=DEAL, stage="new_lead", from_stage="won", probability=10))


def test_a_reopened_deal_goes_on() -> None:
    given(opened, lost, reopened).when(win).then(won)


def test_an_open_deal_has_nothing_to_reopen() -> None:
    assert given(opened).when(reopen).refused(DealNotClosed).deal_id == DEAL


def test_a_deal_is_not_reopened_into_a_stage_that_is_gone() -> None:
    given(two_steps, opened, lost).when(reopen).refused(NoSuchStage)
    given(two_steps, opened, lost).when(ReopenDeal(deal_id=DEAL, stage="talking")).then(
        DealReopened(deal_id=DEAL, stage="talking", from_stage="gone", probability=30)
    )


wishes = st.lists(
    st.sampled_from(
        [
            open_it,
            assign,
            move,
            MoveDeal(deal_id=DEAL, stage="negotiation"),
            MoveDeal(deal_id=DEAL, stage="won"),
            revise,
            push,
            win,
            lose,
            reopen,
            ReopenDeal(deal_id=DEAL, stage="negotiation"),
            HandOffDeal(deal_id=DEAL, to_team=ONBOARDING, assignee=LEE, title="Call Ada", task_id=TASK),
        ]
    ),
    max_size=30,
)


@over(wishes)
def test_a_deal_is_closed_at_most_once_between_reopenings(commands: list[Command]) -> None:
    history: list[Event] = []
    for command in commands:
        outcome = given(*history).when(command)
        assert outcome.refusal is None or isinstance(outcome.refusal, Refused)
        history += outcome.events
    turns = [type(event) for event in history if isinstance(event, DealOpened | DealWon | DealLost | DealReopened)]
    assert all((turn in (DealWon, DealLost)) == (number % 2 == 1) for number, turn in enumerate(turns)), (
        "open, closed, open, closed, …"
    )
    _stages_are_one_unbroken_path(history)


def _stages_are_one_unbroken_path(history: list[Event]) -> None:
    stage: str | None = None
    for event in history:
        match event:
            case DealOpened():
                stage = event.stage
            case DealStageChanged(from_stage=before, to_stage=after) | DealReopened(from_stage=before, stage=after):
                assert before == stage
                assert after not in ("won", "lost")
                stage = after
            case DealWon(from_stage=before, stage=after) | DealLost(from_stage=before, stage=after):
                assert before == stage
                stage = after
            case DealHandedOff():
                assert stage == "won"
            case DealRevalued() | DealExpectedCloseChanged():
                assert stage not in ("won", "lost")
            case _:
                assert isinstance(event, DealAssigned | TaskAdded)
    state = given(*history).state(deals.fold, DEAL)
    assert {"won": "won", "lost": "lost", None: "unknown"}.get(stage, "open") == state.status
