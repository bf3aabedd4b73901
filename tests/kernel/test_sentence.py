"""A fact in one sentence."""

from crm_core.events import CallLogged, DemoHeld, LeadCaptured
from crm_core.kernel.catalogue import erased_copy, sentence
from tests.story import DEAL, LEAD, opened


def test_a_sentence_is_told_from_the_fields() -> None:
    assert sentence(opened) == "opened Fabrikam, 40 seats for 120.00 EUR in new_lead"
    demo = DemoHeld(deal_id=DEAL, concerns=("too dear", "no export"), next_step="send an offer")
    assert sentence(demo) == "demo held; concerns: too dear, no export; next: send an offer"


def test_what_is_empty_is_left_out_with_what_leads_to_it() -> None:
    assert sentence(DemoHeld(deal_id=DEAL)) == "demo held"
    assert sentence(CallLogged(lead_id=LEAD, direction="outbound", outcome="no_answer")) == "outbound call, no_answer"
    assert (
        sentence(LeadCaptured(lead_id=LEAD, company="Fabrikam", channel="event")) == "lead came in by event, Fabrikam"
    )


def test_what_is_erased_is_shown_as_erased() -> None:
    assert sentence(erased_copy(opened)) == "opened [erased] for 120.00 EUR in new_lead"
