"""A customer buys something: they are thanked, and only once."""

from datetime import timedelta

from crm_core.commands import RequestMessage
from crm_core.events import PurchaseRecorded
from crm_core.kernel.ids import PurchaseId, derived
from crm_core.kernel.recorded import Recorded
from policies import thank_on_purchase
from policies.testing import START, tell
from tests.story import ADA, EUR90, PURCHASE, bought

again = PurchaseRecorded(purchase_id=PurchaseId(derived(PURCHASE, 2)), contact_id=ADA, amount=EUR90)


def test_a_customer_is_thanked_for_what_they_bought() -> None:
    assert tell(thank_on_purchase, bought) == [
        RequestMessage(contact_id=ADA, template="thank_you", reason="purchase_thanks", purchase_id=PURCHASE)
    ]


def test_each_purchase_is_thanked_for() -> None:
    assert len(tell(thank_on_purchase, bought, timedelta(minutes=1), again)) == 2


def test_the_same_purchase_is_thanked_for_once() -> None:
    assert len(tell(thank_on_purchase, bought, timedelta(days=1), bought)) == 1


def test_nobody_is_thanked_for_what_was_bought_before_we_knew() -> None:
    imported = Recorded.of(bought, at=START, by="import:shop")
    late = Recorded.of(again, at=START - timedelta(days=2), recorded_at=START)
    assert tell(thank_on_purchase, imported, late) == []
