"""Tasks: promised, handed on, moved, done or given up."""

from typing import Any

import pytest

from crm_core.commands import AddTask, AssignTask, CancelTask, CompleteTask, RescheduleTask
from crm_core.errors import AlreadyOnRecord, Invalid, NotOnRecord, PersonIsForgotten, TaskNotOpen
from crm_core.events import TaskAdded, TaskAssigned, TaskCancelled, TaskCompleted, TaskRescheduled
from crm_core.kernel.messages import Command, Event
from crm_core.testing import given
from tests.story import (
    ADA,
    DEAL,
    FABRIKAM,
    KIM,
    LEAD,
    LEE,
    NINE,
    TASK,
    TICKET,
    ada,
    asked,
    captured,
    fabrikam,
    forgotten,
    opened,
    promised,
)

LATER = NINE.replace(hour=15)
done = TaskCompleted(task_id=TASK)
cancelled = TaskCancelled(task_id=TASK)
assign = AssignTask(task_id=TASK, assignee=LEE)
reschedule = RescheduleTask(task_id=TASK, due=LATER)
complete = CompleteTask(task_id=TASK)
cancel = CancelTask(task_id=TASK)
each = pytest.mark.parametrize("command", [assign, reschedule, complete, cancel], ids=lambda one: type(one).__name__)


def test_somebody_promises_to_call() -> None:
    add = AddTask(task_id=TASK, kind="call", title="Call Ada", assignee=KIM, due=NINE, contact_id=ADA)
    given(ada).when(add).then(promised)


def test_a_task_may_be_about_nothing_in_particular() -> None:
    given().when(AddTask(task_id=TASK, title="Order paper", assignee=KIM)).then(
        TaskAdded(task_id=TASK, kind="todo", title="Order paper", assignee=KIM)
    )


def test_a_task_about_a_deal_is_about_its_customer_too() -> None:
    add = AddTask(task_id=TASK, kind="follow_up", title="Send prices", assignee=KIM, deal_id=DEAL)
    given(opened).when(add).then(
        TaskAdded(
            task_id=TASK,
            kind="follow_up",
            title="Send prices",
            assignee=KIM,
            deal_id=DEAL,
            lead_id=LEAD,
            contact_id=ADA,
            account_id=FABRIKAM,
        )
    )


def test_a_task_about_an_account_only() -> None:
    add = AddTask(task_id=TASK, title="Check the invoice", assignee=KIM, account_id=FABRIKAM)
    [task] = given(fabrikam).when(add).events
    assert task.account_id == FABRIKAM
    given().when(add).refused(NotOnRecord)


@pytest.mark.parametrize(
    ("noun", "about"),
    [
        ("contact", {"contact_id": ADA}),
        ("lead", {"lead_id": LEAD}),
        ("deal", {"deal_id": DEAL}),
        ("ticket", {"ticket_id": TICKET}),
    ],
)
def test_a_task_is_about_things_on_record(noun: str, about: dict[str, Any]) -> None:
    command = AddTask(title="Call", assignee=KIM, **about)
    assert given().when(command).refused(NotOnRecord).noun == noun
    assert len(given(ada, captured, opened, asked).when(command).events) == 1


def test_no_task_is_about_a_forgotten_person() -> None:
    given(ada, forgotten).when(AddTask(title="Call", assignee=KIM, contact_id=ADA)).refused(PersonIsForgotten)


def test_no_task_is_added_twice() -> None:
    given(promised).when(AddTask(task_id=TASK, title="Call", assignee=KIM)).refused(AlreadyOnRecord)


def test_a_due_time_names_an_instant() -> None:
    with pytest.raises(Invalid, match="due"):
        AddTask(title="Call", assignee=KIM, due=NINE.replace(tzinfo=None))


def test_a_task_is_handed_on() -> None:
    given(promised).when(assign).then(TaskAssigned(task_id=TASK, assignee=LEE, previous=KIM))
    given(promised, TaskAssigned(task_id=TASK, assignee=LEE, previous=KIM)).when(assign).then_nothing()


def test_a_task_is_moved() -> None:
    given(promised).when(reschedule).then(TaskRescheduled(task_id=TASK, due=LATER, previous=NINE))
    given(promised).when(RescheduleTask(task_id=TASK, due=None)).then(
        TaskRescheduled(task_id=TASK, due=None, previous=NINE)
    )
    given(promised, TaskRescheduled(task_id=TASK, due=LATER, previous=NINE)).when(reschedule).then_nothing()


def test_a_task_is_done_with_an_outcome() -> None:
    given(promised).when(CompleteTask(task_id=TASK, outcome="Ada wants a demo")).then(
        TaskCompleted(task_id=TASK, outcome="Ada wants a demo")
    )


def test_a_task_is_given_up() -> None:
    given(promised).when(CancelTask(task_id=TASK, reason="Ada called us")).then(
        TaskCancelled(task_id=TASK, reason="Ada called us")
    )


@each
@pytest.mark.parametrize(("end", "status"), [(done, "completed"), (cancelled, "cancelled")], ids=["done", "cancelled"])
def test_what_is_over_is_over(command: Command, end: Event, status: str) -> None:
    refusal = given(promised, end).when(command).refused(TaskNotOpen)
    assert (refusal.task_id, refusal.status) == (TASK, status)


@each
def test_nothing_is_done_with_an_unknown_task(command: Command) -> None:
    given().when(command).refused(NotOnRecord)
