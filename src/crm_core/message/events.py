"""Messages that somebody or some policy wants sent to a customer."""

from typing import Literal, TypeAlias

from crm_core.kernel.ids import AccountId, ContactId, DealId, MessageId, PurchaseId
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import Public

MessageChannel: TypeAlias = Literal["email", "sms", "push", "post"]


class MessageRequested(Event, type="message.requested", says="{template} to be sent by {channel}: {reason}"):
    """A customer is to be sent a message made from a template; whether it arrives is another fact."""

    message_id: Public[MessageId]
    contact_id: Public[ContactId]
    account_id: Public[AccountId | None] = None
    template: Public[str]
    channel: Public[MessageChannel]
    reason: Public[str]
    purchase_id: Public[PurchaseId | None] = None
    deal_id: Public[DealId | None] = None
