"""Why something cannot be done with a task."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class TaskNotOpen(Refused):
    """The task is done or cancelled already.

    When: a task is to be handed on, moved, completed or cancelled that is no longer open.
    Do: nothing, or add another one (`AddTask`).

    Attributes:
        task_id: the task.
        status: `done` or `cancelled`.
    """

    def __init__(self, task_id: UUID, status: str) -> None:
        self.task_id = task_id
        self.status = status
        super().__init__(f"task {task_id} is {status}, not open")
