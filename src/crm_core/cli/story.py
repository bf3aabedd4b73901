"""A software company's customer, from a demo asked for to a second purchase; told in commands, nothing else."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from crm_core.app import CRM
from crm_core.commands import (
    AddAccount,
    AssignLead,
    AssignTicket,
    Command,
    CompleteTask,
    ConvertLead,
    HandOffDeal,
    HoldDemo,
    LogCall,
    LoseDeal,
    MoveDeal,
    OpenDeal,
    OpenTicket,
    QualifyLead,
    RecordPurchase,
    ReplyToTicket,
    ReviseDealAmount,
    SolveTicket,
    SubmitForm,
    SwitchOnPolicy,
    WinDeal,
)
from crm_core.events import TaskAdded
from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, PurchaseId, TaskId, TicketId, derived
from crm_core.kernel.money import Money
from crm_core.kernel.recorded import Receipt
from crm_core.kernel.time import ManualClock

STORY = UUID("57072000-0000-4000-8000-000000000000")
"""The ids of every command of the story follow from this one and the name of its step."""
BEGINS = datetime(2024, 3, 4, 8, 0, tzinfo=UTC)
"""A Monday."""
ENDS = datetime(2024, 3, 26, 8, 0, tzinfo=UTC)
POLICIES = ("follow_up_on_demo_request", "thank_on_purchase")
FIRST = derived(STORY, f"switch on {POLICIES[0]}")
"""The first command of the story: a log that begins with it is a demo's."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Whom and what the story is about."""

    lead_id: LeadId
    contact_id: ContactId
    account_id: AccountId
    deal_id: DealId
    ticket_id: TicketId
    purchase_id: PurchaseId


@dataclass(slots=True)
class Teller:
    """Carries out one step after the other, each at its own time, under an id of its own."""

    crm: CRM
    clock: ManualClock
    steps: set[str] = field(default_factory=set)

    def do(self, step: str, when: str, command: Command, *, by: str, at: str | None = None, **envelope: Any) -> Receipt:
        """One step, recorded `when` (day and time of March 2024) and, where that differs, happened `at`."""
        if step in self.steps:
            raise ValueError(step)
        self.steps.add(step)
        recorded = _march(when)
        self.clock.set(recorded)
        return self.crm.execute(
            command, by=by, at=_march(at) if at else recorded, command_id=derived(STORY, step), **envelope
        )

    def let_policies_act(self, when: str) -> None:
        """Policies that are switched on answer what has happened so far."""
        self.clock.set(_march(when))
        self.crm.settle(policies=True)


def tell(crm: CRM, clock: ManualClock) -> Cast:
    """The whole story; telling it again changes nothing."""
    teller = Teller(crm, clock)
    for policy in POLICIES:
        teller.do(f"switch on {policy}", "04 08:30", SwitchOnPolicy(policy=policy), by="olga")
    *_, pico = _others(teller)
    lead = _a_demo_is_asked_for(teller)
    contact, account, deal = _a_demo_is_held(teller, lead)
    _a_deal_is_won(teller, deal)
    ticket = _a_ticket_is_solved_twice(teller, contact)
    lost = LoseDeal(deal_id=pico, closed_on=date(2024, 3, 22), reason="price")
    teller.do("lost", "22 17:00", lost, by="ravi")
    bought = teller.do(
        "purchase", "25 13:20",
        RecordPurchase(contact_id=contact, amount=Money("1200", "EUR"), quantity=10, order_ref="SO-1042"),
        by="integration:shop",
    )  # fmt: skip
    teller.let_policies_act("25 13:21")
    return Cast(lead, contact, account, deal, ticket, PurchaseId(bought.id))


def _others(teller: Teller) -> list[DealId]:
    """Three more sales under way, so that the board is no still life."""
    deals = []
    for number, (company, title, amount, stage, owner) in enumerate(
        [
            ("Oakline Logistics", "Oakline, 12 seats", "7200", "proposal_sent", "kim"),
            ("Sundial Health", "Sundial, 90 seats", "48000", "negotiation", "ravi"),
            ("Pico Analytics", "Pico, 8 seats", "4800", "qualified_lead", "ravi"),
        ]
    ):
        when = f"04 08:{40 + number}"
        account = teller.do(f"account {company}", when, AddAccount(name=company, owner=owner), by=owner)
        opening = OpenDeal(
            title=title, amount=Money(amount, "EUR"), owner=owner, account_id=AccountId(account.id), stage=stage,
            expected_close=date(2024, 4, 12 + number),
        )  # fmt: skip
        deal = teller.do(f"deal {company}", when, opening, by=owner)
        deals.append(DealId(deal.id))
    return deals


