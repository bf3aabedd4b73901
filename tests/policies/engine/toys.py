"""Policies made to show what the engine does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_core import CRM
from crm_core.commands import AddTask, AssignLead, CaptureLead, DisqualifyLead
from crm_core.events import LeadAssigned, LeadDisqualified, LeadQualified, TaskAdded
from crm_core.following import Work
from crm_core.kernel.ids import LeadId, UserId
from policies import Policy, Sleep, Wake, Woken

DESK = UserId("desk")
QUIET = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """How often the lead was assigned, and how often its owner was reminded."""

    lead_id: LeadId | None = None
    assigned: int = 0


def remember(kept: Kept, event: LeadAssigned | LeadQualified, at: datetime) -> Kept:
    match event:
        case LeadAssigned(lead_id=lead_id):
            return replace(kept, lead_id=lead_id, assigned=kept.assigned + 1)
        case LeadQualified():
            return kept


def react(kept: Kept, event: LeadAssigned | LeadQualified | Woken, at: datetime) -> Iterator[AddTask | Wake | Sleep]:
    match event:
        case LeadAssigned(lead_id=lead_id):
            yield AddTask(title=f"assignment {kept.assigned}", assignee=DESK, kind="todo", lead_id=lead_id)
            yield Wake(after=QUIET, name="quiet")
        case LeadQualified():
            yield Sleep("quiet")
        case Woken():
            yield AddTask(
                title=f"quiet after {kept.assigned}", assignee=DESK, kind="reminder", due=at, lead_id=kept.lead_id
            )


class Crash(Exception):
    """The worker dies here."""


class Watching(Policy[Kept]):
    """On an assignment: a task, and a reminder after a quiet day. `crash` makes it die at the end of its work."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            "watch_when_assigned",
            key=lambda event: event.lead_id,
            initial=Kept(),
            evolve=remember,
            react=react,
            **options,
        )
        self.crash = False

    def fold(self, work: Work) -> None:
        super().fold(work)
        self._die()

    def wake(self, work: Work) -> int:
        fired = super().wake(work)
        self._die()
        return fired

    def _die(self) -> None:
        if self.crash:
            raise Crash


@dataclass(frozen=True, slots=True)
class Nothing:
    """Remembers nothing."""


def remember_nothing(nothing: Nothing, event: LeadAssigned, at: datetime) -> Nothing:
    return nothing


def answer_a_task(nothing: Nothing, event: TaskAdded, at: datetime) -> Iterator[AddTask]:
    yield AddTask(title="and another", assignee=DESK, lead_id=event.lead_id)


breed_on_task = Policy(
    "breed_on_task", key=lambda event: event.lead_id, initial=Nothing(), evolve=remember_nothing, react=answer_a_task
)


def give_up(nothing: Nothing, event: LeadQualified, at: datetime) -> Iterator[DisqualifyLead]:
    yield DisqualifyLead(lead_id=event.lead_id, reason="spam")


give_up_when_qualified = Policy(
    "give_up_when_qualified", key=lambda event: event.lead_id, initial=Nothing(), evolve=remember_nothing, react=give_up
)


@dataclass(frozen=True, slots=True)
class Lead:
    lead_id: LeadId | None = None


def remember_lead(lead: Lead, event: LeadAssigned | LeadDisqualified, at: datetime) -> Lead:
    return Lead(event.lead_id)


def nudge(lead: Lead, event: LeadAssigned | Woken, at: datetime) -> Iterator[AddTask | Wake | Sleep]:
    match event:
        case LeadAssigned():
            yield Wake(after=QUIET, name="first")
            yield Wake(after=QUIET, name="second")
            yield Wake(after=QUIET, name="third")
        case Woken(name="first"):
            yield AddTask(title="nudge", assignee=DESK, lead_id=lead.lead_id)
            yield Sleep("second")
            yield Wake(after=QUIET, name="third")
        case Woken(name=name):
            yield AddTask(title=name, assignee=DESK, lead_id=lead.lead_id)


nudge_when_assigned = Policy(
    "nudge_when_assigned", key=lambda event: event.lead_id, initial=Lead(), evolve=remember_lead, react=nudge
)


def assign(crm: CRM, owner: str = "kim", *, lead: UUID | None = None, **envelope: Any) -> LeadId:
    """Give a lead (a new one) to somebody."""
    envelope.setdefault("by", "kim")
    lead_id = LeadId(lead or crm.execute(CaptureLead(name="Ada", channel="form"), by="kim").id)
    crm.execute(AssignLead(lead_id=lead_id, owner=UserId(owner)), **envelope)
    return lead_id


def tasks(crm: CRM) -> list[str]:
    """The titles of the tasks on record, in order."""
    return [str(fact.event.title) for fact in crm.log(types=["task.added"])]  # type: ignore[attr-defined]
