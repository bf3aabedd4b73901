"""What can happen to a ticket, from the customer's question to its last answer."""

from typing import Literal, TypeAlias

from crm_core.kernel.ids import AccountId, ContactId, TicketId, UserId
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import Personal, Public

TicketKind: TypeAlias = Literal["question", "complaint", "request", "incident", "problem"]
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]
TicketChannel: TypeAlias = Literal["email", "form", "phone", "chat", "social", "portal", "other"]
Author: TypeAlias = Literal["agent", "bot", "customer"]
Visibility: TypeAlias = Literal["public", "internal"]
WaitingFor: TypeAlias = Literal["customer", "third_party"]
ReopenReason: TypeAlias = Literal["customer_replied", "problem_came_back", "solved_by_mistake", "other"]


class TicketOpened(Event, type="ticket.opened", says="{kind} by {channel}: {subject}"):
    """A customer asked, complained or requested something, or somebody did for them."""

    ticket_id: Public[TicketId]
    contact_id: Public[ContactId]
    account_id: Public[AccountId | None] = None
    kind: Public[TicketKind]
    priority: Public[Priority]
    channel: Public[TicketChannel]
    subject: Personal[str]
    message: Personal[str]


class TicketAssigned(Event, type="ticket.assigned", says="ticket assigned to {assignee}"):
    """Somebody answers for the ticket from now on; a new ticket is thereby open."""

    ticket_id: Public[TicketId]
    assignee: Public[UserId]
    previous: Public[UserId | None] = None


class TicketReplied(Event, type="ticket.replied", says="{visibility} reply by {author}: {body}"):
    """Somebody wrote on the ticket: the customer, an agent or a bot; internal replies are not for the customer.

    A reply of an agent makes a new ticket open.
    """

    ticket_id: Public[TicketId]
    author: Public[Author]
    visibility: Public[Visibility]
    body: Personal[str]


class TicketPaused(Event, type="ticket.paused", says="waiting for {waiting_for}[: {note}]"):
    """Nothing can be done until the customer or a third party moves."""

    ticket_id: Public[TicketId]
    waiting_for: Public[WaitingFor]
    note: Personal[str | None] = None


class TicketResumed(Event, type="ticket.resumed", says="no longer waiting for {waited_for}"):
    """The ticket is ours to work on again."""

    ticket_id: Public[TicketId]
    waited_for: Public[WaitingFor]


class TicketSolved(Event, type="ticket.solved", says="solved: {resolution}"):
    """We believe the customer is helped; `solution` counts the times, from 1, and each stays on record."""

    ticket_id: Public[TicketId]
    solution: Public[int]
    resolution: Personal[str]


class TicketReopened(Event, type="ticket.reopened", says="reopened: {reason}[, {note}]"):
    """The customer was not helped after all."""

    ticket_id: Public[TicketId]
    reason: Public[ReopenReason]
    note: Personal[str | None] = None


class TicketClosed(Event, type="ticket.closed", says="closed for good"):
    """The ticket is final; what comes later is another ticket."""

    ticket_id: Public[TicketId]


TicketEvent: TypeAlias = (
    TicketOpened
    | TicketAssigned
    | TicketReplied
    | TicketPaused
    | TicketResumed
    | TicketSolved
    | TicketReopened
    | TicketClosed
)
