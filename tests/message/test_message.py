"""Messages: asked for once, for customers on record."""

from typing import Any

import pytest

from crm_core.commands import RequestMessage
from crm_core.errors import AlreadyOnRecord, Invalid, NotOnRecord, PersonIsForgotten
from crm_core.events import MessageRequested
from crm_core.testing import given
from tests.story import ADA, DEAL, MESSAGE, PURCHASE, ada, bought, forgotten, opened

thank = RequestMessage(message_id=MESSAGE, contact_id=ADA, template="thanks", reason="purchase", purchase_id=PURCHASE)
thanked = MessageRequested(
    message_id=MESSAGE, contact_id=ADA, template="thanks", channel="email", reason="purchase", purchase_id=PURCHASE
)


def test_a_message_is_requested() -> None:
    given(ada, bought).when(thank).then(thanked)


def test_a_message_may_be_about_a_deal_or_about_nothing() -> None:
    command = RequestMessage(contact_id=ADA, template="offer", reason="deal", channel="post", deal_id=DEAL)
    assert len(given(ada, opened).when(command).events) == 1
    assert len(given(ada).when(RequestMessage(contact_id=ADA, template="hello", reason="greeting")).events) == 1


def test_a_message_is_requested_once() -> None:
    given(ada, bought, thanked).when(thank).refused(AlreadyOnRecord)


def test_nothing_is_sent_to_strangers_or_the_forgotten() -> None:
    given().when(thank).refused(NotOnRecord)
    given(ada, bought, forgotten).when(thank).refused(PersonIsForgotten)


def test_a_message_is_about_things_on_record() -> None:
    assert given(ada).when(thank).refused(NotOnRecord).noun == "purchase"
    command = RequestMessage(contact_id=ADA, template="offer", reason="deal", deal_id=DEAL)
    assert given(ada).when(command).refused(NotOnRecord).noun == "deal"


@pytest.mark.parametrize("wrong", ["", "Dear Ada", "ada@fabrikam.com"])
def test_a_reason_is_a_code(wrong: Any) -> None:
    with pytest.raises(Invalid, match="reason"):
        RequestMessage(contact_id=ADA, template="thanks", reason=wrong)
