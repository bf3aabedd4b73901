"""What one may ask to be done with a task."""

from crm_core.kernel.fields import Line, Login, Text
from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, TaskId, TicketId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Private, Public
from crm_core.kernel.time import Instant
from crm_core.task.events import TaskKind


class AddTask(Command):
    """Promise that somebody does something, about a ticket, deal, lead or contact, or about none of them.

    Raises:
        AlreadyOnRecord: the task id is taken.
        NotOnRecord: what it is about is not on record.
        PersonIsForgotten: whom it is about was forgotten.
    """

    task_id: Public[TaskId] = new()
    title: Private[Line]
    assignee: Public[Login]
    kind: Public[TaskKind] = "todo"
    due: Public[Instant | None] = None
    ticket_id: Public[TicketId | None] = None
    deal_id: Public[DealId | None] = None
    lead_id: Public[LeadId | None] = None
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None


class AssignTask(Command):
    """Hand the task on; who has it already records nothing.

    Raises:
        NotOnRecord: no such task.
        TaskNotOpen: it is done or cancelled.
    """

    task_id: Public[TaskId]
    assignee: Public[Login]


class RescheduleTask(Command):
    """Move the time it is due, None: to some day; the same time records nothing.

    Raises:
        NotOnRecord: no such task.
        TaskNotOpen: it is done or cancelled.
    """

    task_id: Public[TaskId]
    due: Public[Instant | None]


class CompleteTask(Command):
    """Say that it is done, and what came of it.

    Raises:
        NotOnRecord: no such task.
        TaskNotOpen: it is done or cancelled.
    """

    task_id: Public[TaskId]
    outcome: Private[Text | None] = None


class CancelTask(Command):
    """Say that it need not be done.

    Raises:
        NotOnRecord: no such task.
        TaskNotOpen: it is done or cancelled.
    """

    task_id: Public[TaskId]
    reason: Private[Text | None] = None
