"""What one may ask to be recorded about purchases."""

from crm_core.kernel.fields import Amount, Count, Line
from crm_core.kernel.ids import ContactId, PurchaseId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Private, Public


class RecordPurchase(Command):
    """Record that a customer bought something; a purchase id on record records nothing.

    Raises:
        NotOnRecord: no such contact.
        PersonIsForgotten: the contact was forgotten.
    """

    purchase_id: Public[PurchaseId] = new()
    contact_id: Public[ContactId]
    amount: Public[Amount]
    quantity: Public[Count] = 1
    order_ref: Private[Line | None] = None
