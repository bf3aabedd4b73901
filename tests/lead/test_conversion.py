"""Conversion: one command over lead, contact, account and deal."""

from typing import Any

import pytest

from crm_core.commands import ConvertLead
from crm_core.errors import (
    AlreadyOnRecord,
    ClosingStage,
    Invalid,
    LeadAlreadyConverted,
    LeadHasNoOwner,
    LeadNotQualified,
    NoSuchPipeline,
    NoSuchStage,
    NotOnRecord,
    PersonIsForgotten,
    Refused,
)
from crm_core.events import (
    AccountAdded,
    ContactAdded,
    ContactLinkedToAccount,
    ContactMatchedToLead,
    DealOpened,
    LeadConverted,
    LeadDisqualified,
)
from crm_core.kernel.ids import AccountId, ContactId, DealId, derived
from crm_core.kernel.messages import Command, Event
from crm_core.testing import COMMAND_ID, given
from tests.story import (
    ADA,
    DEAL,
    EUR120,
    FABRIKAM,
    KIM,
    LEAD,
    LEE,
    TODAY,
    ada,
    assigned,
    captured,
    fabrikam,
    forgotten,
    lead_forgotten,
    opened,
    qualified,
)

ready = (captured, assigned, qualified)
linked = ContactLinkedToAccount(contact_id=ADA, account_id=FABRIKAM, role="employee")
person = ConvertLead(lead_id=LEAD, contact_id=ADA, name="Ada Okafor")
whole = ConvertLead(
    lead_id=LEAD,
    contact_id=ADA,
    name="Ada Okafor",
    email="ada@fabrikam.com",
    account_id=FABRIKAM,
    company="Fabrikam",
    deal_id=DEAL,
    title="Fabrikam, 40 seats",
    amount=EUR120,
    expected_close=TODAY,
)


def test_a_qualified_lead_becomes_a_contact_an_account_and_a_deal_at_once() -> None:
    given(*ready).when(whole).then(
        LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM, deal_id=DEAL),
        AccountAdded(account_id=FABRIKAM, name="Fabrikam", owner=KIM, lead_id=LEAD),
        ContactAdded(contact_id=ADA, name="Ada Okafor", email="ada@fabrikam.com", owner=KIM, lead_id=LEAD),
        linked,
        opened,
    )


def test_ids_that_are_left_out_follow_from_the_command() -> None:
    [converted, *_] = (
        given(*ready)
        .when(ConvertLead(lead_id=LEAD, name="Ada", company="Fabrikam", title="Seats", amount=EUR120))
        .events
    )
    assert converted == LeadConverted(
        lead_id=LEAD,
        contact_id=ContactId(derived(COMMAND_ID, "contact_id")),
        account_id=AccountId(derived(COMMAND_ID, "account_id")),
        deal_id=DealId(derived(COMMAND_ID, "deal_id")),
    )


def test_a_person_without_company_and_sale_becomes_a_contact_only() -> None:
    given(*ready).when(person).then(
        LeadConverted(lead_id=LEAD, contact_id=ADA),
        ContactAdded(contact_id=ADA, name="Ada Okafor", owner=KIM, lead_id=LEAD),
    )


def test_a_lead_converts_into_a_contact_account_and_deal_on_record() -> None:
    into = ConvertLead(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM, deal_id=DEAL)
    given(*ready, ada, fabrikam, opened).when(into).then(
        LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM, deal_id=DEAL),
        ContactMatchedToLead(contact_id=ADA, lead_id=LEAD),
        linked,
    )


def test_the_account_of_a_contact_on_record_comes_along() -> None:
    into = ConvertLead(lead_id=LEAD, contact_id=ADA, deal_id=DEAL, title="Fabrikam, 40 seats", amount=EUR120)
    given(*ready, ada, fabrikam, linked).when(into).then(
        LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM, deal_id=DEAL),
        ContactMatchedToLead(contact_id=ADA, lead_id=LEAD),
        opened.model_copy(update={"expected_close": None}),
    )


def test_a_contact_already_linked_is_not_linked_again() -> None:
    into = ConvertLead(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM)
    given(*ready, ada, fabrikam, linked).when(into).then(
        LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM),
        ContactMatchedToLead(contact_id=ADA, lead_id=LEAD),
    )


