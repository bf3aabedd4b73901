"""When somebody asks for a demo, the owner of the lead follows up within a day, and is reminded if nobody did."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from crm_core.commands import AddTask
from crm_core.events import (
    CallLogged,
    DemoHeld,
    FormSubmitted,
    LeadAssigned,
    LeadConverted,
    LeadDisqualified,
    LeadQualified,
)
from crm_core.kernel.ids import LeadId, UserId
from crm_core.kernel.replacing import replace
from policies.engine.policy import Policy
from policies.engine.waits import Sleep, Wake, Woken

DEMO_REQUEST = "demo_request"
SALES_DESK = UserId("sales_desk")
TO_ASSIGN = timedelta(hours=4)
"""How long a lead that asked for a demo may be without an owner."""
TO_FOLLOW_UP = timedelta(days=1)
"""How long the owner has to get in touch."""

Touched: TypeAlias = DemoHeld | CallLogged | LeadQualified | LeadDisqualified | LeadConverted
"""Somebody has dealt with the lead: nothing is left to remind of."""
Follows: TypeAlias = FormSubmitted | LeadAssigned | Touched


@dataclass(frozen=True, slots=True)
class Watch:
    """`requests`: how many times the lead asked for a demo since anybody last dealt with it."""

    lead_id: LeadId | None = None
    owner: UserId | None = None
    requests: int = 0


def remember(watch: Watch, event: Follows, at: datetime) -> Watch:
    """Who owns the lead, and whether it waits for us."""
    match event:
        case FormSubmitted(form=form):
            return replace(watch, lead_id=event.lead_id, requests=watch.requests + (form == DEMO_REQUEST))
        case LeadAssigned(lead_id=lead_id, owner=owner):
            return replace(watch, lead_id=lead_id, owner=owner)
        case DemoHeld() | CallLogged() | LeadQualified() | LeadDisqualified() | LeadConverted():
            return replace(watch, requests=0)


def react(watch: Watch, event: Follows | Woken, at: datetime) -> Iterator[AddTask | Wake | Sleep]:
    """A second request while the first one waits starts nothing anew; a new owner is told."""
    match event:
        case FormSubmitted(form=form):
            if form == DEMO_REQUEST and watch.requests == 1:
                yield from _follow_up(watch, at) if watch.owner else [Wake(after=TO_ASSIGN, name="unassigned")]
        case LeadAssigned():
            if watch.requests:
                yield Sleep("unassigned")
                yield from _follow_up(watch, at)
        case DemoHeld() | CallLogged() | LeadQualified() | LeadDisqualified() | LeadConverted():
            yield Sleep("unassigned")
            yield Sleep("untouched")
        case Woken(name="unassigned"):
            yield AddTask(
                title="Assign the lead that asked for a demo", kind="todo", assignee=SALES_DESK, due=at,
                lead_id=watch.lead_id,
            )  # fmt: skip
        case Woken():
            yield AddTask(
                title="Nobody has been in touch since the demo was asked for", kind="reminder",
                assignee=watch.owner or SALES_DESK, due=at, lead_id=watch.lead_id,
            )  # fmt: skip


def _follow_up(watch: Watch, at: datetime) -> Iterator[AddTask | Wake]:
    yield AddTask(
        title="Follow up on the demo request", kind="follow_up", assignee=watch.owner or SALES_DESK,
        due=at + TO_FOLLOW_UP, lead_id=watch.lead_id,
    )  # fmt: skip
    yield Wake(after=TO_FOLLOW_UP, name="untouched")


follow_up_on_demo_request: Policy[Watch] = Policy(
    "follow_up_on_demo_request", key=lambda event: event.lead_id, initial=Watch(), evolve=remember, react=react
)
