"""A task: who has to do it by when, and the decisions until it is done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from crm_core.kernel.decider import Decider
from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, TicketId, UserId
from crm_core.kernel.refusals import require_known
from crm_core.kernel.replacing import replace
from crm_core.task.commands import AssignTask, CancelTask, CompleteTask, RescheduleTask
from crm_core.task.errors import TaskNotOpen
from crm_core.task.events import (
    TaskAdded,
    TaskAssigned,
    TaskCancelled,
    TaskCompleted,
    TaskEvent,
    TaskRescheduled,
)


@dataclass(frozen=True, slots=True)
class Task:
    """Who has to do it, by when, and what it is about; not what it says."""

    status: Literal["unknown", "open", "completed", "cancelled"] = "unknown"
    assignee: UserId | None = None
    due: datetime | None = None
    ticket_id: TicketId | None = None
    deal_id: DealId | None = None
    lead_id: LeadId | None = None
    contact_id: ContactId | None = None
    account_id: AccountId | None = None


def evolve(task: Task, event: TaskEvent) -> Task:
    """The task after one more fact."""
    match event:
        case TaskAdded():
            return Task(
                status="open",
                assignee=event.assignee,
                due=event.due,
                ticket_id=event.ticket_id,
                deal_id=event.deal_id,
                lead_id=event.lead_id,
                contact_id=event.contact_id,
                account_id=event.account_id,
            )
        case TaskAssigned(assignee=assignee):
            return replace(task, assignee=assignee)
        case TaskRescheduled(due=due):
            return replace(task, due=due)
        case TaskCompleted():
            return replace(task, status="completed")
        case TaskCancelled():
            return replace(task, status="cancelled")


tasks: Decider[Task] = Decider("task", initial=Task(), evolve=evolve)


def require_open(task: Task, task_id: UUID) -> None:
    """The task must be on record and still to be done.

    Raises:
        NotOnRecord: no such task.
        TaskNotOpen: it is done or cancelled.
    """
    require_known("task", task_id, task.status)
    if task.status != "open":
        raise TaskNotOpen(task_id, task.status)


@tasks.decision
def assign(task: Task, command: AssignTask) -> Iterator[TaskAssigned]:
    """Who has it already is not news."""
    require_open(task, command.task_id)
    if command.assignee != task.assignee:
        yield TaskAssigned(task_id=command.task_id, assignee=command.assignee, previous=task.assignee)


@tasks.decision
def reschedule(task: Task, command: RescheduleTask) -> Iterator[TaskRescheduled]:
    """The time it is due already is not news."""
    require_open(task, command.task_id)
    if command.due != task.due:
        yield TaskRescheduled(task_id=command.task_id, due=command.due, previous=task.due)


@tasks.decision
def complete(task: Task, command: CompleteTask) -> Iterator[TaskCompleted]:
    """A task is done once."""
    require_open(task, command.task_id)
    yield TaskCompleted(task_id=command.task_id, outcome=command.outcome)


@tasks.decision
def cancel(task: Task, command: CancelTask) -> Iterator[TaskCancelled]:
    """What is done cannot be cancelled."""
    require_open(task, command.task_id)
    yield TaskCancelled(task_id=command.task_id, reason=command.reason)
