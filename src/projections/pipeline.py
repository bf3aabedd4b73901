"""The sales pipeline: one row per deal, with its stage, its amount and how likely it is to be won.

It shows nothing personal; who the deal is with is an id, and its title is in the directory.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeAlias

from crm_core.events import (
    DealAssigned,
    DealExpectedCloseChanged,
    DealLost,
    DealOpened,
    DealReopened,
    DealRevalued,
    DealStageChanged,
    DealWon,
)
from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, UserId
from crm_core.kernel.money import Money
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.replacing import replace
from projections.engine.projection import projection

Follows: TypeAlias = (
    DealOpened
    | DealAssigned
    | DealStageChanged
    | DealRevalued
    | DealExpectedCloseChanged
    | DealWon
    | DealLost
    | DealReopened
)


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A deal as it stands.

    `amount` is what we expect, once won what was signed. `probability` is in whole per cent, as it was
    when the deal entered its stage. `closed_on` and `loss_reason` are None for a deal that is open.
    """

    deal_id: DealId
    status: Literal["open", "won", "lost"]
    pipeline: str
    stage: str
    owner: UserId
    amount: Money
    probability: int
    in_stage_since: datetime
    opened_at: datetime
    contact_id: ContactId | None = None
    account_id: AccountId | None = None
    lead_id: LeadId | None = None
    expected_close: date | None = None
    closed_on: date | None = None
    loss_reason: str | None = None


@projection("pipeline", version=1, key=lambda event: event.deal_id)
def pipeline(row: PipelineRow | None, event: Follows, seen: Recorded) -> PipelineRow | None:
    """The deal after one more fact."""
    match event:
        case DealOpened():
            return PipelineRow(
                deal_id=event.deal_id,
                status="open",
                pipeline=event.pipeline,
                stage=event.stage,
                owner=event.owner,
                amount=event.amount,
                probability=event.probability,
                in_stage_since=seen.at,
                opened_at=seen.at,
                contact_id=event.contact_id,
                account_id=event.account_id,
                lead_id=event.lead_id,
                expected_close=event.expected_close,
            )
        case _ if row is None:
            return None
        case DealStageChanged(to_stage=stage, probability=probability):
            return replace(row, stage=stage, probability=probability, in_stage_since=seen.at)
        case DealRevalued(amount=amount):
            return replace(row, amount=amount)
        case DealAssigned(owner=owner):
            return replace(row, owner=owner)
        case DealExpectedCloseChanged(expected_close=expected_close):
            return replace(row, expected_close=expected_close)
        case DealWon(stage=stage, amount=amount, closed_on=day):
            return replace(
                row, status="won", stage=stage, amount=amount, probability=100, in_stage_since=seen.at, closed_on=day
            )
        case DealLost(stage=stage, closed_on=day, reason=reason):
            return replace(
                row,
                status="lost",
                stage=stage,
                probability=0,
                in_stage_since=seen.at,
                closed_on=day,
                loss_reason=reason,
            )
        case DealReopened(stage=stage, probability=probability):
            return replace(
                row,
                status="open",
                stage=stage,
                probability=probability,
                in_stage_since=seen.at,
                closed_on=None,
                loss_reason=None,
            )
