"""The policies at work in a CRM, on every store."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from crm_core import CRM, Actor
from crm_core.commands import (
    AddContact,
    AssignLead,
    ForgetPerson,
    HoldDemo,
    RecordPurchase,
    SubmitForm,
    SwitchOnPolicy,
)
from crm_core.kernel.ids import ContactId, LeadId
from crm_core.kernel.money import Money
from crm_core.kernel.time import ManualClock
from policies import follow_up_on_demo_request, standard, thank_on_purchase
from policies.testing import START, tell
from tests.story import KIM

DAY = timedelta(days=1)


@pytest.fixture
def clock() -> ManualClock:
    """The hands stand at the start of the story."""
    return ManualClock(START)


@pytest.fixture
def crm(store_url: str, clock: ManualClock) -> Iterator[CRM]:
    """A CRM whose policies are all switched on."""
    with CRM.open(store_url, follow=standard(), clock=clock) as crm:
        for policy in standard():
            crm.execute(SwitchOnPolicy(policy=policy.name), by="admin")
        yield crm


def facts(crm: CRM, type: str) -> list[Any]:
    """The events of one type, in order."""
    return [fact.event for fact in crm.log(types=[type])]


def demo_request(crm: CRM) -> LeadId:
    """Somebody asks for a demo."""
    crm.execute(SubmitForm(form="demo_request", name="Ada Okafor"), by="customer:web")
    [event] = facts(crm, "form.submitted")
    return LeadId(event.lead_id)


def test_a_demo_request_is_followed_up_and_its_owner_reminded(crm: CRM, clock: ManualClock) -> None:
    lead = demo_request(crm)
    clock.advance(hours=1)
    crm.execute(AssignLead(lead_id=lead, owner=KIM), by="lee")
    crm.settle(policies=True)
    clock.advance(days=2)
    crm.settle(policies=True)
    crm.settle(policies=True)
    added = [fact for fact in crm.history(lead) if fact.type == "task.added"]
    assert {fact.by for fact in added} == {Actor("policy", "follow_up_on_demo_request")}
    assert [(one.kind, one.assignee, one.due) for one in facts(crm, "task.added")] == [
        ("follow_up", KIM, START + timedelta(hours=1) + DAY),
        ("reminder", KIM, START + timedelta(hours=1) + DAY),
    ]


def test_a_demo_that_was_held_needs_no_reminder(crm: CRM, clock: ManualClock) -> None:
    lead = demo_request(crm)
    crm.execute(AssignLead(lead_id=lead, owner=KIM), by="lee")
    crm.settle(policies=True)
    clock.advance(hours=20)
    crm.execute(HoldDemo(lead_id=lead), by=KIM)
    clock.advance(days=30)
    crm.settle(policies=True)
    assert [one.kind for one in facts(crm, "task.added")] == ["follow_up"]


def test_what_happens_is_what_the_story_told(crm: CRM, clock: ManualClock) -> None:
    lead = demo_request(crm)
    crm.settle(policies=True)
    clock.advance(hours=5)
    crm.settle(policies=True)
    crm.execute(AssignLead(lead_id=lead, owner=KIM), by="lee")
    crm.settle(policies=True)
    clock.advance(days=3)
    crm.settle(policies=True)
    story = [fact.event for fact in crm.log(types=follow_up_on_demo_request.types)]
    told: list[Any] = tell(follow_up_on_demo_request, story[0], timedelta(hours=5), story[1], timedelta(days=3))
    happened = facts(crm, "task.added")
    assert [(one.kind, one.title, one.assignee, one.due) for one in happened] == [
        (one.kind, one.title, one.assignee, one.due) for one in told
    ]


def test_a_buyer_is_thanked_once_for_each_purchase(crm: CRM) -> None:
    ada = ContactId(crm.execute(AddContact(name="Ada Okafor"), by=KIM).id)
    purchases = [
        crm.execute(RecordPurchase(contact_id=ada, amount=Money("90", "EUR")), by="integration:shop").id
        for _ in range(2)
    ]
    for _ in range(2):
        crm.settle(policies=True)
    asked = facts(crm, "message.requested")
    assert [(one.contact_id, one.template, one.purchase_id) for one in asked] == [
        (ada, "thank_you", purchase) for purchase in purchases
    ]


def test_an_imported_purchase_is_not_thanked_for(crm: CRM) -> None:
    ada = ContactId(crm.execute(AddContact(name="Ada Okafor"), by="import:shop").id)
    crm.execute(RecordPurchase(contact_id=ada, amount=Money("90", "EUR")), by="import:shop")
    crm.settle(policies=True)
    assert facts(crm, "message.requested") == []


def test_somebody_who_was_forgotten_meanwhile_is_not_written_to(crm: CRM) -> None:
    ada = ContactId(crm.execute(AddContact(name="Ada Okafor"), by=KIM).id)
    crm.execute(RecordPurchase(contact_id=ada, amount=Money("90", "EUR")), by="integration:shop")
    crm.execute(ForgetPerson(contact_id=ada, ground="consent_withdrawn"), by=KIM)
    crm.settle(policies=True)
    assert facts(crm, "message.requested") == []
    [policy] = [one for one in crm.status().followers if one.name == thank_on_purchase.name]
    assert policy.lag == 0
