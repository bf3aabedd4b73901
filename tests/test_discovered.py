"""What holds for every event, every state and every command there is, found by discovery."""

import dataclasses
import inspect
import json
from string import Formatter
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest

import crm_core.commands
import crm_core.errors
import crm_core.events
from crm_core.definitions.pipelines import SHIPPED
from crm_core.errors import CRMError, Invalid
from crm_core.events import AccountAdded
from crm_core.kernel import errors as kernel_errors
from crm_core.kernel.catalogue import EventType, catalogue, erased_copy, sentence
from crm_core.kernel.decider import Fold, deciders, decision_for, decisions, definitions
from crm_core.kernel.messages import Command, Event, Message
from crm_core.kernel.personal import WITHHELD, Erased, PersonalMark, PublicMark, mark_of
from crm_core.testing import example
from tests.histories import event_types, stored

SECRET = "zqx-ada-okafor"  # noqa: S105 - what must not show

EVENTS = event_types()
COMMANDS = [one.command for one in decisions() if one.command.__module__.startswith("crm_core.")]
FOLDS: list[Fold[Any]] = [
    fold
    for fold in [*(one.fold for one in deciders()), *(one.fold for one in definitions())]
    if fold.state.__module__.startswith("crm_core.")
]
NEEDS: dict[type[Command], dict[str, Any]] = {
    crm_core.commands.ForgetPerson: {"lead_id": None},
    crm_core.commands.DefinePipeline: {"stages": SHIPPED["standard"]},
}


def _called(thing: Any) -> str:
    return thing.name if isinstance(thing, EventType) else getattr(thing, "state", thing).__name__


each_event = pytest.mark.parametrize("entry", EVENTS, ids=_called)
each_fold = pytest.mark.parametrize("fold", FOLDS, ids=_called)
each_command = pytest.mark.parametrize("cls", COMMANDS, ids=_called)


def secretive(cls: type[Command]) -> Command:
    return example(cls, prefix=SECRET, **NEEDS.get(cls, {}))


def test_there_is_something_to_look_at() -> None:
    assert len(EVENTS) >= 45
    assert len(COMMANDS) >= 44
    assert len(FOLDS) >= 13


@each_event
def test_every_field_of_an_event_is_marked_and_what_is_personal_can_be_erased(entry: EventType) -> None:
    for name, info in entry.cls.model_fields.items():
        mark = mark_of(info.metadata)
        assert isinstance(mark, PublicMark | PersonalMark), f"{entry.name}.{name}: nobody decided"
        assert (Erased in get_args(info.annotation)) == isinstance(mark, PersonalMark), f"{entry.name}.{name}"


@each_event
def test_every_event_says_what_it_means(entry: EventType) -> None:
    assert entry.meaning.endswith((".", "`.")), "the docstring's first line is a sentence"
    fields = {name for _, name, _, _ in Formatter().parse(entry.says) if name is not None}
    assert entry.says
    assert fields <= entry.cls.model_fields.keys()
    assert sentence(example(entry.cls))
    assert "[erased]" in sentence(erased_copy(example(entry.cls))) or not fields & entry.personal.keys()


@each_event
def test_every_event_has_a_stream_and_goes_into_storage_and_back(entry: EventType) -> None:
    event = example(entry.cls)
    assert isinstance(entry.stream(event), UUID)
    assert stored(event).read() == event
    assert stored(erased_copy(event)).read() == erased_copy(event)


@each_event
def test_what_is_withheld_from_a_reader_is_not_what_was_erased(entry: EventType) -> None:
    event = example(entry.cls)
    withheld = json.dumps({name: {"$erased": "withheld"} for name in entry.personal})
    seen = entry.read(entry.version, event.model_dump_json(exclude=set(entry.personal)), withheld)
    assert seen == event.model_copy(update=dict.fromkeys(entry.personal, WITHHELD))
    assert (seen == erased_copy(event)) == (not entry.personal)


@each_event
def test_some_decision_records_it(entry: EventType) -> None:
    assert any(entry.cls in one.emits for one in decisions())


@each_event
def test_no_repr_of_an_event_shows_anything_personal(entry: EventType) -> None:
    event = example(entry.cls, prefix=SECRET)
    assert SECRET not in repr(event)
    assert SECRET not in str(event)
    assert SECRET not in str(_error(entry.cls, {**event.model_dump(), "no_such_field": SECRET}))


