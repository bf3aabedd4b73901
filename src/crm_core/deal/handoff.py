"""Handoff: a won deal goes to the team that serves the customer from now on."""

from collections.abc import Iterator

from crm_core.deal.commands import HandOffDeal
from crm_core.deal.deal import Deal, deals, require_deal
from crm_core.deal.errors import AlreadyHandedOff, DealNotWon
from crm_core.deal.events import DealHandedOff
from crm_core.kernel.refusals import require_new
from crm_core.task.events import TaskAdded
from crm_core.task.task import Task


@deals.decision
def hand_off(deal: Deal, task: Task, command: HandOffDeal) -> Iterator[DealHandedOff | TaskAdded]:
    """Only what is won is handed off, to each team once, and never without somebody who has to act."""
    require_deal(deal, command.deal_id)
    if deal.status != "won":
        raise DealNotWon(command.deal_id, deal.status)
    if command.to_team in deal.handed_to:
        raise AlreadyHandedOff(command.deal_id, command.to_team)
    require_new("task", command.task_id, task.status)
    yield DealHandedOff(
        deal_id=command.deal_id, to_team=command.to_team, assignee=command.assignee, task_id=command.task_id
    )
    yield TaskAdded(
        task_id=command.task_id,
        kind="handoff",
        title=command.title,
        assignee=command.assignee,
        due=command.due,
        deal_id=command.deal_id,
        contact_id=deal.contact_id,
        account_id=deal.account_id,
        lead_id=deal.lead_id,
    )
