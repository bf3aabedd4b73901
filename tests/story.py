"""The people and things the tests talk about: Ada Okafor of Fabrikam buys software from us."""

from datetime import UTC, date, datetime
from uuid import UUID

from crm_core.events import (
    AccountAdded,
    ContactAdded,
    DealOpened,
    LeadAssigned,
    LeadCaptured,
    LeadQualified,
    PersonForgotten,
    PurchaseRecorded,
    TaskAdded,
    TicketOpened,
)
from crm_core.kernel.ids import (
    AccountId,
    ContactId,
    DealId,
    LeadId,
    MessageId,
    PurchaseId,
    SubmissionId,
    TaskId,
    TeamId,
    TicketId,
    UserId,
)
from crm_core.kernel.money import Money

LEAD = LeadId(UUID("00000000-0000-4000-8000-00000000001e"))
ADA = ContactId(UUID("00000000-0000-4000-8000-0000000000ad"))
FABRIKAM = AccountId(UUID("00000000-0000-4000-8000-0000000000fa"))
DEAL = DealId(UUID("00000000-0000-4000-8000-0000000000de"))
TICKET = TicketId(UUID("00000000-0000-4000-8000-000000000071"))
TASK = TaskId(UUID("00000000-0000-4000-8000-00000000007a"))
PURCHASE = PurchaseId(UUID("00000000-0000-4000-8000-0000000000b0"))
SUBMISSION = SubmissionId(UUID("00000000-0000-4000-8000-0000000000f0"))
MESSAGE = MessageId(UUID("00000000-0000-4000-8000-0000000000e5"))
NOWHERE = UUID("00000000-0000-4000-8000-ffffffffffff")

KIM = UserId("kim")
LEE = UserId("lee")
ONBOARDING = TeamId("onboarding")
SUPPORT = TeamId("support")
EUR90 = Money("90.00", "EUR")
EUR120 = Money("120.00", "EUR")
TODAY = date(2024, 3, 4)
TOMORROW = date(2024, 3, 5)
NINE = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)

captured = LeadCaptured(lead_id=LEAD, name="Ada Okafor", company="Fabrikam", channel="form", source="google")
assigned = LeadAssigned(lead_id=LEAD, owner=KIM)
qualified = LeadQualified(lead_id=LEAD, budget=EUR120, authority="decision_maker", need="critical", timing="now")
ada = ContactAdded(contact_id=ADA, name="Ada Okafor", email="ada@fabrikam.com")
fabrikam = AccountAdded(account_id=FABRIKAM, name="Fabrikam")
forgotten = PersonForgotten(contact_id=ADA, subjects=(ADA,), ground="consent_withdrawn")
lead_forgotten = PersonForgotten(lead_id=LEAD, subjects=(LEAD,), ground="consent_withdrawn")
opened = DealOpened(
    deal_id=DEAL,
    contact_id=ADA,
    account_id=FABRIKAM,
    lead_id=LEAD,
    title="Fabrikam, 40 seats",
    amount=EUR120,
    pipeline="standard",
    stage="new_lead",
    probability=10,
    owner=KIM,
    expected_close=TODAY,
)
asked = TicketOpened(
    ticket_id=TICKET,
    contact_id=ADA,
    account_id=FABRIKAM,
    kind="question",
    priority="normal",
    channel="email",
    subject="Export",
    message="How do I export my data?",
)
promised = TaskAdded(task_id=TASK, kind="call", title="Call Ada", assignee=KIM, due=NINE, contact_id=ADA)
bought = PurchaseRecorded(purchase_id=PURCHASE, contact_id=ADA, amount=EUR90, quantity=2)
