"""`crm explain`: who records a fact, who shows it, who answers it, with file and line."""

import re
from pathlib import Path

import pytest

import crm_core
from crm_core.cli.explanations import explanations
from crm_core.extending import followers_with
from crm_core.kernel.catalogue import catalogue, discover
from tests.cli.conftest import run_crm

SOURCE = Path(crm_core.__file__).parent.parent
discover(crm_core)


def line_at(place: str) -> str:
    """The line of source that a `file:line` names."""
    file, _, number = place.rpartition(":")
    return (SOURCE / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]


def test_what_happens_when_a_deal_is_won() -> None:
    text = run_crm("explain", "deal.won").out
    assert re.search(r"^deal\.won v1  The customer said yes; .*\[crm_core/deal/events\.py:\d+\]$", text, re.MULTILINE)
    assert re.search(r"^  recorded when   WinDeal +\[crm_core/deal/deal\.py:\d+\]$", text, re.MULTILINE)
    assert re.search(r"^  shown in        pipeline +\[projections/pipeline\.py:\d+\]$", text, re.MULTILINE)
    assert re.search(r"^  answered by     nobody$", text, re.MULTILINE)
    assert re.search(r"^  fields          deal_id +deal id, public$", text, re.MULTILINE)


def test_the_places_are_where_it_is_written() -> None:
    document = run_crm("explain", "deal.won", "--json").document
    assert line_at(document["place"]).startswith("class DealWon(")
    [recorded] = document["recorded_when"]
    assert recorded["name"] == "WinDeal"
    assert "deals.decision" in line_at(recorded["place"])
    assert document["answered_by"] == []


def test_a_fact_that_a_policy_answers() -> None:
    text = run_crm("explain", "purchase.recorded").out
    assert re.search(r"answered by +thank_on_purchase +-> RequestMessage  \[policies/thank_on_purchase\.py:\d+\]", text)
    answers = run_crm("explain", "form.submitted", "--json").document["answered_by"]
    assert [(one["name"], one["detail"]) for one in answers] == [
        ("follow_up_on_demo_request", "-> AddTask, Wake, Sleep")
    ]


def test_a_field_is_public_or_personal_of_somebody() -> None:
    fields = {one["name"]: one["detail"] for one in run_crm("explain", "ticket.replied", "--json").document["fields"]}
    assert fields["body"] == "text, personal, of the contact"
    assert fields["visibility"] == "public | internal, public"


def test_a_command_says_what_it_records_and_why_it_is_refused() -> None:
    document = run_crm("explain", "WinDeal", "--json").document
    assert document["kind"] == "command"
    assert [one["name"] for one in document["records"]] == ["deal.won"]
    assert [one["name"] for one in document["refused_as"]] == ["NotOnRecord", "DealNotOpen"]
    assert [one["name"] for one in document["looks_at"]] == ["deal", "pipelines"]
    assert [one["name"] for one in run_crm("explain", "AddTask", "--json").document["given_by"]] == [
        "follow_up_on_demo_request"
    ]


def test_views_policies_and_event_classes_are_explained_too() -> None:
    assert run_crm("explain", "pipeline", "--json").document["kind"] == "view"
    assert run_crm("explain", "thank_on_purchase", "--json").document["kind"] == "policy"
    assert run_crm("explain", "DealWon", "--json").document["name"] == "deal.won"


def test_a_slip_of_the_pen_is_met_with_a_suggestion() -> None:
    said = run_crm("explain", "deal.wno")
    assert said.code == 5
    assert "did you mean deal.won" in said.err


@pytest.mark.parametrize("one", explanations(followers_with([])), ids=lambda one: f"{one.kind} {one.name}")
def test_everything_that_can_be_explained_has_a_meaning_and_a_place(one: object) -> None:
    document = one.as_dict()  # type: ignore[attr-defined]
    assert document["meaning"]
    assert line_at(document["place"])


@pytest.mark.parametrize("entry", list(catalogue), ids=lambda entry: entry.name)
def test_every_event_is_recorded_by_some_command(entry: object) -> None:
    assert run_crm("explain", entry.name, "--json").document["recorded_when"]  # type: ignore[attr-defined]
