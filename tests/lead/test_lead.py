"""Leads: captured, assigned, qualified, given up, recycled."""

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from crm_core.commands import (
    AssignLead,
    CaptureLead,
    ConvertLead,
    DisqualifyLead,
    HoldDemo,
    QualifyLead,
    RecycleLead,
)
from crm_core.errors import (
    AlreadyOnRecord,
    Invalid,
    LeadAlreadyConverted,
    LeadIsDisqualified,
    NotOnRecord,
    PersonIsForgotten,
    Refused,
)
from crm_core.events import (
    CallLogged,
    DemoHeld,
    LeadAssigned,
    LeadCaptured,
    LeadConverted,
    LeadDisqualified,
    LeadQualified,
    LeadRecycled,
    MeetingHeld,
)
from crm_core.kernel.messages import Command, Event
from crm_core.lead.lead import Lead, leads
from crm_core.testing import given
from tests.story import ADA, EUR90, EUR120, KIM, LEAD, LEE, assigned, captured, lead_forgotten, qualified

disqualified = LeadDisqualified(lead_id=LEAD, reason="no_budget")
recycled = LeadRecycled(lead_id=LEAD, cycle=2, reason="not_ready")
converted = LeadConverted(lead_id=LEAD, contact_id=ADA)
demo = DemoHeld(lead_id=LEAD)

assign = AssignLead(lead_id=LEAD, owner=KIM)
qualify = QualifyLead(lead_id=LEAD, budget=EUR120, authority="decision_maker", need="critical", timing="now")
disqualify = DisqualifyLead(lead_id=LEAD, reason="no_budget")
recycle = RecycleLead(lead_id=LEAD, reason="not_ready")
each_act = pytest.mark.parametrize("command", [assign, qualify, disqualify, recycle], ids=lambda c: type(c).__name__)


def status(*events: Event) -> str:
    lead: Lead = given(*events).state(leads.fold, LEAD)
    return lead.status


def test_a_lead_is_captured_with_its_first_source() -> None:
    given().when(
        CaptureLead(
            lead_id=LEAD,
            name="Ada Okafor",
            email="ada@fabrikam.com",
            channel="advert",
            source="google",
            medium="cpc",
            campaign="spring",
            referrer="https://example.com/?q=crm",
        )
    ).then(
        LeadCaptured(
            lead_id=LEAD,
            name="Ada Okafor",
            email="ada@fabrikam.com",
            channel="advert",
            source="google",
            medium="cpc",
            campaign="spring",
            referrer="https://example.com/?q=crm",
        )
    )


def test_an_organisation_can_be_a_lead() -> None:
    given().when(CaptureLead(lead_id=LEAD, company="Fabrikam", channel="event")).then(
        LeadCaptured(lead_id=LEAD, company="Fabrikam", channel="event")
    )


def test_a_lead_is_somebody() -> None:
    with pytest.raises(Invalid, match="needs a name or a company"):
        CaptureLead(channel="event", email="ada@fabrikam.com")


def test_the_first_source_stays_the_first() -> None:
    given(captured).when(CaptureLead(lead_id=LEAD, name="Ada", channel="email")).refused(AlreadyOnRecord)


def test_a_campaign_is_public_so_it_holds_no_address() -> None:
    with pytest.raises(Invalid, match="campaign"):
        CaptureLead(name="Ada", channel="email", campaign="for ada@fabrikam.com")


def test_a_lead_gets_an_owner() -> None:
    given(captured).when(AssignLead(lead_id=LEAD, owner=KIM, rule="round_robin", reason="next in turn")).then(
        LeadAssigned(lead_id=LEAD, owner=KIM, rule="round_robin", reason="next in turn")
    )


def test_another_owner_follows_the_first() -> None:
    given(captured, assigned).when(AssignLead(lead_id=LEAD, owner=LEE)).then(
        LeadAssigned(lead_id=LEAD, owner=LEE, previous=KIM)
    )


def test_the_owner_it_has_is_no_news() -> None:
    given(captured, assigned).when(assign).then_nothing()


