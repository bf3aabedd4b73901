"""Tickets: opened, answered, waited on, solved, reopened, closed for good."""

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from crm_core.commands import (
    AssignTicket,
    CloseTicket,
    OpenTicket,
    PauseTicket,
    ReopenTicket,
    ReplyToTicket,
    ResumeTicket,
    SolveTicket,
)
from crm_core.errors import (
    AlreadyOnRecord,
    Invalid,
    NotOnRecord,
    PersonIsForgotten,
    Refused,
    TicketIsClosed,
    TicketIsSolved,
    TicketNotSolved,
)
from crm_core.events import (
    ContactLinkedToAccount,
    TicketAssigned,
    TicketClosed,
    TicketOpened,
    TicketPaused,
    TicketReopened,
    TicketReplied,
    TicketResumed,
    TicketSolved,
)
from crm_core.kernel.messages import Command, Event
from crm_core.testing import given
from crm_core.ticket.ticket import Ticket, tickets
from tests.story import ADA, FABRIKAM, KIM, LEE, TICKET, ada, asked, fabrikam, forgotten

linked = ContactLinkedToAccount(contact_id=ADA, account_id=FABRIKAM, role="employee")
taken = TicketAssigned(ticket_id=TICKET, assignee=KIM)
answered = TicketReplied(ticket_id=TICKET, author="agent", visibility="public", body="Press Export.")
waits = TicketPaused(ticket_id=TICKET, waiting_for="customer")
waits_for_vendor = TicketPaused(ticket_id=TICKET, waiting_for="third_party")
solved = TicketSolved(ticket_id=TICKET, solution=1, resolution="Export is in the menu.")
replied = TicketReplied(ticket_id=TICKET, author="customer", visibility="public", body="It fails.")
reopened = TicketReopened(ticket_id=TICKET, reason="customer_replied")
closed = TicketClosed(ticket_id=TICKET)

open_it = OpenTicket(
    ticket_id=TICKET, contact_id=ADA, account_id=FABRIKAM, subject="Export", message="How do I export my data?"
)
assign = AssignTicket(ticket_id=TICKET, assignee=KIM)
answer = ReplyToTicket(ticket_id=TICKET, body="Press Export.")
remark = ReplyToTicket(ticket_id=TICKET, body="Same bug as last week.", visibility="internal")
bot = ReplyToTicket(ticket_id=TICKET, body="We got your mail.", author="bot")
customer = ReplyToTicket(ticket_id=TICKET, body="It fails.", author="customer")
pause = PauseTicket(ticket_id=TICKET, waiting_for="customer")
resume = ResumeTicket(ticket_id=TICKET)
solve = SolveTicket(ticket_id=TICKET, resolution="Export is in the menu.")
reopen = ReopenTicket(ticket_id=TICKET, reason="problem_came_back")
close = CloseTicket(ticket_id=TICKET)


def named(command: Command) -> str:
    return type(command).__name__


def status(*events: Event) -> str:
    ticket: Ticket = given(*events).state(tickets.fold, TICKET)
    return ticket.status


def test_a_customer_opens_a_ticket() -> None:
    given(ada, fabrikam).when(open_it).then(asked)


def test_a_ticket_belongs_to_the_account_the_customer_works_for() -> None:
    given(ada, fabrikam, linked).when(open_it.model_copy(update={"account_id": None})).then(asked)


def test_a_ticket_is_a_customers_on_record() -> None:
    given().when(open_it).refused(NotOnRecord)
    assert given(ada).when(open_it).refused(NotOnRecord).noun == "account"
    given(ada, fabrikam, forgotten).when(open_it).refused(PersonIsForgotten)


def test_no_ticket_is_opened_twice() -> None:
    given(ada, fabrikam, asked).when(open_it).refused(AlreadyOnRecord)


def test_somebody_answers_for_a_ticket() -> None:
    given(asked).when(assign).then(taken)
    given(asked, taken).when(assign).then_nothing()
    given(asked, taken).when(AssignTicket(ticket_id=TICKET, assignee=LEE)).then(
        TicketAssigned(ticket_id=TICKET, assignee=LEE, previous=KIM)
    )


def test_a_ticket_is_new_until_somebody_takes_it_up() -> None:
    assert status(asked) == "new"
    assert status(asked, taken) == "open"
    assert status(asked, answered) == "open"
    assert status(asked, replied) == "new"
    assert status(asked, TicketReplied(ticket_id=TICKET, author="bot", visibility="public", body="Hi")) == "new"
    assert status(asked, solved, answered) == "solved"


@pytest.mark.parametrize("command", [answer, remark, bot, customer], ids=["answer", "remark", "bot", "customer"])
def test_everybody_writes_on_an_open_ticket(command: ReplyToTicket) -> None:
    given(asked).when(command).then(
        TicketReplied(ticket_id=TICKET, author=command.author, visibility=command.visibility, body=command.body)
    )


