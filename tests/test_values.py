"""Whatever the CRM gives back is JSON by one word, and every fact is a sentence."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Erased, Foreign, History, Money, Receipt, Recorded, View, surface
from crm_core.commands import AddContact, AddNote, Command, ForgetPerson, OpenDeal, parse_command
from crm_core.definitions.pipelines import SHIPPED
from crm_core.kernel.catalogue import EventType, erased_copy
from crm_core.kernel.decider import decisions
from crm_core.kernel.ids import ContactId
from crm_core.kernel.personal import ERASED, WITHHELD
from crm_core.kernel.plain import plain
from crm_core.kernel.recorded import Ref
from crm_core.kernel.time import ManualClock
from crm_core.testing import example
from projections import directory, pipeline, standard
from tests.histories import event_types

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
SECRET = "zqx-ada-okafor"  # noqa: S105 - what must not show
ADA = ContactId(UUID("00000000-0000-4000-8000-0000000000ad"))
NOT_GIVEN_BACK = {"CRM", "Request", "Allow", "Deny"}


def told(crm: CRM) -> dict[str, Any]:
    """One of each thing that a caller gets hold of, by the name of its class."""
    receipt = crm.execute(AddContact(contact_id=ADA, name="Ada"), by="ann")
    crm.execute(OpenDeal(title="Roof", amount=Money("12.5", "EUR"), owner="ann", contact_id=ADA), by="ann")
    crm.settle()
    history, status = crm.history(ADA), crm.status()
    values = [receipt, receipt.events[0], history, history[0], history[0].by, history.as_of, crm.view(pipeline), status]
    values += [crm.verify(), status.followers[0], Money("12.5", "EUR"), ERASED, Ref("deal", ADA)]
    values.append(Foreign(type="acme.visit.recorded", type_version=1, public='{"owner":"ann"}', sealed=("notes",)))
    return {type(one).__name__: one for one in values}


@pytest.fixture
def crm() -> Any:
    """A CRM under a clock that stands still."""
    with CRM.open("memory://", follow=[pipeline, directory], clock=ManualClock(NOON)) as opened:
        yield opened


def test_every_value_of_the_public_surface_is_json(crm: CRM) -> None:
    values = told(crm)
    public = {name for name in surface.__all__ if not issubclass(getattr(surface, name), Exception)}
    assert public - NOT_GIVEN_BACK <= values.keys()
    for name, value in values.items():
        document = value.as_dict()
        assert json.loads(json.dumps(document, allow_nan=False)) == document, name
        assert plain(value) == document, name
        assert plain([value, {"one": value}]) == [document, {"one": document}], name


def test_values_are_told_as_json_has_them(crm: CRM) -> None:
    values = told(crm)
    assert values["Money"].as_dict() == {"amount": "12.50", "currency": "EUR"}
    assert values["Actor"].as_dict() == {"kind": "user", "id": "ann"}
    assert (ERASED.as_dict(), WITHHELD.as_dict()) == ({"$erased": "erased"}, {"$erased": "withheld"})
    assert values["AsOf"].as_dict() == {"position": 2, "instant": "2024-03-04T12:00:00.000000Z", "axis": "recorded"}
    assert values["FollowerStatus"].as_dict() == {
        "name": "pipeline", "kind": "view", "on": True, "position": 2, "lag": 0,
        "seconds": 0.0, "halted": None, "parked": 0,
    }  # fmt: skip
    assert values["Status"].as_dict()["followers"][1]["name"] == "directory"
    assert values["Verdict"].as_dict() == {
        "intact": True, "events": 2, "chain": values["Verdict"].chain, "position": None, "what": None,
    }  # fmt: skip
    receipt: Receipt = values["Receipt"]
    assert receipt.as_dict()["events"] == [receipt.events[0].as_dict()]
    assert receipt.as_dict()["versions"] == {str(ADA): 1}


def test_a_history_tells_its_moment_and_its_facts(crm: CRM) -> None:
    history: History = told(crm)["History"]
    document = history.as_dict()
    assert document["as_of"] == history.as_of.as_dict()
    assert document["facts"] == [fact.as_dict() for fact in history]
    added = document["facts"][0]
    assert (added["type"], added["says"], added["event"]["name"]) == ("contact.added", "added Ada", "Ada")
    assert set(added) >= {"id", "stream", "version", "at", "by", "command", "recorded_at", "position"}


def test_a_view_tells_its_position_and_its_rows_now_and_then(crm: CRM) -> None:
    view: View[Any] = told(crm)["View"]
    [row] = view
    document = view.as_dict()
    assert (document["view"], document["position"], document["as_of"]) == ("pipeline", 2, None)
    assert document["rows"] == [row.as_dict()]
    assert document["rows"][0]["amount"] == {"amount": "12.50", "currency": "EUR"}
    assert document["rows"][0]["contact_id"] == str(ADA)
    then = crm.view(pipeline, as_of=1).as_dict()
    assert (then["position"], then["as_of"], then["rows"]) == (1, crm.as_of(1).as_dict(), [])


def test_a_row_of_somebody_who_was_forgotten_is_json_too(crm: CRM) -> None:
    told(crm)
    receipt = crm.execute(ForgetPerson(contact_id=ADA, ground="objection"), by="ann")
    [row] = crm.view(directory, after=receipt).where(id=ADA).as_dict()["rows"]
    assert row["name"] == {"$erased": "erased"}
    assert crm.history(ADA).as_dict()["facts"][0]["event"]["name"] == {"$erased": "erased"}
    assert "Ada" not in json.dumps([crm.view(directory).as_dict(), crm.history(ADA).as_dict()])


@pytest.mark.parametrize("view", standard(), ids=lambda one: one.name)
def test_the_rows_of_every_view_know_themselves_as_json(view: Any) -> None:
    facts = [Recorded.of(example(entry.cls), position=number, at=NOON) for number, entry in enumerate(event_types(), 1)]
    for row in view.replay(facts).values():
        document = row.as_dict()
        assert list(document) == [field.name for field in view.table.fields]
        assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_row_that_tells_itself_otherwise_is_left_as_it_is() -> None:
    from dataclasses import dataclass

    from crm_core.events import DealOpened
    from projections import projection

    @dataclass(frozen=True, slots=True)
    class ShortRow:
        owner: str

        def as_dict(self) -> dict[str, Any]:
            return {"who": self.owner}

    @projection("short_rows", key=lambda event: event.owner)
    def short(row: ShortRow | None, event: DealOpened, seen: Recorded) -> ShortRow:
        return ShortRow(event.owner)

    assert short.row("ann").as_dict() == plain(ShortRow("ann")) == {"who": "ann"}


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (NOON, "2024-03-04T12:00:00.000000Z"),
        (date(2024, 3, 4), "2024-03-04"),
        (timedelta(hours=1), 3600.0),
        (ADA, str(ADA)),
        ((1, frozenset({2})), [1, [2]]),
        ({ADA: None}, {str(ADA): None}),
        (Money, "Money"),
    ],
)
def test_what_json_cannot_hold_is_told_in_what_it_can(value: Any, document: Any) -> None:
    assert plain(value) == document


@pytest.mark.parametrize("decision", decisions(), ids=lambda one: one.command.__name__)
def test_every_command_is_json_and_the_same_again(decision: Any) -> None:
    needs: dict[str, Any] = {
        "ForgetPerson": {"lead_id": None},
        "DefinePipeline": {"stages": SHIPPED["standard"]},
    }
    command: Command = example(decision.command, **needs.get(decision.command.__name__, {}))
    document = command.as_dict()
    assert document["command"] == decision.command.__name__
    again = parse_command(json.dumps(document))
    assert type(again) is decision.command
    assert again == command == parse_command(document)
    assert again.content() == command.content()


# -- sentences ------------------------------------------------------------------------------------------

each_event = pytest.mark.parametrize("entry", event_types(), ids=lambda one: one.name)
Seen = Callable[[Any], Any]


@each_event
def test_every_fact_is_one_sentence(entry: EventType) -> None:
    said = str(Recorded.of(example(entry.cls), at=NOON))
    assert said
    assert said == " ".join(said.split())
    assert "{" not in said
    assert "[" not in said


@each_event
@pytest.mark.parametrize("why", [ERASED, WITHHELD], ids=str)
def test_of_a_forgotten_person_no_sentence_tells_anything(entry: EventType, why: Erased) -> None:
    event = example(entry.cls, prefix=SECRET)
    personal = [str(getattr(event, name)) for name in entry.personal]
    fact = Recorded.of(event.model_copy(update=dict.fromkeys(entry.personal, why)), at=NOON)

    assert str(fact).strip()
    assert SECRET not in f"{fact} {fact!r} {fact.as_dict()}"
    assert not [value for value in personal if len(value) > 3 and value in str(fact)]
    assert (str(why) in str(fact)) == any(f"{{{name}}}" in entry.says for name in entry.personal)


def test_the_sentence_tells_what_is_personal_until_it_is_erased() -> None:
    shown = [one for one in event_types() if any(f"{{{name}}}" in one.says for name in one.personal)]
    assert len(shown) >= 12
    for entry in shown:
        event = example(entry.cls, prefix=SECRET)
        assert SECRET in str(Recorded.of(event, at=NOON)), entry.name
        assert SECRET not in str(Recorded.of(erased_copy(event), at=NOON)), entry.name


def test_a_text_of_several_lines_is_a_sentence_on_one() -> None:
    with CRM.open("memory://", follow=[]) as crm:
        crm.execute(AddContact(contact_id=ADA, name="Ada"), by="ann")
        crm.execute(AddNote(contact_id=ADA, kind="note", text="Called.\n\n  Call back  on Monday."), by="ann")
        assert str(crm.history(ADA)[-1]) == "note: Called. Call back on Monday."
