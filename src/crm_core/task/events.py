"""What can happen to a task: promised, moved, handed on, done or given up."""

from typing import Literal, TypeAlias

from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, TaskId, TicketId, UserId
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import Personal, Public
from crm_core.kernel.time import Instant

TaskKind: TypeAlias = Literal["follow_up", "handoff", "call", "todo", "reminder"]


class TaskAdded(Event, type="task.added", says="{kind} task for {assignee}: {title}[, due {due}]"):
    """Somebody has to do something; `due` None: some day."""

    task_id: Public[TaskId]
    kind: Public[TaskKind]
    title: Personal[str]
    assignee: Public[UserId]
    due: Public[Instant | None] = None
    ticket_id: Public[TicketId | None] = None
    deal_id: Public[DealId | None] = None
    lead_id: Public[LeadId | None] = None
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None


class TaskAssigned(Event, type="task.assigned", says="task handed on to {assignee}"):
    """Somebody else has to do it."""

    task_id: Public[TaskId]
    assignee: Public[UserId]
    previous: Public[UserId | None]


class TaskRescheduled(Event, type="task.rescheduled", says="task moved[ from {previous}][ to {due}]"):
    """It has to be done by another time; None: some day."""

    task_id: Public[TaskId]
    due: Public[Instant | None]
    previous: Public[Instant | None]


class TaskCompleted(Event, type="task.completed", says="task done[: {outcome}]"):
    """It was done; `outcome` is what came of it."""

    task_id: Public[TaskId]
    outcome: Personal[str | None] = None


class TaskCancelled(Event, type="task.cancelled", says="task cancelled[: {reason}]"):
    """It need not be done any more."""

    task_id: Public[TaskId]
    reason: Personal[str | None] = None


TaskEvent: TypeAlias = TaskAdded | TaskAssigned | TaskRescheduled | TaskCompleted | TaskCancelled