def test_a_lead_is_qualified_on_four_facts() -> None:
    given(captured, assigned).when(qualify).then(qualified)


def test_the_same_four_facts_are_no_news() -> None:
    given(captured, qualified).when(qualify).then_nothing()


def test_knowing_one_of_them_better_is_news() -> None:
    given(captured, qualified).when(QualifyLead(lead_id=LEAD, budget=EUR90)).then(
        LeadQualified(lead_id=LEAD, budget=EUR90)
    )


def test_a_lead_is_given_up_for_a_reason() -> None:
    given(captured).when(disqualify).then(disqualified)


def test_a_lead_that_was_given_up_is_recycled_first() -> None:
    for command in (assign, qualify, disqualify):
        assert given(captured, disqualified).when(command).refused(LeadIsDisqualified).lead_id == LEAD
    given(captured, disqualified).when(recycle).then(recycled)


def test_recycling_starts_another_cycle() -> None:
    again = LeadRecycled(lead_id=LEAD, cycle=3, reason="not_ready")
    given(captured, recycled, demo).when(recycle).then(again)


def test_a_lead_in_nurturing_is_recycled_already() -> None:
    given(captured, recycled).when(recycle).then_nothing()


def test_a_recycled_lead_is_qualified_anew() -> None:
    given(captured, qualified, recycled).when(qualify).then(qualified)


@each_act
def test_nothing_is_done_with_an_unknown_lead(command: Command) -> None:
    given().when(command).refused(NotOnRecord)


@each_act
def test_nothing_is_done_with_a_forgotten_lead(command: Command) -> None:
    given(captured, lead_forgotten).when(command).refused(PersonIsForgotten)


@each_act
def test_nothing_is_done_with_a_converted_lead(command: Command) -> None:
    refusal = given(captured, qualified, converted).when(command).refused(LeadAlreadyConverted)
    assert refusal.contact_id == ADA


@pytest.mark.parametrize(
    "touch",
    [
        demo,
        MeetingHeld(lead_id=LEAD, topic="Prices"),
        CallLogged(lead_id=LEAD, direction="outbound", outcome="connected"),
    ],
    ids=lambda touch: type(touch).__name__,
)
def test_the_first_touch_means_that_a_lead_is_being_worked(touch: Event) -> None:
    assert status(captured) == "new"
    assert status(captured, touch) == "working"
    assert status(captured, recycled) == "nurturing"
    assert status(captured, recycled, touch) == "working"
    assert status(captured, qualified, touch) == "qualified"


NEXT = {
    "unknown": {"new"},
    "new": {"working", "nurturing", "qualified", "disqualified"},
    "working": {"nurturing", "qualified", "disqualified"},
    "nurturing": {"working", "qualified", "disqualified"},
    "qualified": {"nurturing", "disqualified", "converted"},
    "disqualified": {"working", "nurturing"},
    "converted": set(),
}
wishes = st.lists(
    st.sampled_from(
        [
            CaptureLead(lead_id=LEAD, name="Ada", channel="event"),
            assign,
            AssignLead(lead_id=LEAD, owner=LEE),
            qualify,
            disqualify,
            recycle,
            HoldDemo(lead_id=LEAD),
            ConvertLead(lead_id=LEAD, contact_id=ADA, name="Ada"),
        ]
    ),
    max_size=30,
)


@over(wishes)
def test_whatever_is_asked_a_lead_goes_only_where_leads_go(commands: list[Command]) -> None:
    history: list[Event] = []
    for command in commands:
        before = status(*history)
        outcome = given(*history).when(command)
        assert outcome.refusal is None or isinstance(outcome.refusal, Refused)
        history += outcome.events
        after = status(*history)
        assert after == before or after in NEXT[before]
        assert before != "converted" or not outcome.events or isinstance(outcome.events[0], DemoHeld)
    assert sum(isinstance(event, LeadConverted) for event in history) <= 1
    cycles = [event.cycle for event in history if isinstance(event, LeadRecycled)]
    assert cycles == list(range(2, len(cycles) + 2))
