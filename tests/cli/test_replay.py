"""Recorded histories against the code as it is now, also as it might become."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from crm_core import Invalid, Money
from crm_core.commands import AddContact, AddTask, OpenDeal, WinDeal
from crm_core.deal.deal import deals
from crm_core.events import DealOpened, DealWon, TaskAdded
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.ids import TaskId
from crm_core.kernel.recorded import Recorded
from crm_core.testing import MONDAY, StagedCRM, a_crm
from crm_core.testing.histories import lines_of, read
from crm_core.testing.replaying import Replayed, record
from crm_core.testing.replaying import replay as replayed
from policies import Policy, Wake, Woken
from projections import directory, pipeline, projection
from projections.pipeline import PipelineRow
from tests.cli.conftest import Demo, run_crm

ROOT = Path(__file__).parent.parent
NAME = "Zebulon Quix"


@pytest.fixture
def crm() -> Iterator[StagedCRM]:
    """A person, and a deal of theirs that was won."""
    with a_crm() as crm:
        person = crm.execute(AddContact(name=NAME, email="zeb@example.com"), by="ann").id
        opened = OpenDeal(title="Roof", amount=Money(5, "EUR"), owner="ann", contact_id=person)
        deal = crm.execute(opened, by="ann").id
        crm.execute(WinDeal(deal_id=deal, closed_on=MONDAY.date(), amount=Money(4, "EUR")), by="ann")
        yield crm


@pytest.fixture
def file(crm: StagedCRM, tmp_path: Path) -> Path:
    """That history, recorded."""
    file = tmp_path / "acme.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines_of(record(crm))), encoding="utf-8")
    return file


def differences(found: Replayed) -> list[tuple[str, str, int | None, str | None]]:
    return [(one.where, one.name, one.position, one.type) for one in found.differences]


@dataclass(frozen=True, slots=True)
class Done:
    task_id: TaskId | None = None


def remember(memory: Done, event: TaskAdded, at: datetime) -> Done:
    return Done(event.task_id)


def react(memory: Done, event: TaskAdded | Woken, at: datetime) -> Iterator[AddTask | Wake]:
    match event:
        case TaskAdded():
            yield Wake(at=at.replace(year=at.year + 1))
        case Woken():
            raise ZeroDivisionError


# -- the program --------------------------------------------------------------------------------------


def test_what_the_demo_told_is_replayed_as_recorded(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "demo.jsonl"
    made = run_crm("replay", "--record", str(file), demo.deal, "--url", demo.url, "--json")
    assert (made.code, made.document["events"]) == (0, 8)
    assert made.document["rows"] > 3
    checked = run_crm("replay", "--check", str(file), "--json")
    assert (checked.code, checked.document["ok"]) == (0, True)
    assert checked.document["files"][0]["compared"] == made.document["rows"] + made.document["states"]
    people = run_crm("replay", "--check", str(file))
    assert (people.code, people.err) == (0, "")
    assert "8 events of 1 files replayed" in people.out


def test_every_golden_file_is_replayed() -> None:
    said = run_crm("replay", "--check", str(ROOT / "histories"), "--json")
    assert said.code == 0, said.out
    assert len(said.document["files"]) == len(list((ROOT / "histories").glob("*.jsonl")))
    assert all(one["events"] == 1 and one["folded"] for one in said.document["files"])


def test_what_crm_history_printed_is_replayed(demo: Demo, tmp_path: Path) -> None:
    document = run_crm("history", demo.deal, "--url", demo.url, "--json").out
    whole, lines = tmp_path / "whole.json", tmp_path / "lines.jsonl"
    whole.write_text(document, encoding="utf-8")
    lines.write_text("\n".join(json.dumps(one) for one in json.loads(document)["facts"]), encoding="utf-8")
    said = run_crm("replay", "--check", str(whole), "--check", str(lines), "--json")
    assert said.code == 0, said.out
    assert [one["events"] for one in said.document["files"]] == [8, 8]


def test_a_difference_ends_with_exit_code_1_and_names_event_and_view(file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace('"status": "won"', '"status": "lost"'), encoding="utf-8")
    people, programs = run_crm("replay", "--check", str(file)), run_crm("replay", "--check", str(file), "--json")
    assert people.code == programs.code == 1
    assert "view pipeline" in people.out
    assert "deal.won" in people.out
    [view, *_] = [one for one in programs.document["files"][0]["differences"] if one["name"] == "pipeline"]
    assert (view["where"], view["position"], view["type"]) == ("view", 3, "deal.won")
    assert view["reason"] == 'status: recorded "lost", now "won"'


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("--check", "x.jsonl", "--record", "y.jsonl"), 2),
        (("--check", "x.jsonl", "1c54ca24"), 2),
        (("--check", "."), 2),
        (("--check", "nothing.jsonl"), 4),
        (("--record", "is-there.jsonl"), 2),
    ],
)
def test_wrong_use_is_said_so(arguments: tuple[str, ...], code: int, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    if "is-there.jsonl" in arguments:
        (tmp_path / "is-there.jsonl").write_text("mine", encoding="utf-8")
    assert run_crm("replay", *arguments, "--json").code == code
    if "is-there.jsonl" in arguments:
        assert (tmp_path / "is-there.jsonl").read_text(encoding="utf-8") == "mine"


# -- recording ----------------------------------------------------------------------------------------


def test_a_recorded_history_holds_nothing_personal_unless_asked(crm: StagedCRM, file: Path) -> None:
    assert NAME not in file.read_text(encoding="utf-8")
    assert NAME in "".join(lines_of(record(crm, personal=True)))


def test_only_some_things_up_to_some_moment(crm: StagedCRM) -> None:
    person = next(iter(crm.log())).stream
    assert [fact.position for fact in record(crm, [person]).facts] == [1, 2, 3]
    assert [fact.position for fact in record(crm, [person], crm.as_of(2)).facts] == [1, 2]


def test_a_recorded_history_is_read_as_it_was_written(crm: StagedCRM, file: Path) -> None:
    written, found = record(crm), read(file)
    assert found.rows == written.rows
    assert found.states == written.states
    assert [one.position for one in found.facts] == [1, 2, 3]
    assert replayed(found).ok
    assert "pipeline/1" in found.rows
    assert any(name.startswith("policy:") for name in found.rows)


# -- new code -----------------------------------------------------------------------------------------


def test_an_upcast_brings_older_facts_along_and_one_that_fails_is_found(file: Path) -> None:
    entry = catalogue.of(DealWon)
    newer = replace(entry, version=2, upcasts={1: lambda state: state})
    broken = replace(entry, version=2, upcasts={1: lambda state: {"amount": state["sum"]}})
    missing = replace(entry, version=2, upcasts={})
    wrong = replace(entry, version=2, upcasts={1: lambda state: {**state, "stage": 7}})
    for now, reason in ((newer, None), (broken, "KeyError"), (missing, "unknown event type"), (wrong, "stage")):
        with patch.dict(catalogue._by_name, {"deal.won": now}), patch.dict(catalogue._by_class, {DealWon: now}):  # noqa: SLF001 - as newer code would
            found = replayed(read(file))
        assert differences(found) == ([] if reason is None else [("event", "deal.won", 3, "deal.won")])
        assert reason is None or reason in str(found.differences[0])
        assert bool(found.skipped) == (reason is not None), "rows are not compared where events are missing"


def test_a_fact_of_an_unknown_type_is_found(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"type": "deal.won"', '"type": "deal.sung"'), encoding="utf-8")
    found = replayed(read(file))
    assert differences(found) == [("event", "deal.sung", 3, "deal.sung")]
    assert found.events == 2


def fold_of(name: str, version: int, change: Any) -> Any:
    @projection(name, version=version, key=lambda event: event.deal_id)
    def fold(row: PipelineRow | None, event: DealOpened | DealWon, seen: Recorded) -> PipelineRow | None:
        changed: PipelineRow | None = change(pipeline(row, event, seen), event)
        return changed

    return fold


def test_a_view_that_folds_otherwise_is_found_and_one_of_a_new_version_is_not_compared(file: Path) -> None:
    def dearer(row: PipelineRow, event: Any) -> PipelineRow:
        return replace(row, amount=Money(9, "EUR")) if isinstance(event, DealWon) else row

    found = replayed(read(file), [fold_of("pipeline", 1, dearer)])
    assert differences(found) == [("view", "pipeline", 3, "deal.won")]
    assert "amount: recorded" in found.differences[0].reason
    newer = replayed(read(file), [fold_of("pipeline", 2, dearer)])
    assert newer.ok
    assert any(one.startswith("pipeline/1") for one in newer.skipped)


def test_a_view_that_loses_or_gains_a_row_is_found(file: Path) -> None:
    lost = replayed(read(file), [fold_of("pipeline", 1, lambda *_: None)])
    assert [one.reason for one in lost.differences] == ["recorded, but there is no such row now"]
    text = "".join(
        line for line in file.read_text(encoding="utf-8").splitlines(True) if '"row_of": "pipeline' not in line
    )
    file.write_text(text, encoding="utf-8")
    gained = replayed(read(file), [pipeline])
    assert [one.reason for one in gained.differences] == ["there was no such row"]


def test_a_view_that_raises_is_found_with_its_event(file: Path) -> None:
    def fail(row: PipelineRow, event: Any) -> PipelineRow:
        match event:
            case DealWon():
                raise ArithmeticError(NAME)
            case _:
                return row

    found = replayed(read(file), [fold_of("pipeline", 1, fail)])
    assert differences(found) == [("view", "pipeline", 3, "deal.won")]
    assert found.differences[0].reason == "its fold raised ArithmeticError"
    assert NAME not in str(found)


def test_a_policy_that_raises_is_found_also_when_an_alarm_wakes_it(crm: StagedCRM) -> None:
    failing = Policy("fail_when_woken", key=lambda event: event.task_id, initial=Done(), evolve=remember, react=react)
    crm.execute(AddTask(title="Call", assignee="ann"), by="ann")
    assert replayed(record(crm), [failing]).ok, "the alarm is due in a year"
    crm.clock.advance(days=400)
    crm.execute(AddContact(name="Ada"), by="ann")
    found = replayed(record(crm), [failing])
    assert differences(found) == [("policy", "fail_when_woken", 5, "contact.added")]


def test_a_state_that_raises_or_differs_is_found_and_a_new_field_of_it_is_none(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"status": "won"', '"status": "won", "gone": 1'), encoding="utf-8")
    assert all(one.where != "state" for one in replayed(read(file)).differences)
    file.write_text(text.replace('"state": {"status": "won"', '"state": {"status": "lost"'), encoding="utf-8")
    assert [(one.where, one.name) for one in replayed(read(file)).differences] == [("state", "Deal")]
    file.write_text(text, encoding="utf-8")

    def fail(state: Any, event: Any) -> Any:
        raise ZeroDivisionError

    with patch.object(deals, "fold", replace(deals.fold, evolve=fail)):
        found = replayed(read(file))
    assert ("state", "Deal", 2, "deal.opened") in differences(found)


def test_a_difference_in_a_personal_field_is_not_told(crm: StagedCRM, tmp_path: Path) -> None:
    file = tmp_path / "acme.jsonl"
    lines = "\n".join(lines_of(record(crm, personal=True)))
    before, rows = lines.split('{"row_of"', 1)
    file.write_text(before + '{"row_of"' + rows.replace(NAME, "Somebody Else"), encoding="utf-8")
    found = replayed(read(file), [directory])
    assert [(one.name, one.reason) for one in found.differences] == [("directory", "name differs")]


# -- files that are none ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "holds no facts"),
        ('{"recorded_history": 1}', "holds no facts"),
        ('{"recorded_history": 2}', "reads format 1"),
        ("Dear Sir", "line 1: must be one JSON object"),
        ("[]", "line 1: must be a heading"),
        ('{"type": "deal.won", "version": 1, "public": []}', "line 1: must be a heading"),
        ('{"type": "deal.won", "version": "new", "public": {}}', "line 1: must be a heading"),
        ('{"type": "deal.won", "version": 1, "public": {}, "header": {"at": "now"}}', "line 1: must be a heading"),
        (f'\n{{"name": "{NAME}"}}', "line 2: must be a heading"),
    ],
)
def test_a_file_that_is_no_recorded_history_is_refused_with_line_and_rule(text: str, rule: str, tmp_path: Path) -> None:
    file = tmp_path / "letter.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid, match=rule) as refused:
        read(file)
    assert NAME not in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "picture.jsonl"
    file.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(Invalid, match="cannot be read: UnicodeDecodeError"):
        read(file)
