"""Deciders: state folded from events, and the decisions that turn a command into new events."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.errors import UnknownCommand
from crm_core.kernel.messages import Command, Event
from crm_core.kernel.personal import personal_fields
from crm_core.kernel.wiring import Place, classes, field_hints, hints_of, place_of, wiring_error, yielded

_S = TypeVar("_S")


@dataclass(frozen=True, slots=True)
class Fold(Generic[_S]):
    """A state and how facts change it.

    `opens`: whether the state keeps personal values; only then are sealed fields opened for it.
    """

    state: type[_S]
    initial: _S
    evolve: Callable[[_S, Any], _S]
    follows: tuple[type[Event], ...]
    types: tuple[str, ...]
    opens: bool

    def over(self, events: Iterable[Event]) -> _S:
        """The state after these events, from nothing."""
        state = self.initial
        for event in events:
            state = self.evolve(state, event)
        return state


@dataclass(frozen=True)
class Decision:
    """One registered decision.

    `states`: parameter → decider whose stream is `command.<parameter>_id`. `definitions`: parameter →
    definition in force. `emits`: the only event classes it may record.
    """

    function: Callable[..., Iterator[Event]]
    command: type[Command]
    parameter: str
    states: dict[str, "Decider[Any]"]
    definitions: dict[str, "Definition[Any]"]
    emits: tuple[type[Event], ...]

    @property
    def place(self) -> Place:
        """Where the rule is written."""
        return place_of(self.function)

    @cached_property
    def finds(self) -> tuple[tuple[str, str, "Decider[Any]"], ...]:
        """Parameter, the command's attribute that names its stream, and its decider."""
        return tuple((name, f"{name}_id", decider) for name, decider in self.states.items())

    def decide(self, command: Command, states: dict[str, Any], definitions: dict[str, Any]) -> list[Event]:
        """The events that the command leads to, given every state; an empty list: nothing to record.

        Raises:
            Refused: a rule said no.
            WiringError: the decision yields an event that its annotation does not name.
        """
        events = list(self.function(**states, **definitions, **{self.parameter: command}))
        for event in events:
            if event.__class__ not in self.emits:
                raise wiring_error(self.function, f"yields {type(event).__name__}, which its annotation does not name")
        return events


_deciders: dict[type[Any], "Decider[Any]"] = {}
_definitions: dict[type[Any], "Definition[Any]"] = {}
_decisions: dict[type[Command], Decision] = {}


class Decider(Generic[_S]):
    """One noun's state and decisions.

    ```python
    deals = Decider("deal", initial=Deal(), evolve=evolve)

    @deals.decision
    def win(deal: Deal, command: WinDeal) -> Iterator[DealWon]: ...
    ```

    Annotations are the wiring: `evolve`'s second parameter names the events to load, a decision's
    parameters name the states it needs (each found under `<parameter>_id` of the command), the
    definitions in force, and the command; its result names the events it may record.
    """

    def __init__(self, noun: str, *, initial: _S, evolve: Callable[[_S, Any], _S]) -> None:
        self.noun = noun
        self.fold: Fold[_S] = fold_of(initial, evolve)
        self.place: Place = place_of(evolve)
        other = next((one for one in _deciders.values() if one.noun == noun), None)
        if other is not None and other.place.file != self.place.file:
            raise wiring_error(
                evolve, f"the noun {noun!r} has a decider already, at {other.place}; use a name of yours"
            )
        _deciders[self.fold.state] = self

    def decision(self, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Register a decision; the function stays as it is.

        Raises:
            WiringError: the annotations do not say which command, states and events it is about.
        """
        hints = hints_of(function)
        returns = hints.pop("return")
        commands = {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, Command)}
        if len(commands) != 1 or Command in commands.values():
            raise wiring_error(function, "needs exactly one parameter annotated with a command of its own")
        [(parameter, command)] = commands.items()
        states = {name: _deciders[hint] for name, hint in hints.items() if hint in _deciders}
        definitions = {name: _definitions[hint] for name, hint in hints.items() if hint in _definitions}
        strangers = hints.keys() - commands.keys() - states.keys() - definitions.keys()
        if strangers:
            raise wiring_error(function, f"{', '.join(sorted(strangers))} is no state, definition or command")
        named = {*command.model_fields, *dir(command)}
        without = [name for name in states if f"{name}_id" not in named]
        if without:
            raise wiring_error(function, f"{command.__name__} has no field {without[0]}_id to find {without[0]} by")
        if command in _decisions and _decisions[command].place.file != place_of(function).file:
            raise wiring_error(function, f"{command.__name__} is already decided at {_decisions[command].place}")
        emits = yielded(function, returns)
        _decisions[command] = Decision(
            function, command, parameter, states, definitions, classes(function, "return", _union(emits), Event)
        )
        return function


class Definition(Generic[_S]):
    """Configuration as events: one state folded over every event of its types, whatever the stream.

    A decision that names the state class as a parameter is given the definitions in force.
    """

    def __init__(self, name: str, *, initial: _S, evolve: Callable[[_S, Any], _S]) -> None:
        self.name = name
        self.fold: Fold[_S] = fold_of(initial, evolve)
        _definitions[self.fold.state] = self


def fold_of(initial: _S, evolve: Callable[[_S, Any], _S]) -> Fold[_S]:
    """The fold that a function's annotations describe.

    Raises:
        WiringError: the second parameter names no events.
    """
    hints = hints_of(evolve)
    names = [name for name in hints if name != "return"]
    if len(names) != 2:  # noqa: PLR2004 - state and event
        raise wiring_error(evolve, "takes a state and an event")
    follows = classes(evolve, names[1], hints[names[1]], Event)
    state = type(initial)
    kept = personal_fields(field_hints(state))
    return Fold(state, initial, evolve, follows, tuple(catalogue.of(one).name for one in follows), bool(kept))


def decision_for(command: Command | type[Command]) -> Decision:
    """The decision that handles a command.

    Raises:
        UnknownCommand: it is no command, or nothing decides it.
    """
    cls = command if isinstance(command, type) else type(command)
    try:
        return _decisions[cls]
    except KeyError:
        raise UnknownCommand(f"{cls.__name__} is no command that anything decides", command=cls.__name__) from None


def decisions() -> list[Decision]:
    """Every registered decision, by command name."""
    return sorted(_decisions.values(), key=lambda one: one.command.__name__)


def deciders() -> list[Decider[Any]]:
    """Every registered decider, by noun."""
    return sorted(_deciders.values(), key=lambda one: one.noun)


def definitions() -> list[Definition[Any]]:
    """Every registered definition, by name."""
    return sorted(_definitions.values(), key=lambda one: one.name)


def _union(parts: tuple[Any, ...]) -> Any:
    union = parts[0] if parts else None
    for part in parts[1:]:
        union = union | part
    return union
