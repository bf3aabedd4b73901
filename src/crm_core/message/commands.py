"""What one may ask to be sent."""

from crm_core.kernel.fields import Key
from crm_core.kernel.ids import ContactId, DealId, MessageId, PurchaseId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Public
from crm_core.message.events import MessageChannel


class RequestMessage(Command):
    """Ask for a message to a customer; `reason` is a code such as `purchase_thanks`, not a text.

    Raises:
        AlreadyOnRecord: the message id is taken.
        NotOnRecord: no such contact, purchase or deal.
        PersonIsForgotten: the contact was forgotten.
    """

    message_id: Public[MessageId] = new()
    contact_id: Public[ContactId]
    template: Public[Key]
    reason: Public[Key]
    channel: Public[MessageChannel] = "email"
    purchase_id: Public[PurchaseId | None] = None
    deal_id: Public[DealId | None] = None
