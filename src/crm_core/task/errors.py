"""Why something cannot be done with a task."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class TaskNotOpen(Refused):
    """The task is done or cancelled already."""

    def __init__(self, task_id: UUID, status: str) -> None:
        self.task_id = task_id
        self.status = status
        super().__init__(f"task {task_id} is {status}, not open")
