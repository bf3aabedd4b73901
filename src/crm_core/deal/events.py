"""What can happen to a deal, from opening to won or lost, and the handoff after."""

from datetime import date
from typing import Literal, TypeAlias

from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, TaskId, TeamId, UserId
from crm_core.kernel.messages import Event
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Personal, Public

LossReason: TypeAlias = Literal["price", "competitor", "no_decision", "no_budget", "no_fit", "timing", "other"]


class DealOpened(Event, type="deal.opened", says="opened {title} for {amount} in {stage}"):
    """We are pursuing a sale; `probability` is the stage's, in whole per cent, as it was then."""

    deal_id: Public[DealId]
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None
    lead_id: Public[LeadId | None] = None
    title: Personal[str]
    amount: Public[Money]
    pipeline: Public[str]
    stage: Public[str]
    probability: Public[int]
    owner: Public[UserId]
    expected_close: Public[date | None] = None


class DealAssigned(Event, type="deal.assigned", says="deal assigned to {owner}"):
    """Somebody else owns the deal from now on."""

    deal_id: Public[DealId]
    owner: Public[UserId]
    previous: Public[UserId | None]


class DealStageChanged(Event, type="deal.stage_changed", says="moved from {from_stage} to {to_stage}"):
    """The deal entered another stage; `probability` is that stage's, in whole per cent, as it was then."""

    deal_id: Public[DealId]
    from_stage: Public[str]
    to_stage: Public[str]
    probability: Public[int]


class DealRevalued(Event, type="deal.revalued", says="revalued from {previous} to {amount}"):
    """We expect another amount than before."""

    deal_id: Public[DealId]
    amount: Public[Money]
    previous: Public[Money]


class DealExpectedCloseChanged(
    Event, type="deal.expected_close_changed", says="expected close moved[ from {previous}][ to {expected_close}]"
):
    """The day we expect an answer was pushed out or pulled in; None: no day."""

    deal_id: Public[DealId]
    expected_close: Public[date | None]
    previous: Public[date | None]


class DealWon(Event, type="deal.won", says="won for {amount}"):
    """The customer said yes; `amount` is what was signed, not what was hoped for.

    `stage` is the pipeline's won stage, `from_stage` the last open one. `closed_on` is the day of the signature.
    """

    deal_id: Public[DealId]
    amount: Public[Money]
    closed_on: Public[date]
    stage: Public[str]
    from_stage: Public[str]


class DealLost(Event, type="deal.lost", says="lost: {reason}[ to {competitor}]"):
    """The customer said no, or nothing any more.

    `stage` is the pipeline's lost stage, `from_stage` the last open one. `competitor` is who got it, if known.
    """

    deal_id: Public[DealId]
    reason: Public[LossReason]
    competitor: Public[str | None] = None
    note: Personal[str | None] = None
    closed_on: Public[date]
    stage: Public[str]
    from_stage: Public[str]


class DealReopened(Event, type="deal.reopened", says="reopened into {stage}[: {reason}]"):
    """A closed deal is pursued again; how it was closed before stays on record."""

    deal_id: Public[DealId]
    stage: Public[str]
    from_stage: Public[str]
    probability: Public[int]
    reason: Personal[str | None] = None


class DealHandedOff(Event, type="deal.handed_off", says="handed off to {to_team}, {assignee}"):
    """Another team takes the won customer over; `task_id` is what it has to do first."""

    deal_id: Public[DealId]
    to_team: Public[TeamId]
    assignee: Public[UserId]
    task_id: Public[TaskId]


DealEvent: TypeAlias = (
    DealOpened
    | DealAssigned
    | DealStageChanged
    | DealRevalued
    | DealExpectedCloseChanged
    | DealWon
    | DealLost
    | DealReopened
    | DealHandedOff
)
