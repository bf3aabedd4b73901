"""Every verb: an answer for people without colour off a terminal, one JSON document for programs."""

import csv
import io

import pytest

from tests.cli.conftest import Demo, Run

EVERY_VERB = {
    "explain": ("explain", "deal.won"),
    "find": ("find", "brightwater"),
    "history": ("history", "DEAL"),
    "pipeline": ("pipeline",),
    "policies": ("policies",),
    "rebuild": ("rebuild", "retention"),
    "retention": ("retention",),
    "run": ("run", "--once"),
    "show": ("show", "directory", "--limit", "3"),
    "status": ("status",),
    "timeline": ("timeline", "CONTACT"),
    "verify": ("verify",),
}


def words(demo: Demo, verb: str) -> list[str]:
    known = {"DEAL": demo.deal, "CONTACT": demo.contact}
    return [known.get(word, word) for word in EVERY_VERB[verb]]


@pytest.mark.parametrize("verb", EVERY_VERB)
def test_a_verb_answers_people_without_colour_and_programs_in_json(verb: str, crm: Run, demo: Demo) -> None:
    people, programs = crm(*words(demo, verb)), crm(*words(demo, verb), "--json")
    assert (people.code, programs.code) == (0, 0)
    assert people.out.strip()
    assert "\x1b" not in people.out + people.err
    assert isinstance(programs.document, dict)
    assert programs.err == ""


@pytest.mark.parametrize("width", ["40", "80", "100", "120"])
@pytest.mark.parametrize("verb", [verb for verb in EVERY_VERB if verb not in {"explain", "run"}])
def test_an_answer_keeps_to_the_width_it_has(verb: str, width: str, crm: Run, demo: Demo) -> None:
    lines = crm(*words(demo, verb), COLUMNS=width).out.splitlines()
    assert max(map(len, lines)) <= int(width)


def test_the_url_may_stand_before_the_verb_or_after_it_or_in_the_environment(crm: Run, demo: Demo) -> None:
    everywhere = [
        crm("--url", demo.url, "--json", "status", CRM_URL="sqlite:///none.db"),
        crm("status", "--url", demo.url, "--json", CRM_URL="sqlite:///none.db"),
        crm("status", "--json"),
    ]
    assert [said.document["position"] for said in everywhere] == [demo.document["events"]] * 3


def test_history_is_every_fact_with_its_envelope(crm: Run, demo: Demo) -> None:
    document = crm("history", demo.deal, "--json").document
    types = [fact["type"] for fact in document["facts"]]
    assert types[0] == "lead.converted"
    assert "deal.won" in types
    assert {"position", "by", "at", "recorded_at", "says", "event", "command"} <= document["facts"][0].keys()
    assert document["as_of"]["position"] == demo.document["events"]


def test_an_id_may_be_cut_short_where_it_stays_unique(crm: Run, demo: Demo) -> None:
    whole = crm("history", demo.deal, "--json").document
    assert crm("history", demo.deal[:6], "--json").document["facts"] == whole["facts"]
    assert crm("timeline", demo.contact[:13], "--json").document["thing"] == demo.contact


def test_the_timeline_tells_what_happened_before_the_lead_became_a_contact(crm: Run, demo: Demo) -> None:
    document = crm("timeline", demo.contact, "--json").document
    assert document["name"] == "Mara Jensen"
    assert len(document["identities"]) == 2
    assert document["rows"][0]["type"] == "form.submitted"


def test_the_pipeline_is_worth_what_its_deals_are(crm: Run) -> None:
    document = crm("pipeline", "--json").document
    assert [(one["stage"], one["status"], one["deals"]) for one in document["stages"]] == [
        ("proposal_sent", "open", 1), ("negotiation", "open", 1), ("won", "won", 1), ("lost", "lost", 1),
    ]  # fmt: skip
    assert document["stages"][2]["amounts"] == [{"amount": "21600.00", "currency": "EUR"}]


