"""A message request: made once, for a customer on record."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from crm_core.contact.contact import Contact, require_contact
from crm_core.deal.deal import Deal, require_deal
from crm_core.kernel.decider import Decider
from crm_core.kernel.ids import AccountId, ContactId, DealId, PurchaseId
from crm_core.kernel.refusals import require_known, require_new
from crm_core.message.commands import RequestMessage
from crm_core.message.events import MessageRequested
from crm_core.purchase.purchase import Purchase


@dataclass(frozen=True, slots=True)
class Message:
    """Whether it was requested, and for whom."""

    status: Literal["unknown", "requested"] = "unknown"
    contact_id: ContactId | None = None
    account_id: AccountId | None = None
    deal_id: DealId | None = None
    purchase_id: PurchaseId | None = None


def evolve(message: Message, event: MessageRequested) -> Message:
    """The message after one more fact."""
    return Message("requested", event.contact_id, event.account_id, event.deal_id, event.purchase_id)


messages: Decider[Message] = Decider("message", initial=Message(), evolve=evolve)


@messages.decision
def request(
    message: Message, contact: Contact, purchase: Purchase, deal: Deal, command: RequestMessage
) -> Iterator[MessageRequested]:
    """Nothing is sent to somebody we do not know or have forgotten."""
    require_new("message", command.message_id, message.status)
    require_contact(contact, command.contact_id)
    require_deal(deal, command.deal_id)
    if command.purchase_id is not None:
        require_known("purchase", command.purchase_id, purchase.status)
    yield MessageRequested(
        message_id=command.message_id,
        contact_id=command.contact_id,
        account_id=contact.account_id,
        template=command.template,
        channel=command.channel,
        reason=command.reason,
        purchase_id=command.purchase_id,
        deal_id=command.deal_id,
    )
