"""Annotations are the wiring: every way to write them is read, and what cannot be read is refused at import."""

import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crm_core.errors import CatalogueError, WiringError
from crm_core.events import DealLost, DealWon
from crm_core.kernel import decider

STRINGS = "from __future__ import annotations\n"
HEAD = """
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Never, Optional, Union

from typing_extensions import TypeAliasType

from crm_core import Recorded
from crm_core.commands import AddTask, Command
from crm_core.events import DealLost, DealWon, Event
from crm_core.kernel.decider import Decider, Definition
from crm_core.kernel.ids import DealId
from crm_core.kernel.personal import Personal, Public
from policies import Policy
from projections import projection

if TYPE_CHECKING:
    from crm_core.events import DealOpened as Hidden


@dataclass(frozen=True, slots=True)
class Odd:
    deal_id: DealId = DealId(0)


class Try(Command):
    odd_id: Public[DealId]


Both = DealWon | DealLost
Aliased = TypeAliasType("Aliased", Both)
Nested = TypeAliasType("Nested", Union[Aliased, DealWon])
"""
PLACES = {
    "decider": """
        def evolve(odd: Odd, event: {it}) -> Odd:
            return odd

        made = Decider("odd", initial=Odd(), evolve=evolve)
    """,
    "definition": """
        def evolve(odd: Odd, event: {it}) -> Odd:
            return odd

        made = Definition("odd", initial=Odd(), evolve=evolve)
    """,
    "decision": """
        def evolve(odd: Odd, event: DealWon) -> Odd:
            return odd

        def decide(odd: Odd, command: Try) -> Iterator[{it}]:
            yield from ()

        odds = Decider("odd", initial=Odd(), evolve=evolve)
        odds.decision(decide)
    """,
    "projection": """
        def fold(row: Odd | None, event: {it}, seen: Recorded) -> Odd | None:
            return row

        made = projection("odd", key=lambda event: event.deal_id)(fold)
    """,
    "memory": """
        def remember(odd: Odd, event: {it}, at: datetime) -> Odd:
            return odd

        def react(odd: Odd, event: DealWon, at: datetime) -> Iterator[AddTask]:
            yield from ()

        made = Policy("odd", key=lambda event: event.deal_id, initial=Odd(), evolve=remember, react=react)
    """,
    "reaction": """
        def remember(odd: Odd, event: DealWon, at: datetime) -> Odd:
            return odd

        def react(odd: Odd, event: {it}, at: datetime) -> Iterator[AddTask]:
            yield from ()

        made = Policy("odd", key=lambda event: event.deal_id, initial=Odd(), evolve=remember, react=react)
    """,
}
WHERE = {
    "decider": ("evolve", "event"),
    "definition": ("evolve", "event"),
    "decision": ("decide", "return"),
    "projection": ("fold", "event"),
    "memory": ("remember", "event"),
    "reaction": ("react", "event"),
}
each_place = pytest.mark.parametrize("place", PLACES)
each_style = pytest.mark.parametrize("style", ["", STRINGS], ids=["plain", "strings"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where modules are written; what they declare is forgotten afterwards."""
    for registry in ("_deciders", "_definitions", "_decisions"):
        monkeypatch.setattr(decider, registry, dict(getattr(decider, registry)))
    monkeypatch.setitem(sys.modules, "odd", ModuleType("odd"))
    return tmp_path


def imported(folder: Path, text: str) -> dict[str, Any]:
    """The names of a module with this text, imported as `odd`."""
    file = folder / "odd.py"
    file.write_text(text)
    module = sys.modules["odd"]
    module.__file__ = str(file)
    exec(compile(text, file, "exec"), vars(module))  # noqa: S102 - what importing does
    return vars(module)


def wired(place: str, it: str) -> str:
    return HEAD + textwrap.dedent(PLACES[place]).format(it=it)


def follows(names: dict[str, Any]) -> set[type]:
    """The events that what was declared names."""
    if "odds" in names:
        return set(decider.decision_for(names["Try"]).emits)
    made = names["made"]
    if hasattr(made, "behaviour"):
        return set(made.behaviour.follows)
    return set(made.follows if hasattr(made, "follows") else made.fold.follows)


WAYS = ["Both", "DealWon | DealLost", "Union[DealWon, DealLost]", "Annotated[Both, 1]", "Aliased", "Nested"]
QUOTED = ["'Both'", "'DealWon | DealLost'", "Union['DealWon', 'DealLost']"]


@each_place
@each_style
@pytest.mark.parametrize("it", [*WAYS, *QUOTED])
def test_every_way_to_write_a_union_is_read(it: str, style: str, place: str, folder: Path) -> None:
    assert follows(imported(folder, style + wired(place, it))) == {DealWon, DealLost}


TYPE = "type {name} = {value}" if sys.version_info >= (3, 12) else "{name} = TypeAliasType('{name}', {value})"


@each_place
@each_style
def test_a_type_statement_is_read(style: str, place: str, folder: Path) -> None:
    spelled = TYPE.format(name="Spelled", value="DealWon | DealLost")
    text = wired(place, "Spelled").replace("Both = ", f"{spelled}\nBoth = ")
    assert follows(imported(folder, style + text)) == {DealWon, DealLost}


@each_place
@each_style
@pytest.mark.parametrize(
    ("it", "unknown"),
    [("'Hidden'", "Hidden"), ("'DealWon | Hidden'", "Hidden"), ("'DealGone'", "DealGone"), ("Later", "DealGone")],
)
def test_a_name_that_is_not_there_at_run_time_is_refused_with_file_function_and_annotation(
    it: str, unknown: str, style: str, place: str, folder: Path
) -> None:
    later = TYPE.format(name="Later", value="DealWon | DealGone" if sys.version_info >= (3, 12) else "'DealGone'")
    text = wired(place, it).replace("Both = ", f"{later}\nBoth = ")
    function, parameter = WHERE[place]
    with pytest.raises(WiringError, match=rf"odd\.py:\d+ {function}: annotation of {parameter}.*'{unknown}'") as caught:
        imported(folder, style + text)
    assert "is it imported at run time?" in str(caught.value) or (it == "Later" and sys.version_info < (3, 12))


@each_place
@each_style
@pytest.mark.parametrize("it", ["None", "Never", "Event", "DealWon | Event", "int", "DealWon | int", "DealWon | Try"])
def test_a_subscription_to_nothing_everything_or_no_event_is_refused(
    it: str, style: str, place: str, folder: Path
) -> None:
    if (place, it) == ("projection", "Event"):
        assert imported(folder, style + wired(place, it))["made"].types is None  # a view may follow everything
        return
    function, parameter = WHERE[place]
    with pytest.raises(WiringError, match=rf"odd\.py:\d+ {function}: annotation of {parameter}"):
        imported(folder, style + wired(place, it))


@each_style
@pytest.mark.parametrize(
    ("signature", "why"),
    [
        ("odd: Odd, command: Try", "no annotation on return"),
        ("odd: Odd, command: Try) -> DealWon", r"must return Iterator\[\.\.\.\]"),
        ("odd: Odd, command: Try) -> Iterator", r"must return Iterator\[\.\.\.\]"),
        ("odd: Odd, command) -> Iterator[DealWon]", "no annotation on command"),
        ("odd: Odd, command: 'Hidden') -> Iterator[DealWon]", "annotation of command cannot be resolved"),
        ("odd: 'Hidden', command: Try) -> Iterator[DealWon]", "annotation of odd cannot be resolved"),
        ("odd: Odd) -> Iterator[DealWon]", "needs exactly one parameter annotated with a command of its own"),
        ("odd: Odd, command: Command) -> Iterator[DealWon]", "needs exactly one parameter"),
        ("odd: Odd, command: Try, again: AddTask) -> Iterator[DealWon]", "needs exactly one parameter"),
        ("odd: Odd, command: Try, more: int) -> Iterator[DealWon]", "more is no state, definition or command"),
        ("other: Odd, command: Try) -> Iterator[DealWon]", "Try has no field other_id to find other by"),
    ],
)
def test_a_decision_that_does_not_say_what_it_is_about_is_refused(
    signature: str, why: str, style: str, folder: Path
) -> None:
    whole = signature if ")" in signature else f"{signature})"
    text = wired("decision", "DealWon").replace("odd: Odd, command: Try) -> Iterator[DealWon]", whole)
    with pytest.raises(WiringError, match=rf"odd\.py:\d+ decide: {why}"):
        imported(folder, style + text)


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("at: Public[Later]", "annotation of at cannot be resolved .*'Later'.*imported at run time"),
        ("at: Hidden", "annotation of at cannot be resolved .*'Hidden'"),
    ],
)
@pytest.mark.parametrize("of", ["state", "row", "memory", "event", "command"])
def test_a_field_whose_type_is_not_there_at_run_time_is_refused(field: str, why: str, of: str, folder: Path) -> None:
    text = HEAD + textwrap.dedent(PLACES[{"state": "decider", "row": "projection"}.get(of, "memory")])
    text = STRINGS + text.format(it="DealWon")
    if of in ("event", "command"):
        base = "Command" if of == "command" else "Event, type='acme.odd.seen'"
        text += f"\nclass Seen({base}):\n    odd_id: Public[DealId]\n    {field}\n"
        name = "Seen"
    else:
        text = text.replace("DealId = DealId(0)", f"DealId = DealId(0)\n    {field} = None", 1)
        name = "Odd"
    with pytest.raises(WiringError, match=rf"odd\.py:\d+ {name}: {why}"):
        imported(folder, text)


def test_a_field_of_an_event_that_nobody_marked_is_refused(folder: Path) -> None:
    text = "\nclass Seen(Event, type='acme.odd.seen'):\n    odd_id: Public[DealId]\n    words: str\n"
    with pytest.raises(CatalogueError, match=r"odd\.py:\d+ Seen: words is marked neither Public nor Personal"):
        imported(folder, HEAD + text)


def test_a_personal_field_is_personal_under_an_alias_or_refused(folder: Path) -> None:
    text = (
        "\nWords = TypeAliasType('Words', Personal[str])\n"
        "class Seen(Event, type='acme.odd.seen'):\n    odd_id: Public[DealId]\n    words: Words\n"
    )
    with pytest.raises(CatalogueError, match="words is marked neither Public nor Personal"):
        imported(folder, HEAD + text)
    fields = "    contact_id: ContactId | None = None\n    words: Words | None = None\n"
    row = wired("projection", "DealWon").replace("DealId = DealId(0)\n", f"DealId = DealId(0)\n{fields}")
    row = row.replace("@dataclass", "Words = TypeAliasType('Words', Personal[str])\n\n@dataclass", 1)
    row = row.replace("import DealId", "import ContactId, DealId")
    assert imported(folder, row)["made"].opens is True
