"""Annotations are the wiring; what cannot be wired says where."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import pytest

from crm_core.commands import AddTask, RequestMessage
from crm_core.events import DemoHeld, LeadAssigned, LeadQualified
from crm_core.kernel.errors import WiringError
from crm_core.kernel.ids import LeadId, UserId
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Personal
from policies import Policy, Sleep, Wake, Woken
from policies.engine.behaviour import Behaviour
from policies.testing import START, tell
from tests.story import KIM, LEAD, assigned


@dataclass(frozen=True, slots=True)
class Kept:
    lead: LeadId | None = None
    owners: tuple[UserId, ...] = ()
    state: Literal["new", "old"] = "new"
    at: datetime | None = None
    on: date | None = None
    amount: Money | None = None
    patience: timedelta = timedelta(0)
    closed: bool = False


@dataclass
class Loose:
    n: int = 0


@dataclass(frozen=True, slots=True)
class Nosy:
    name: Personal[str] = ""


@dataclass(frozen=True, slots=True)
class Vague:
    score: float = 0.0


def remember(kept: Kept, event: LeadAssigned | DemoHeld, at: datetime) -> Kept:
    return kept


def react(kept: Kept, event: LeadAssigned | LeadQualified | Woken, at: datetime) -> Iterator[AddTask | Wake | Sleep]:
    yield Wake(after=timedelta(hours=1))


def test_it_follows_what_either_function_names() -> None:
    behaviour = Behaviour(Kept(), remember, react)
    assert behaviour.follows == (LeadAssigned, DemoHeld, LeadQualified)
    assert behaviour.types == ("lead.assigned", "demo.held", "lead.qualified")
    assert behaviour.gives == (AddTask,)
    assert behaviour.waits == (Wake, Sleep)
    assert str(behaviour.place).startswith("tests/policies/engine/test_behaviour.py:")


def test_a_memory_comes_back_as_it_was() -> None:
    behaviour = Behaviour(Kept(), remember, react)
    full = Kept(LEAD, (KIM,), "old", START, START.date(), Money("1.50", "EUR"), timedelta(days=2), closed=True)
    assert behaviour.load(behaviour.dump(full)) == full
    assert behaviour.load(behaviour.dump(Kept())) == Kept()


def no_annotations(kept, event, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return kept


def two_arguments(kept: Kept, event: LeadAssigned) -> Kept:
    return kept


def other_memory(kept: Vague, event: LeadAssigned, at: datetime) -> Kept:
    return Kept()


def returns_nothing(kept: Kept, event: LeadAssigned, at: datetime) -> None: ...


def remembers_alarms(kept: Kept, event: LeadAssigned | Woken, at: datetime) -> Kept:
    return kept


def gives_no_command(kept: Kept, event: LeadAssigned, at: datetime) -> Iterator[str]:
    yield ""


def hears_no_event(kept: Kept, event: str, at: datetime) -> Iterator[AddTask]:
    yield from ()


def never_wakes(kept: Kept, event: LeadAssigned, at: datetime) -> Iterator[Wake]:
    yield Wake(at=at)


def never_asks(kept: Kept, event: LeadAssigned | Woken, at: datetime) -> Iterator[AddTask]:
    yield from ()


@pytest.mark.parametrize(
    ("evolve", "answer", "says"),
    [
        (no_annotations, react, "no_annotations: no annotation on kept, event, at, return"),
        (two_arguments, react, "two_arguments: takes \\(memory: Kept, event: …, at: datetime\\)"),
        (other_memory, react, "other_memory: takes \\(memory: Kept"),
        (returns_nothing, react, "returns_nothing: must return Kept"),
        (remembers_alarms, react, "remembers_alarms: annotation of event: .*Woken.* is no Event"),
        (
            remember,
            gives_no_command,
            "gives_no_command: annotation of return names .*str.*, not Command or Wake or Sleep",
        ),
        (remember, hears_no_event, "hears_no_event: annotation of event names .*str.*, not Event or Woken"),
        (remember, never_wakes, "never_wakes: whoever asks with Wake must hear Woken"),
        (remember, never_asks, "never_asks: whoever asks with Wake must hear Woken"),
    ],
)
def test_functions_that_cannot_be_wired_are_refused_with_file_and_line(
    evolve: Callable[..., Any], answer: Callable[..., Iterable[Any]], says: str
) -> None:
    with pytest.raises(WiringError, match=rf"^tests/policies/engine/test_behaviour.py:\d+ {says}"):
        Behaviour(Kept(), evolve, answer)


@pytest.mark.parametrize(
    ("memory", "says"),
    [
        (Loose(), r"Loose: a memory is a dataclass\(frozen=True, slots=True\)"),
        (Nosy(), "Nosy: name is personal; a policy remembers ids and codes only"),
        (Vague(), "Vague: score is <class 'float'>; a memory holds"),
    ],
)
def test_a_memory_holds_plain_values_about_nobody_in_person(memory: object, says: str) -> None:
    with pytest.raises(WiringError, match=rf"^tests/policies/engine/test_behaviour.py:\d+ {says}"):
        Behaviour(memory, remember, react)


@pytest.mark.parametrize("name", ["Thank you", "thank/1", "", "ThankYou"])
def test_a_name_is_a_lower_case_identifier(name: str) -> None:
    with pytest.raises(WiringError, match="lower-case words"):
        Policy(name, key=lambda event: event.lead_id, initial=Kept(), evolve=remember, react=react)


def test_a_policy_gives_only_what_its_annotation_names() -> None:
    def liar(kept: Kept, event: LeadAssigned, at: datetime) -> Iterator[AddTask]:
        yield RequestMessage(contact_id=LEAD, template="x", reason="x")  # type: ignore[misc,arg-type]

    lying = Policy("lying", key=lambda event: event.lead_id, initial=Kept(), evolve=remember, react=liar)
    with pytest.raises(WiringError, match=r"test_behaviour.py:\d+ .*liar: yields RequestMessage, which its annotation"):
        tell(lying, assigned)
