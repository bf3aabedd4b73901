"""Forgetting people, whatever they were to us."""

import pytest

from crm_core.commands import ForgetPerson
from crm_core.errors import Invalid, LeadAlreadyConverted, NotOnRecord
from crm_core.events import ContactMatchedToLead, LeadConverted, PersonForgotten
from crm_core.kernel.ids import LeadId, derived
from crm_core.kernel.messages import Command
from crm_core.testing import COMMAND_ID, given
from tests.story import ADA, DEAL, FABRIKAM, LEAD, ada, captured, forgotten, lead_forgotten

OTHER_LEAD = LeadId(derived(COMMAND_ID, "another lead"))
forget_ada = ForgetPerson(contact_id=ADA, ground="consent_withdrawn")
forget_lead = ForgetPerson(lead_id=LEAD, ground="consent_withdrawn")
converted = LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM, deal_id=DEAL)


def test_a_contact_is_forgotten() -> None:
    given(ada).when(forget_ada).then(forgotten)


def test_a_contact_is_forgotten_with_every_lead_it_came_from() -> None:
    from_lead = ada.model_copy(update={"lead_id": LEAD})
    again = ContactMatchedToLead(contact_id=ADA, lead_id=OTHER_LEAD)
    command = ForgetPerson(contact_id=ADA, ground="objection", request_ref="DSR-17")
    given(from_lead, again).when(command).then(
        PersonForgotten(contact_id=ADA, subjects=(ADA, LEAD, OTHER_LEAD), ground="objection", request_ref="DSR-17")
    )


def test_a_lead_that_never_became_a_contact_is_forgotten() -> None:
    given(captured).when(forget_lead).then(lead_forgotten)


def test_a_lead_that_became_a_contact_is_forgotten_as_the_contact() -> None:
    refusal = given(captured, converted).when(forget_lead).refused(LeadAlreadyConverted)
    assert (refusal.contact_id, refusal.account_id, refusal.deal_id) == (ADA, FABRIKAM, DEAL)


def test_forgetting_again_is_no_news() -> None:
    given(ada, forgotten).when(forget_ada).then_nothing()
    given(captured, lead_forgotten).when(forget_lead).then_nothing()


@pytest.mark.parametrize("command", [forget_ada, forget_lead], ids=["contact", "lead"])
def test_a_stranger_cannot_be_forgotten(command: Command) -> None:
    given().when(command).refused(NotOnRecord)


def test_exactly_one_person_is_forgotten_at_a_time() -> None:
    with pytest.raises(Invalid, match="exactly one"):
        ForgetPerson(ground="objection")
    with pytest.raises(Invalid, match="exactly one"):
        ForgetPerson(contact_id=ADA, lead_id=LEAD, ground="objection")
