"""The pipeline shows each deal as it stands."""

from crm_core.events import (
    DealAssigned,
    DealExpectedCloseChanged,
    DealLost,
    DealReopened,
    DealRevalued,
    DealStageChanged,
    DealWon,
)
from crm_core.kernel.ids import UserId
from projections import pipeline
from projections.testing import AT, rows
from tests.story import ADA, DEAL, EUR90, EUR120, FABRIKAM, KIM, TODAY, TOMORROW, opened

moved = DealStageChanged(deal_id=DEAL, from_stage="new_lead", to_stage="negotiation", probability=75)
won = DealWon(deal_id=DEAL, amount=EUR90, closed_on=TOMORROW, stage="won", from_stage="negotiation")
lost = DealLost(deal_id=DEAL, reason="price", closed_on=TOMORROW, stage="lost", from_stage="negotiation")
reopened = DealReopened(deal_id=DEAL, stage="new_lead", from_stage="lost", probability=10)


def test_an_open_deal_shows_what_is_expected_of_it() -> None:
    row = rows(pipeline, opened)[DEAL]
    assert (row.status, row.stage, row.probability, row.amount, row.owner) == ("open", "new_lead", 10, EUR120, KIM)
    assert (row.contact_id, row.account_id, row.expected_close, row.closed_on) == (ADA, FABRIKAM, TODAY, None)
    assert row.opened_at == row.in_stage_since == AT


def test_a_deal_takes_its_new_stages_probability() -> None:
    row = rows(pipeline, opened, moved)[DEAL]
    assert (row.stage, row.probability, row.status) == ("negotiation", 75, "open")


def test_a_won_deal_shows_the_signed_amount() -> None:
    row = rows(pipeline, opened, moved, won)[DEAL]
    assert (row.status, row.stage, row.amount, row.probability, row.closed_on) == ("won", "won", EUR90, 100, TOMORROW)


def test_a_lost_deal_shows_why_and_no_more_hope() -> None:
    row = rows(pipeline, opened, lost)[DEAL]
    assert (row.status, row.stage, row.loss_reason, row.probability) == ("lost", "lost", "price", 0)
    assert row.amount == EUR120


def test_a_reopened_deal_is_open_as_if_never_closed() -> None:
    row = rows(pipeline, opened, lost, reopened)[DEAL]
    assert (row.status, row.stage, row.probability) == ("open", "new_lead", 10)
    assert (row.closed_on, row.loss_reason) == (None, None)


def test_a_deal_shows_its_present_owner_amount_and_day() -> None:
    lee = UserId("lee")
    row = rows(
        pipeline,
        opened,
        DealAssigned(deal_id=DEAL, owner=lee, previous=KIM),
        DealRevalued(deal_id=DEAL, amount=EUR90, previous=EUR120),
        DealExpectedCloseChanged(deal_id=DEAL, expected_close=TOMORROW, previous=TODAY),
    )[DEAL]
    assert (row.owner, row.amount, row.expected_close) == (lee, EUR90, TOMORROW)


def test_what_happens_to_a_deal_that_was_never_opened_shows_nothing() -> None:
    assert rows(pipeline, moved, won) == {}


def test_the_pipeline_opens_nobodys_data() -> None:
    assert not pipeline.opens
