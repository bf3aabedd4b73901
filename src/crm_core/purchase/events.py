"""What customers have bought."""

from crm_core.kernel.ids import AccountId, ContactId, PurchaseId
from crm_core.kernel.messages import Event
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Personal, Public


class PurchaseRecorded(Event, type="purchase.recorded", says="bought {quantity} for {amount}"):
    """A customer bought something; `amount` is for all of it, `quantity` how many units."""

    purchase_id: Public[PurchaseId]
    contact_id: Public[ContactId]
    account_id: Public[AccountId | None] = None
    amount: Public[Money]
    quantity: Public[int] = 1
    order_ref: Personal[str | None] = None
