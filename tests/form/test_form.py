"""Forms: every submission is somebody's, a new lead's if we do not know whose."""

import pytest

from crm_core.commands import SubmitForm
from crm_core.errors import Invalid, NotOnRecord, PersonIsForgotten
from crm_core.events import ContactLinkedToAccount, FormSubmitted, LeadCaptured, LeadConverted
from crm_core.testing import given
from tests.story import ADA, FABRIKAM, LEAD, SUBMISSION, ada, captured, forgotten, lead_forgotten

linked = ContactLinkedToAccount(contact_id=ADA, account_id=FABRIKAM, role="employee")
request = SubmitForm(
    submission_id=SUBMISSION,
    lead_id=LEAD,
    form="demo_request",
    name="Ada Okafor",
    email="ada@fabrikam.com",
    company="Fabrikam",
    message="May I see it?",
    referrer="https://example.com",
    utm_source="google",
    utm_medium="cpc",
    utm_campaign="spring",
)
submitted = FormSubmitted(
    submission_id=SUBMISSION,
    lead_id=LEAD,
    form="demo_request",
    name="Ada Okafor",
    email="ada@fabrikam.com",
    company="Fabrikam",
    message="May I see it?",
    referrer="https://example.com",
    utm_source="google",
    utm_medium="cpc",
    utm_campaign="spring",
)
by_ada = SubmitForm(submission_id=SUBMISSION, contact_id=ADA, form="survey", name="Ada")


def test_a_stranger_who_fills_in_a_form_becomes_a_lead_with_a_source() -> None:
    given().when(request).then(
        submitted,
        LeadCaptured(
            lead_id=LEAD,
            name="Ada Okafor",
            email="ada@fabrikam.com",
            company="Fabrikam",
            channel="form",
            source="google",
            medium="cpc",
            campaign="spring",
            referrer="https://example.com",
            submission_id=SUBMISSION,
        ),
    )


def test_a_lead_on_record_is_not_captured_again() -> None:
    given(captured).when(request).then(submitted)


def test_a_customer_who_fills_in_a_form_stays_a_customer() -> None:
    given(ada, linked).when(by_ada).then(
        FormSubmitted(submission_id=SUBMISSION, contact_id=ADA, account_id=FABRIKAM, form="survey", name="Ada")
    )


def test_the_form_of_a_converted_lead_is_the_customers() -> None:
    converted = LeadConverted(lead_id=LEAD, contact_id=ADA, account_id=FABRIKAM)
    given(captured, converted).when(request).then(
        submitted.model_copy(update={"contact_id": ADA, "account_id": FABRIKAM})
    )


def test_a_website_that_sends_twice_is_heard_once() -> None:
    given(submitted, captured).when(request).then_nothing()


def test_a_form_of_an_unknown_contact_is_refused() -> None:
    given().when(by_ada).refused(NotOnRecord)
    both = by_ada.model_copy(update={"lead_id": LEAD})
    assert given(ada).when(both).refused(NotOnRecord).noun == "lead"


def test_a_form_of_a_forgotten_person_is_refused() -> None:
    given(ada, forgotten).when(by_ada).refused(PersonIsForgotten)
    given(captured, lead_forgotten).when(request).refused(PersonIsForgotten)


def test_a_form_is_from_somebody() -> None:
    with pytest.raises(Invalid, match="lead_id or a contact_id"):
        SubmitForm(form="survey", name="Ada", lead_id=None)
    assert SubmitForm.model_validate(by_ada) == by_ada
