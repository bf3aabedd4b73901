"""The helpers for tests tell the truth, also when a test fails."""

import pytest

from crm_core.commands import AddNote, ConvertLead, MoveDeal, OpenDeal, WinDeal
from crm_core.errors import DealNotOpen, NotOnRecord
from crm_core.events import DealStageChanged, DealWon, NoteAdded
from crm_core.kernel.ids import ContactId, DealId, UserId, derived
from crm_core.kernel.money import Money
from crm_core.testing import COMMAND_ID, example, given
from tests.story import DEAL, EUR90, EUR120, TODAY, ada, opened

moved = DealStageChanged(deal_id=DEAL, from_stage="new_lead", to_stage="negotiation", probability=75)
move = MoveDeal(deal_id=DEAL, stage="negotiation")


def test_other_facts_than_expected_are_shown() -> None:
    with pytest.raises(AssertionError, match=r"expected DealStageChanged.*50.*\n.*recorded DealStageChanged.*75"):
        given(opened).when(move).then(moved.model_copy(update={"probability": 50}))
    with pytest.raises(AssertionError, match=r"1. expected nothing\n.*recorded DealStageChanged"):
        given(opened).when(move).then_nothing()
    with pytest.raises(AssertionError, match=r"2. expected DealStageChanged.*\n.*recorded nothing"):
        given(opened).when(move).then(moved, moved)


def test_a_refusal_is_no_fact() -> None:
    with pytest.raises(AssertionError, match=r"refused: NotOnRecord"):
        given().when(move).then(moved)


def test_a_fact_is_no_refusal_and_one_refusal_is_not_another() -> None:
    with pytest.raises(AssertionError, match=r"not refused as DealNotOpen: recorded DealStageChanged"):
        given(opened).when(move).refused(DealNotOpen)
    with pytest.raises(AssertionError, match=r"not refused as DealNotOpen: NotOnRecord"):
        given().when(move).refused(DealNotOpen)
    assert given().when(move).refused(NotOnRecord).id == DEAL


def test_facts_of_another_stream_are_another_things() -> None:
    other = opened.model_copy(update={"deal_id": DealId(derived(COMMAND_ID, "another deal"))})
    given(other).when(move).refused(NotOnRecord)


def test_ids_left_out_are_the_same_every_time() -> None:
    command = OpenDeal(title="Seats", amount=EUR120, owner=UserId("kim"))
    assert given().when(command).events == given().when(command).events
    assert given().when(command).events[0].deal_id == derived(COMMAND_ID, "deal_id")


def test_an_example_has_something_in_every_field() -> None:
    won = example(DealWon)
    assert won == example(DealWon)
    assert won == DealWon(
        deal_id=DealId(derived(COMMAND_ID, "example", "deal_id")),
        amount=Money("1234.50", "EUR"),
        closed_on=won.closed_on,
        stage="stage",
        from_stage="from_stage",
    )
    assert example(DealWon, amount=EUR90, closed_on=TODAY).amount == EUR90


def test_an_example_marks_what_is_personal() -> None:
    assert example(NoteAdded, prefix="secret ").text == "secret text"
    assert example(AddNote, prefix="secret ").text == "secret text"
    assert example(ConvertLead, prefix="secret.").email == "secret.ann@example.com"
    assert isinstance(example(WinDeal), WinDeal)
    assert example(type(ada), contact_id=ContactId(COMMAND_ID)).contact_id == COMMAND_ID
