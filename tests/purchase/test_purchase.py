"""Purchases: recorded once, for a customer on record."""

from typing import Any

import pytest

from crm_core.commands import RecordPurchase
from crm_core.errors import Invalid, NotOnRecord, PersonIsForgotten
from crm_core.events import ContactLinkedToAccount
from crm_core.kernel.money import Money
from crm_core.testing import given
from tests.story import ADA, EUR90, FABRIKAM, PURCHASE, ada, bought, forgotten

buy = RecordPurchase(purchase_id=PURCHASE, contact_id=ADA, amount=EUR90, quantity=2)


def test_a_customer_buys_something() -> None:
    given(ada).when(buy).then(bought)


def test_a_purchase_counts_for_the_account_the_customer_works_for() -> None:
    linked = ContactLinkedToAccount(contact_id=ADA, account_id=FABRIKAM, role="employee")
    [event] = given(ada, linked).when(buy).events
    assert event.account_id == FABRIKAM


def test_something_may_cost_nothing() -> None:
    assert len(given(ada).when(RecordPurchase(contact_id=ADA, amount=Money(0, "USD"))).events) == 1


def test_a_shop_that_tells_us_twice_sells_once() -> None:
    given(ada, bought).when(buy).then_nothing()


def test_only_customers_on_record_buy() -> None:
    given().when(buy).refused(NotOnRecord)
    given(ada, forgotten).when(buy).refused(PersonIsForgotten)


@pytest.mark.parametrize("wrong", [0, -1, 1.0, "2", True, 2**31])
def test_a_quantity_is_a_whole_number_from_one(wrong: Any) -> None:
    with pytest.raises(Invalid, match="quantity"):
        RecordPurchase(contact_id=ADA, amount=EUR90, quantity=wrong)
