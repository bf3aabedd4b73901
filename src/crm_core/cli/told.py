"""What came of the story: how the deal, the tasks and the ticket stand, and what the policies did."""

from collections.abc import Iterable
from typing import Any

from crm_core.app import CRM
from crm_core.cli.story import Cast
from crm_core.events import (
    DealHandedOff,
    DealOpened,
    DealRevalued,
    DealStageChanged,
    DealWon,
    TaskAdded,
    TaskCompleted,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from crm_core.kernel.recorded import Recorded


def outcome(crm: CRM, cast: Cast) -> dict[str, Any]:
    """The story's things as they stand, folded from the customer's history."""
    facts = list(crm.history(cast.contact_id))
    return {
        "lead": {"id": cast.lead_id, "became": cast.contact_id},
        "contact": {"id": cast.contact_id},
        "account": {"id": cast.account_id},
        "deal": _deal(fact for fact in facts if fact.stream == cast.deal_id),
        "tasks": _tasks(facts),
        "ticket": _ticket(fact for fact in facts if fact.stream == cast.ticket_id),
        "purchase": {"id": cast.purchase_id},
    }


def automation(crm: CRM, cast: Cast) -> list[dict[str, Any]]:
    """Every fact about the customer that a policy recorded, and the fact that it answered."""
    facts = list(crm.history(cast.contact_id))
    known = {fact.id: fact for fact in facts}
    return [
        {
            "policy": fact.by.id,
            "position": fact.position,
            "at": fact.at,
            "type": fact.type,
            "says": str(fact),
            "because": _cause(known.get(fact.causation_id) if fact.causation_id else None),
        }
        for fact in facts
        if fact.by.kind == "policy"
    ]


def _cause(fact: Recorded | None) -> dict[str, Any] | None:
    return (
        None if fact is None else {"position": fact.position, "type": fact.type, "says": str(fact), "by": str(fact.by)}
    )


def _deal(facts: Iterable[Recorded]) -> dict[str, Any]:
    deal: dict[str, Any] = {}
    for fact in facts:
        match fact.event:
            case DealOpened() as event:
                deal |= {
                    "id": event.deal_id,
                    "title": event.title,
                    "status": "open",
                    "stage": event.stage,
                    "owner": event.owner,
                    "amount": event.amount,
                }
            case DealStageChanged(to_stage=stage):
                deal["stage"] = stage
            case DealRevalued(amount=amount):
                deal["amount"] = amount
            case DealWon(amount=amount, stage=stage, closed_on=day):
                deal |= {"status": "won", "amount": amount, "stage": stage, "closed_on": day}
            case DealHandedOff(to_team=team):
                deal["handed_off_to"] = team
            case _:
                pass
    return deal


def _tasks(facts: Iterable[Recorded]) -> list[dict[str, Any]]:
    tasks: dict[Any, dict[str, Any]] = {}
    for fact in facts:
        match fact.event:
            case TaskAdded() as event:
                tasks[event.task_id] = {
                    "id": event.task_id, "kind": event.kind, "title": event.title, "assignee": event.assignee,
                    "due": event.due, "status": "open", "by": str(fact.by),
                }  # fmt: skip
            case TaskCompleted(task_id=task, outcome=result):
                tasks[task] |= {"status": "done", "outcome": result}
            case _:
                pass
    return list(tasks.values())


def _ticket(facts: Iterable[Recorded]) -> dict[str, Any]:
    ticket: dict[str, Any] = {}
    for fact in facts:
        match fact.event:
            case TicketOpened() as event:
                ticket |= {
                    "id": event.ticket_id,
                    "subject": event.subject,
                    "status": "new",
                    "replies": 0,
                    "reopened": 0,
                    "solutions": 0,
                }
            case TicketReplied():
                ticket["replies"] += 1
            case TicketReopened():
                ticket |= {"status": "open", "reopened": ticket["reopened"] + 1}
            case TicketSolved(solution=number):
                ticket |= {"status": "solved", "solutions": number}
            case _:
                pass
    return ticket