@each_fold
def test_a_state_is_frozen_and_slotted_and_holds_nothing_personal(fold: Fold[Any]) -> None:
    assert dataclasses.is_dataclass(fold.state)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(fold.initial, dataclasses.fields(fold.state)[0].name, None)
    assert not hasattr(fold.initial, "__dict__")
    assert not fold.opens
    hints = get_type_hints(fold.state)
    assert (
        not {name for name in hints if name in {"name", "email", "phone", "title", "subject", "body"}} - _PUBLIC_NAMES
    )


_PUBLIC_NAMES = {"name"}  # an account's, which is no person's


@each_fold
def test_a_fold_is_deterministic_and_does_not_mind_what_was_erased(fold: Fold[Any]) -> None:
    events = [example(cls) for cls in fold.follows]
    for state in (fold.initial, fold.over(events)):
        for event in events:
            before = repr(state)
            after = fold.evolve(state, event)
            assert isinstance(after, fold.state)
            assert fold.evolve(state, event) == after
            assert fold.evolve(state, erased_copy(event)) == after
            assert repr(state) == before, "a fold leaves the state it is given alone"
    assert fold.over(map(erased_copy, events)) == fold.over(events)


@each_command
def test_every_command_says_what_it_means_and_something_decides_it(cls: type[Command]) -> None:
    assert inspect.getdoc(cls)
    assert decision_for(cls).function.__doc__
    assert getattr(crm_core.commands, cls.__name__) is cls


@each_command
def test_every_refusal_that_a_command_lists_exists(cls: type[Command]) -> None:
    _, _, raises = (inspect.getdoc(cls) or "").partition("Raises:\n")
    for line in raises.splitlines():
        for name in line.partition(":")[0].split(","):
            assert issubclass(getattr(crm_core.errors, name.strip()), CRMError)


@each_command
def test_no_repr_of_a_command_shows_anything_personal(cls: type[Command]) -> None:
    command = secretive(cls)
    assert SECRET not in repr(command)
    assert SECRET not in str(command)
    assert all(isinstance(mark_of(info.metadata), PublicMark | PersonalMark) for info in cls.model_fields.values())


@each_command
def test_no_error_about_wrong_input_repeats_it(cls: type[Command]) -> None:
    right = secretive(cls).model_dump()
    wrongs: list[Any] = [SECRET, f"{SECRET}@", f"\0{SECRET}", SECRET * 5_000, [SECRET], {SECRET: SECRET}, Unheard()]
    for name in cls.model_fields:
        for wrong in wrongs:
            assert SECRET not in str(_error(cls, {**right, name: wrong}))
    unheard_of = _error(cls, {**right, "no_such_field": SECRET})
    assert unheard_of is not None
    assert SECRET not in str(unheard_of)


class Unheard:
    """Something that is no field's type and tells everything about itself."""

    def __repr__(self) -> str:
        return SECRET


def _error(cls: type[Message], values: dict[str, Any]) -> Invalid | None:
    try:
        cls(**values)
    except Invalid as error:
        return (
            error if error.__cause__ is None and error.__suppress_context__ else pytest.fail("shows pydantic's error")
        )
    return None


@pytest.mark.parametrize("decision", decisions(), ids=lambda one: one.command.__name__)
def test_a_personal_fact_comes_from_a_private_field(decision: Any) -> None:
    private = {name for name, info in decision.command.model_fields.items() if _is_personal(info.metadata)}
    for event in decision.emits:
        for name, info in event.model_fields.items():
            same = decision.command.model_fields.get(name)
            assert same is None or name not in private or _is_personal(info.metadata) or (event, name) in _REVIEWED


_REVIEWED = {(AccountAdded, "name")}  # of the company, not of the person converted with it


def _is_personal(metadata: list[Any]) -> bool:
    return isinstance(mark_of(metadata), PersonalMark)


def test_everything_is_under_one_roof() -> None:
    assert {getattr(crm_core.events, name) for name in crm_core.events.__all__} == {
        Event,
        *(one.cls for one in EVENTS if one.cls.__module__.startswith("crm_core.")),
    }
    assert {getattr(crm_core.commands, name) for name in crm_core.commands.__all__} == {Command, *COMMANDS}


def test_the_tree_of_errors_is_whole() -> None:
    drawn = f"{crm_core.errors.__doc__}{kernel_errors.__doc__}"
    for name in crm_core.errors.__all__:
        assert issubclass(getattr(crm_core.errors, name), CRMError | ValueError)
        assert f"{name} " in drawn or name in {"CRMError", "MoneyError"}


def test_every_type_is_named_noun_and_participle() -> None:
    for entry in catalogue:
        *host, noun, participle = entry.name.split(".")
        assert noun.isidentifier()
        assert participle.isidentifier()
        assert bool(host) == (not entry.cls.__module__.startswith("crm_core."))
