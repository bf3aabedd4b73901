"""Adding a task: it is about things on record, and appears with them."""

from collections.abc import Iterator

from crm_core.account.account import Account, require_account
from crm_core.contact.contact import Contact
from crm_core.deal.deal import Deal
from crm_core.interaction.regarding import regarding
from crm_core.kernel.refusals import require_new
from crm_core.lead.lead import Lead
from crm_core.task.commands import AddTask
from crm_core.task.events import TaskAdded
from crm_core.task.task import Task, tasks
from crm_core.ticket.ticket import Ticket


@tasks.decision
def add(
    task: Task, ticket: Ticket, deal: Deal, lead: Lead, contact: Contact, account: Account, command: AddTask
) -> Iterator[TaskAdded]:
    """A task is about things on record, or about nothing in particular."""
    require_new("task", command.task_id, task.status)
    require_account(account, command.account_id)
    about = regarding(ticket, deal, lead, contact, command)
    about["account_id"] = command.account_id or about["account_id"]
    yield TaskAdded(
        **about,
        task_id=command.task_id,
        kind=command.kind,
        title=command.title,
        assignee=command.assignee,
        due=command.due,
    )