def test_retention_of_everybody_holds_the_customer_of_the_story_too(crm: Run) -> None:
    assert crm("retention", "--json").document["customers"] == 2358
    assert crm("retention", "--since", "1997-02", "--until", "1997-02", "--json").document["customers"] == 857


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("brightwater", ["account", "contact", "deal", "lead"]),
        ("MARA@", ["contact", "lead"]),
        ("Import stops", ["ticket"]),
        ("CDNOW customer 00004", ["contact"]),
        ("nobody at all", []),
    ],
)
def test_things_are_found_by_a_part_of_their_name(text: str, kinds: list[str], crm: Run) -> None:
    assert sorted(row["kind"] for row in crm("find", text, "--json").document["rows"]) == kinds


def test_things_are_found_by_their_id_or_its_beginning(crm: Run, demo: Demo) -> None:
    for text in (demo.deal, demo.deal[:8]):
        [row] = crm("find", text, "--json").document["rows"]
        assert (row["id"], row["kind"]) == (demo.deal, "deal")


def test_show_gives_the_rows_that_were_asked_for(crm: Run, demo: Demo) -> None:
    [row] = crm("show", "pipeline", "--where", "status=won", "--where", "owner=kim", "--json").document["rows"]
    assert (row["deal_id"], row["amount_minor"], row["amount_currency"]) == (demo.deal, 2160000, "EUR")
    assert len(crm("show", "retention", "--limit", "7", "--json").document["rows"]) == 7


@pytest.mark.parametrize("moment", [(), ("--as-of", "2024-03-31")])
def test_rows_of_the_past_are_narrowed_as_rows_of_today(moment: tuple[str, ...], crm: Run, demo: Demo) -> None:
    said = crm(
        "show", "pipeline", "--where", f"deal_id={demo.deal}", "--where", "amount_minor=2160000", "--json", *moment
    )
    assert [row["status"] for row in said.document["rows"]] == ["won"]
    wrong = crm("show", "pipeline", "--where", "amount=1", "--json", *moment)
    assert (wrong.code, wrong.error["error"]) == (4, "Invalid")


def test_show_writes_csv_with_the_columns_of_sql(crm: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(crm("show", "retention", "--csv", "--where", "currency=USD").out)))
    assert sum(int(row["spent_minor"]) for row in rows) == 24409194
    assert list(rows[0]) == ["contact_id", "day", "currency", "purchases", "units", "spent_minor", "spent_currency"]


def test_a_rebuilt_view_has_the_same_rows(crm: Run) -> None:
    before = crm("show", "timeline", "--json").document["rows"]
    assert crm("rebuild", "timeline", "--json").document["view"] == "timeline"
    assert crm("show", "timeline", "--json").document["rows"] == before


def test_status_says_how_far_everything_has_come(crm: Run, demo: Demo) -> None:
    document = crm("status", "--json").document
    assert document["durability"] == "full"
    assert {one["name"]: one["lag"] for one in document["followers"]} == dict.fromkeys(
        ["directory", "pipeline", "retention", "timeline", "follow_up_on_demo_request", "thank_on_purchase"], 0
    )


def test_a_policy_is_switched_by_somebody(crm: Run) -> None:
    assert crm("policies", "off", "thank_on_purchase", "--by", "ann").out == "thank_on_purchase is off\n"
    assert "already" in crm("policies", "off", "thank_on_purchase", "--by", "ann").out
    [_, thanks] = crm("policies", "--json").document["policies"]
    assert (thanks["on"], thanks["by"]) == (False, "user:ann")
    assert crm("policies", "on", "thank_on_purchase", "--by", "ann", "--after", "3", "--json").document["on"] is True


def test_reading_verbs_fold_what_nobody_has_folded_yet(crm: Run, demo: Demo) -> None:
    assert crm("policies", "off", "thank_on_purchase", "--by", "ann").code == 0
    document = crm("show", "timeline", "--limit", "1", "--json").document
    assert document["as_of"]["position"] == demo.document["events"] + 1