def test_the_deal_starts_where_it_is_told_and_belongs_to_whom_it_is_told() -> None:
    command = whole.model_copy(update={"stage": "negotiation", "owner": LEE})
    *_, deal = given(*ready).when(command).events
    assert isinstance(deal, DealOpened)
    assert (deal.stage, deal.probability, deal.owner) == ("negotiation", 75, LEE)


def test_a_lead_converts_once_and_the_refusal_tells_into_what() -> None:
    done = LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM, deal_id=DEAL)
    refusal = given(*ready, done).when(person).refused(LeadAlreadyConverted)
    assert (refusal.lead_id, refusal.contact_id, refusal.account_id, refusal.deal_id) == (LEAD, ADA, FABRIKAM, DEAL)


@pytest.mark.parametrize(
    ("history", "status"),
    [
        ((captured,), "new"),
        ((captured, qualified, LeadDisqualified(lead_id=LEAD, reason="no_fit")), "disqualified"),
    ],
    ids=["new", "disqualified"],
)
def test_only_a_qualified_lead_converts(history: tuple[Event, ...], status: str) -> None:
    refusal = given(*history).when(person).refused(LeadNotQualified)
    assert (refusal.lead_id, refusal.status) == (LEAD, status)


def test_an_unknown_lead_does_not_convert() -> None:
    given().when(person).refused(NotOnRecord)


def test_a_forgotten_lead_does_not_convert() -> None:
    given(*ready, lead_forgotten).when(person).refused(PersonIsForgotten)


def test_a_lead_does_not_convert_into_a_forgotten_contact() -> None:
    given(*ready, ada, forgotten).when(ConvertLead(lead_id=LEAD, contact_id=ADA)).refused(PersonIsForgotten)


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        ("contact", ConvertLead(lead_id=LEAD)),
        ("account", ConvertLead(lead_id=LEAD, name="Ada", account_id=FABRIKAM)),
        ("deal", ConvertLead(lead_id=LEAD, name="Ada", deal_id=DEAL)),
    ],
    ids=["contact", "account", "deal"],
)
def test_a_lead_converts_into_nothing_that_is_not_on_record(missing: str, command: Command) -> None:
    assert given(*ready).when(command).refused(NotOnRecord).noun == missing


@pytest.mark.parametrize(("noun", "there"), [("contact", ada), ("account", fabrikam), ("deal", opened)])
def test_a_lead_adds_nothing_that_is_on_record(noun: str, there: Event) -> None:
    assert given(*ready, there).when(whole).refused(AlreadyOnRecord).noun == noun


def test_a_deal_needs_an_owner() -> None:
    assert given(captured, qualified).when(whole).refused(LeadHasNoOwner).lead_id == LEAD


@pytest.mark.parametrize(
    ("where", "refusal"),
    [({"pipeline": "no"}, NoSuchPipeline), ({"stage": "no"}, NoSuchStage), ({"stage": "won"}, ClosingStage)],
    ids=["pipeline", "stage", "closing stage"],
)
def test_a_deal_starts_in_an_open_stage_of_its_pipeline(where: dict[str, Any], refusal: type[Refused]) -> None:
    given(*ready).when(whole.model_copy(update=where)).refused(refusal)


@pytest.mark.parametrize(
    ("half", "rule"),
    [
        ({"title": "Seats"}, "both title and amount"),
        ({"amount": EUR120}, "both title and amount"),
        ({"title": "Seats", "amount": EUR120, "deal_id": None}, "deal_id None"),
        ({"company": "Fabrikam", "account_id": None}, "account_id None"),
    ],
    ids=["title only", "amount only", "deal without id", "account without id"],
)
def test_half_a_conversion_is_no_command(half: dict[str, Any], rule: str) -> None:
    with pytest.raises(Invalid, match=rule):
        ConvertLead(lead_id=LEAD, name="Ada", **half)


def test_a_command_is_made_of_fields() -> None:
    assert ConvertLead.model_validate(whole) == whole
    with pytest.raises(ValueError, match="valid dictionary"):
        ConvertLead.model_validate("convert it")
