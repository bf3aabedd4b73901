"""`crm demo`: the story of a software company's customer, and real purchases."""

import csv
from pathlib import Path
from urllib.parse import quote

import pytest

from crm_core import CRM
from crm_core.cli.cdnow import import_cdnow, sample
from crm_core.cli.story import BEGINS, ENDS, tell
from crm_core.commands import AddAccount
from crm_core.kernel.time import ManualClock
from tests.cli.conftest import Demo, Run, run_crm


@pytest.mark.requirement("S072")
def test_the_story_ends_with_a_won_deal_and_every_promise_on_record(told: Demo) -> None:
    story = told.document["story"]
    assert story["deal"]["status"] == "won"
    assert story["deal"]["amount"] == {"amount": "21600.00", "currency": "EUR"}
    follow_up, handoff = story["tasks"]
    assert (follow_up["kind"], follow_up["status"], follow_up["by"]) == (
        "follow_up", "done", "policy:follow_up_on_demo_request",
    )  # fmt: skip
    assert (handoff["kind"], handoff["title"], handoff["assignee"]) == ("handoff", "Onboard Brightwater Labs", "sam")
    assert story["ticket"] == {
        "id": story["ticket"]["id"], "subject": "Import stops at row 5000", "status": "solved", "replies": 2,
        "reopened": 1, "solutions": 2,
    }  # fmt: skip


@pytest.mark.requirement("S072")
def test_the_timeline_goes_from_the_form_to_the_thank_you(told: Demo) -> None:
    types = [row["type"] for row in told.document["timeline"]["rows"]]
    assert types[:4] == ["form.submitted", "lead.captured", "lead.assigned", "task.added"]
    assert types[-2:] == ["purchase.recorded", "message.requested"]
    assert {"demo.held", "lead.qualified", "lead.converted", "deal.won", "ticket.reopened"} <= set(types)
    [demo] = [row for row in told.document["timeline"]["rows"] if row["type"] == "demo.held"]
    assert "Does our data stay in the EU?" in demo["says"]


def test_policies_act_on_the_story_and_not_on_imported_history(told: Demo) -> None:
    assert [(one["policy"], one["type"], one["because"]["type"]) for one in told.document["automation"]] == [
        ("follow_up_on_demo_request", "task.added", "lead.assigned"),
        ("thank_on_purchase", "message.requested", "purchase.recorded"),
    ]
    messages = run_crm("show", "timeline", "--url", told.url, "--where", "type=message.requested", "--json")
    assert {row["stream"] for row in messages.document["rows"]} == {messages.document["rows"][0]["stream"]}


def test_who_switched_the_policies_on_is_on_record(told: Demo) -> None:
    policies = run_crm("policies", "--url", told.url, "--json").document["policies"]
    assert [(one["on"], one["by"]) for one in policies] == [(True, "user:olga")] * 2


def test_the_weekly_repeats_are_the_published_ones(told: Demo, shared_data: Path) -> None:
    with (shared_data / "cdnow" / "expected_weekly_cumulative_repeat.csv").open(encoding="utf-8") as lines:
        published = [int(row["cumulative_repeat_transactions"]) for row in csv.DictReader(lines)]
    assert len(published) == 78
    assert told.document["retention"]["weekly_cumulative_repeat"] == published


def test_the_cohorts_are_all_customers_of_the_sample(told: Demo) -> None:
    retention = told.document["retention"]
    assert (retention["customers"], retention["purchases"]) == (2357, 6919)
    assert [(one["month"], one["customers"], len(one["active"])) for one in retention["cohorts"]] == [
        ("1997-01", 781, 18), ("1997-02", 857, 17), ("1997-03", 719, 16),
    ]  # fmt: skip


def test_the_demo_says_where_its_events_are(told: Demo) -> None:
    assert told.document["database"] == str(told.file)
    assert told.document["changed"] == told.document["events"] > 6919 + 2357
    assert told.file.is_file()


def test_a_second_run_changes_nothing_and_says_so(demo: Demo) -> None:
    again = run_crm("demo", "--db", str(demo.file), "--json").document
    assert (again["changed"], again["events"]) == (0, demo.document["events"])
    assert again["story"] == demo.document["story"]
    assert "nothing changed" in run_crm("demo", "--db", str(demo.file)).out


def test_a_demo_that_was_interrupted_is_finished_by_the_next(told: Demo, tmp_path: Path) -> None:
    clock = ManualClock(BEGINS)
    lines = [line for _, line in zip(range(3000), sample(), strict=False)]
    with CRM.open(f"sqlite:///{tmp_path / 'half.db'}", clock=clock) as crm:
        tell(crm, clock)
        clock.set(ENDS)
        import_cdnow(crm, lines)
        head = crm.as_of(None).position
    finished = run_crm("demo", "--db", str(tmp_path / "half.db"), "--json").document
    assert finished["events"] == told.document["events"] == head + finished["changed"]
    assert finished["story"] == told.document["story"]


def test_it_keeps_to_its_own_file_whatever_crm_url_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = run_crm("demo", CRM_URL="sqlite:///mine.db", COLUMNS="100")
    assert said.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"crm-demo.db", "crm-demo.keys.db"}
    for part in ("pipeline", "timeline", "automation", "retention", "Brightwater, 40 seats", "crm-demo.db", "verify"):
        assert part in said.out
    assert max(map(len, said.out.splitlines())) <= 100


@pytest.mark.parametrize("name", ["acme.db", "whose? 100% #1.db"])
def test_a_history_of_ones_own_is_left_alone(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    with CRM.open(f"sqlite:///{quote(str(file))}") as crm:
        crm.execute(AddAccount(name="Acme"), by="ann")
    said = run_crm("demo", "--db", str(file), "--json")
    assert said.code == 3
    assert said.error["error"] == "NotADemo"
    with CRM.open(f"sqlite:///{quote(str(file))}") as crm:
        assert crm.as_of(None).position == 1
    assert [one.name for one in tmp_path.iterdir() if not one.name.endswith(".keys.db")] == [name]


def test_the_verbs_that_the_demo_suggests_all_work(crm: Run, demo: Demo) -> None:
    suggested = run_crm("demo", "--db", str(demo.file), COLUMNS="200").out.partition("export CRM_URL=")[2]
    lines = [line.split("   ")[0] for line in suggested.splitlines()[1:] if line.strip()]
    assert len(lines) == 8
    for line in lines:
        assert crm(*line[line.index("crm ") + 4 :].split()).code == 0, line


@pytest.mark.postgres
def test_the_demo_may_be_told_on_a_server_too(postgres_url: str, told: Demo) -> None:
    document = run_crm("demo", "--url", postgres_url, "--json").document
    assert {name: document[name] for name in ("story", "events")} == {
        name: told.document[name] for name in ("story", "events")
    }
    assert document["retention"]["cohorts"] == told.document["retention"]["cohorts"]
    assert run_crm("demo", "--url", postgres_url, "--json").document["changed"] == 0
    assert run_crm("verify", "--url", postgres_url).code == 0