def _a_demo_is_asked_for(teller: Teller) -> LeadId:
    form = SubmitForm(
        form="demo_request", name="Mara Jensen", email="mara@brightwater.example", company="Brightwater Labs",
        message="Could you show us the ticketing? We are forty people in support.",
        utm_source="google", utm_medium="cpc", utm_campaign="spring",
    )  # fmt: skip
    lead = LeadId(_stream_of(teller.do("form", "04 09:12", form, by="integration:website"), "lead.captured"))
    teller.let_policies_act("04 09:13")
    teller.do("assign", "04 09:40", AssignLead(lead_id=lead, owner="kim", rule="north"), by="olga")
    teller.let_policies_act("04 09:41")
    call = LogCall(lead_id=lead, outcome="connected", duration_s=420, summary="Demo agreed for tomorrow at ten.")
    teller.do("call", "04 16:20", call, by="kim")
    teller.let_policies_act("04 16:21")
    done = CompleteTask(task_id=_follow_up_task(teller.crm, lead), outcome="Called, demo agreed.")
    teller.do("followed up", "04 16:25", done, by="kim")
    return lead


def _follow_up_task(crm: CRM, lead: LeadId) -> TaskId:
    """The task that the policy gave."""
    return next(
        event.task_id
        for fact in crm.history(lead)
        if isinstance(event := fact.event, TaskAdded) and event.kind == "follow_up"
    )


def _a_demo_is_held(teller: Teller, lead: LeadId) -> tuple[ContactId, AccountId, DealId]:
    demo = HoldDemo(
        lead_id=lead, attendees=("Mara Jensen", "Tomas Weir"), duration_s=2700, next_step="send a proposal",
        concerns=("Can old tickets be imported?", "Does our data stay in the EU?"),
    )  # fmt: skip
    teller.do("demo", "05 11:30", demo, by="kim", at="05 10:00")
    facts = QualifyLead(
        lead_id=lead, budget=Money("24000", "EUR"), authority="decision_maker", need="critical", timing="this_quarter"
    )
    teller.do("qualify", "05 11:40", facts, by="kim")
    conversion = ConvertLead(
        lead_id=lead, name="Mara Jensen", email="mara@brightwater.example", job_title="Head of Support",
        company="Brightwater Labs", role="decision maker", title="Brightwater, 40 seats",
        amount=Money("24000", "EUR"), stage="qualified_lead", expected_close=date(2024, 3, 29),
    )  # fmt: skip
    receipt = teller.do("convert", "05 11:45", conversion, by="kim")
    contact = ContactId(_stream_of(receipt, "contact.added"))
    account = AccountId(_stream_of(receipt, "account.added"))
    return contact, account, DealId(_stream_of(receipt, "deal.opened"))


def _a_deal_is_won(teller: Teller, deal: DealId) -> None:
    teller.do("proposal", "06 14:00", MoveDeal(deal_id=deal, stage="proposal_sent"), by="kim")
    teller.do("negotiation", "11 10:15", MoveDeal(deal_id=deal, stage="negotiation"), by="kim")
    teller.do("discount", "13 09:05", ReviseDealAmount(deal_id=deal, amount=Money("21600", "EUR")), by="kim")
    won = WinDeal(deal_id=deal, closed_on=date(2024, 3, 14), amount=Money("21600", "EUR"))
    teller.do("won", "14 15:30", won, by="kim")
    handoff = HandOffDeal(
        deal_id=deal, to_team="onboarding", assignee="sam", title="Onboard Brightwater Labs", due=_march("18 09:00")
    )
    teller.do("handoff", "14 15:45", handoff, by="kim")


def _a_ticket_is_solved_twice(teller: Teller, contact: ContactId) -> TicketId:
    customer = f"customer:{contact}"
    question = OpenTicket(
        contact_id=contact, subject="Import stops at row 5000", message="Our old tickets do not all come over.",
        kind="incident", priority="high",
    )  # fmt: skip
    ticket = TicketId(teller.do("ticket", "20 08:10", question, by=customer).id)
    teller.do("take up", "20 08:35", AssignTicket(ticket_id=ticket, assignee="lee"), by="lee")
    answer = ReplyToTicket(ticket_id=ticket, body="The file has a broken line; I have sent you a mended one.")
    teller.do("answer", "20 08:50", answer, by="lee")
    teller.do("solve", "20 09:05", SolveTicket(ticket_id=ticket, resolution="Mended the file."), by="lee")
    again = ReplyToTicket(ticket_id=ticket, body="Now it stops at row 9000.", author="customer")
    teller.do("again", "21 07:55", again, by=customer)
    for_good = SolveTicket(ticket_id=ticket, resolution="Raised the limit; all 12,480 tickets are in.")
    teller.do("solve for good", "21 08:40", for_good, by="lee")
    return ticket


def _march(when: str) -> datetime:
    return datetime.fromisoformat(f"2024-03-{when}+00:00")


def _stream_of(receipt: Receipt, type_name: str) -> UUID:
    return next(one.stream for one in receipt.events if one.type == type_name)
