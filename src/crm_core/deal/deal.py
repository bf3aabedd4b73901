"""A deal: where it stands in its pipeline, and the decisions from opening to won or lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from crm_core.account.account import Account, require_account
from crm_core.contact.contact import Contact, require_contact
from crm_core.deal.commands import (
    AssignDeal,
    LoseDeal,
    MoveDeal,
    OpenDeal,
    PushDealClose,
    ReopenDeal,
    ReviseDealAmount,
    WinDeal,
)
from crm_core.deal.errors import DealNotClosed, DealNotOpen
from crm_core.deal.events import (
    DealAssigned,
    DealEvent,
    DealExpectedCloseChanged,
    DealHandedOff,
    DealLost,
    DealOpened,
    DealReopened,
    DealRevalued,
    DealStageChanged,
    DealWon,
)
from crm_core.definitions.pipelines import Pipelines
from crm_core.kernel.decider import Decider
from crm_core.kernel.ids import AccountId, ContactId, LeadId, TeamId, UserId
from crm_core.kernel.money import Money
from crm_core.kernel.refusals import require_known, require_new
from crm_core.kernel.replacing import replace
from crm_core.lead.lead import Lead, require_lead

_NOTHING = Money(0, "XXX")


@dataclass(frozen=True, slots=True)
class Deal:
    """Only what the decisions need: for display, write a projection.

    `stage` is the last open stage, also of a closed deal.
    """

    status: Literal["unknown", "open", "won", "lost"] = "unknown"
    pipeline: str = ""
    stage: str = ""
    amount: Money = _NOTHING
    owner: UserId | None = None
    expected_close: date | None = None
    handed_to: frozenset[TeamId] = frozenset()
    contact_id: ContactId | None = None
    account_id: AccountId | None = None
    lead_id: LeadId | None = None


def evolve(deal: Deal, event: DealEvent) -> Deal:
    """The deal after one more fact."""
    match event:
        case DealOpened():
            return Deal(
                status="open",
                pipeline=event.pipeline,
                stage=event.stage,
                amount=event.amount,
                owner=event.owner,
                expected_close=event.expected_close,
                contact_id=event.contact_id,
                account_id=event.account_id,
                lead_id=event.lead_id,
            )
        case DealAssigned(owner=owner):
            return replace(deal, owner=owner)
        case DealStageChanged(to_stage=stage):
            return replace(deal, stage=stage)
        case DealRevalued(amount=amount):
            return replace(deal, amount=amount)
        case DealExpectedCloseChanged(expected_close=expected_close):
            return replace(deal, expected_close=expected_close)
        case DealWon(amount=amount):
            return replace(deal, status="won", amount=amount)
        case DealLost():
            return replace(deal, status="lost")
        case DealReopened(stage=stage):
            return replace(deal, status="open", stage=stage, handed_to=frozenset())
        case DealHandedOff(to_team=team):
            return replace(deal, handed_to=deal.handed_to | {team})


deals: Decider[Deal] = Decider("deal", initial=Deal(), evolve=evolve)


def require_deal(deal: Deal, deal_id: UUID | None) -> None:
    """A deal that a command names must be on record; naming none is fine.

    Raises:
        NotOnRecord: no such deal.
    """
    if deal_id is not None:
        require_known("deal", deal_id, deal.status)


def require_open(deal: Deal, deal_id: UUID) -> None:
    """The deal must be on record and still open.

    Raises:
        NotOnRecord: no such deal.
        DealNotOpen: it is won or lost.
    """
    require_deal(deal, deal_id)
    if deal.status != "open":
        raise DealNotOpen(deal_id, deal.status)


@deals.decision
def open_deal(
    deal: Deal, contact: Contact, account: Account, lead: Lead, pipelines: Pipelines, command: OpenDeal
) -> Iterator[DealOpened]:
    """A deal of a contact belongs to the account that the contact works for, unless another is named."""
    require_new("deal", command.deal_id, deal.status)
    require_contact(contact, command.contact_id)
    require_account(account, command.account_id)
    require_lead(lead, command.lead_id)
    stage = pipelines.starting_stage(command.pipeline, command.stage)
    yield DealOpened(
        deal_id=command.deal_id,
        contact_id=command.contact_id or lead.contact_id,
        account_id=command.account_id or contact.account_id or lead.account_id,
        lead_id=command.lead_id,
        title=command.title,
        amount=command.amount,
        pipeline=command.pipeline,
        stage=stage.key,
        probability=stage.probability,
        owner=command.owner,
        expected_close=command.expected_close,
    )


@deals.decision
def assign(deal: Deal, command: AssignDeal) -> Iterator[DealAssigned]:
    """A closed deal still has an owner, so it can change hands too."""
    require_deal(deal, command.deal_id)
    if command.owner != deal.owner:
        yield DealAssigned(deal_id=command.deal_id, owner=command.owner, previous=deal.owner)


@deals.decision
def move(deal: Deal, pipelines: Pipelines, command: MoveDeal) -> Iterator[DealStageChanged]:
    """Moving to the current stage is not news: nothing is recorded."""
    require_open(deal, command.deal_id)
    if command.stage != deal.stage:
        stage = pipelines.open_stage(deal.pipeline, command.stage)
        yield DealStageChanged(
            deal_id=command.deal_id, from_stage=deal.stage, to_stage=stage.key, probability=stage.probability
        )


@deals.decision
def revise_amount(deal: Deal, command: ReviseDealAmount) -> Iterator[DealRevalued]:
    """The amount expected already is not news."""
    require_open(deal, command.deal_id)
    if command.amount != deal.amount:
        yield DealRevalued(deal_id=command.deal_id, amount=command.amount, previous=deal.amount)


@deals.decision
def push_close(deal: Deal, command: PushDealClose) -> Iterator[DealExpectedCloseChanged]:
    """The day expected already is not news."""
    require_open(deal, command.deal_id)
    if command.expected_close != deal.expected_close:
        yield DealExpectedCloseChanged(
            deal_id=command.deal_id, expected_close=command.expected_close, previous=deal.expected_close
        )


@deals.decision
def win(deal: Deal, pipelines: Pipelines, command: WinDeal) -> Iterator[DealWon]:
    """Status and stage never diverge: winning is the only way into the won stage."""
    require_open(deal, command.deal_id)
    yield DealWon(
        deal_id=command.deal_id,
        amount=command.amount or deal.amount,
        closed_on=command.closed_on,
        stage=pipelines.first(deal.pipeline, "won").key,
        from_stage=deal.stage,
    )


@deals.decision
def lose(deal: Deal, pipelines: Pipelines, command: LoseDeal) -> Iterator[DealLost]:
    """A deal is lost for a reason, and from a stage."""
    require_open(deal, command.deal_id)
    yield DealLost(
        deal_id=command.deal_id,
        reason=command.reason,
        competitor=command.competitor,
        note=command.note,
        closed_on=command.closed_on,
        stage=pipelines.first(deal.pipeline, "lost").key,
        from_stage=deal.stage,
    )


@deals.decision
def reopen(deal: Deal, pipelines: Pipelines, command: ReopenDeal) -> Iterator[DealReopened]:
    """A deal goes on where it stood, unless told otherwise."""
    require_deal(deal, command.deal_id)
    if deal.status == "open":
        raise DealNotClosed(command.deal_id)
    stage = pipelines.open_stage(deal.pipeline, command.stage or deal.stage)
    yield DealReopened(
        deal_id=command.deal_id,
        stage=stage.key,
        from_stage=pipelines.first(deal.pipeline, "won" if deal.status == "won" else "lost").key,
        probability=stage.probability,
        reason=command.reason,
    )