def test_what_a_customer_writes_is_not_internal() -> None:
    with pytest.raises(Invalid, match="public"):
        ReplyToTicket(ticket_id=TICKET, body="It fails.", author="customer", visibility="internal")


def test_a_customers_reply_reopens_a_solved_ticket() -> None:
    given(asked, solved).when(customer).then(replied, reopened)


@pytest.mark.parametrize("command", [answer, remark, bot], ids=["answer", "remark", "bot"])
def test_our_own_replies_reopen_nothing(command: Command) -> None:
    assert len(given(asked, solved).when(command).events) == 1


def test_a_customers_reply_ends_the_wait_for_the_customer() -> None:
    given(asked, waits).when(customer).then(replied, TicketResumed(ticket_id=TICKET, waited_for="customer"))
    given(asked, waits_for_vendor).when(customer).then(replied)


def test_both_solutions_stay_on_record() -> None:
    given(asked, solved, reopened).when(SolveTicket(ticket_id=TICKET, resolution="Fixed in 2.1.")).then(
        TicketSolved(ticket_id=TICKET, solution=2, resolution="Fixed in 2.1.")
    )


def test_a_ticket_waits_for_the_customer_or_somebody_else() -> None:
    given(asked).when(pause).then(waits)
    given(asked, waits).when(pause).then_nothing()
    given(asked, waits).when(PauseTicket(ticket_id=TICKET, waiting_for="third_party", note="Vendor")).then(
        TicketPaused(ticket_id=TICKET, waiting_for="third_party", note="Vendor")
    )


def test_waiting_ends() -> None:
    given(asked, waits).when(resume).then(TicketResumed(ticket_id=TICKET, waited_for="customer"))
    given(asked, waits_for_vendor).when(resume).then(TicketResumed(ticket_id=TICKET, waited_for="third_party"))
    given(asked).when(resume).then_nothing()


def test_a_ticket_is_solved() -> None:
    given(asked, taken).when(solve).then(solved)


@pytest.mark.parametrize("command", [pause, resume, solve], ids=named)
def test_a_solved_ticket_is_reopened_before_it_is_worked_on(command: Command) -> None:
    assert given(asked, solved).when(command).refused(TicketIsSolved).ticket_id == TICKET


def test_a_solved_ticket_is_reopened_for_a_reason() -> None:
    given(asked, solved).when(ReopenTicket(ticket_id=TICKET, reason="problem_came_back", note="Again")).then(
        TicketReopened(ticket_id=TICKET, reason="problem_came_back", note="Again")
    )


@pytest.mark.parametrize("command", [reopen, close], ids=named)
def test_only_a_solved_ticket_is_reopened_or_closed(command: Command) -> None:
    refusal = given(asked, taken).when(command).refused(TicketNotSolved)
    assert (refusal.ticket_id, refusal.status) == (TICKET, "open")


def test_a_solved_ticket_is_closed_for_good() -> None:
    given(asked, solved).when(close).then(closed)
    given(asked, solved, closed).when(close).then_nothing()


@pytest.mark.parametrize(
    "command", [assign, answer, customer, pause, resume, solve, reopen], ids=lambda one: f"{named(one)}"
)
def test_a_closed_ticket_is_final(command: Command) -> None:
    assert given(asked, solved, closed).when(command).refused(TicketIsClosed).ticket_id == TICKET


@pytest.mark.parametrize("command", [assign, answer, pause, resume, solve, reopen, close], ids=named)
def test_nothing_is_done_with_an_unknown_ticket(command: Command) -> None:
    given().when(command).refused(NotOnRecord)


NEXT = {
    "unknown": {"new"},
    "new": {"open", "waiting_customer", "waiting_third_party", "solved"},
    "open": {"waiting_customer", "waiting_third_party", "solved"},
    "waiting_customer": {"open", "waiting_third_party", "solved"},
    "waiting_third_party": {"open", "waiting_customer", "solved"},
    "solved": {"open", "closed"},
    "closed": set(),
}
wishes = st.lists(
    st.sampled_from(
        [
            open_it,
            assign,
            answer,
            remark,
            bot,
            customer,
            pause,
            PauseTicket(ticket_id=TICKET, waiting_for="third_party"),
            resume,
            solve,
            reopen,
            close,
        ]
    ),
    max_size=30,
)


@over(wishes)
def test_whatever_is_asked_a_ticket_goes_only_where_tickets_go(commands: list[Command]) -> None:
    history: list[Event] = [ada, fabrikam]
    for command in commands:
        before = status(*history)
        outcome = given(*history).when(command)
        assert outcome.refusal is None or isinstance(outcome.refusal, Refused)
        history += outcome.events
        after = status(*history)
        assert after == before or after in NEXT[before]
        assert before != "closed" or not outcome.events
    assert sum(isinstance(event, TicketOpened) for event in history) <= 1
    solutions = [event.solution for event in history if isinstance(event, TicketSolved)]
    reopenings = sum(isinstance(event, TicketReopened) for event in history)
    assert solutions == list(range(1, len(solutions) + 1))
    assert len(solutions) - reopenings in (0, 1)
