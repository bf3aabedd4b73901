"""The pure half of a policy: what it remembers of a fact, and what it answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime, timedelta
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin
from uuid import UUID

from pydantic import TypeAdapter

from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.errors import WiringError
from crm_core.kernel.messages import Command, Event
from crm_core.kernel.money import Money
from crm_core.kernel.personal import may_be_erased, personal_fields
from crm_core.kernel.wiring import Place, classes, field_hints, hints_of, members, place_of, wiring_error, yielded
from policies.engine.waits import Sleep, Wake, Woken

M = TypeVar("M")
_PLAIN = (str, int, bool, UUID, datetime, date, timedelta, Money)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a policy answers to one fact or alarm, in order."""

    commands: tuple[Command, ...] = ()
    waits: tuple[Wake | Sleep, ...] = ()


SILENCE = Answer()


class Behaviour(Generic[M]):
    """`evolve` and `react`, wired by their annotations.

    `follows`: the events either of them names. `gives`: the commands that `react` may give. `waits`:
    which of Wake and Sleep it may yield. `place`: where `react` is written.

    Raises:
        WiringError: an annotation does not say what is remembered, followed or given; or the memory
            holds what it must not, such as a personal field.
    """

    def __init__(self, initial: M, evolve: Callable[..., M], react: Callable[..., Iterable[Any]]) -> None:
        self.initial = initial
        self._evolve = evolve
        self._react = react
        self.memory = type(initial)
        _require_plain(self.memory)
        self._codec: TypeAdapter[M] = TypeAdapter(self.memory)
        self._remembered = classes(evolve, "event", _wired(evolve, self.memory)[1], Event)
        if hints_of(evolve)["return"] is not self.memory:
            raise wiring_error(evolve, f"must return {self.memory.__name__}")
        heard = members(_wired(react, self.memory)[1])
        self._heard = _only(react, "event", heard, (Event, Woken))
        answers = yielded(react, hints_of(react)["return"])
        self._answers = _only(react, "return", answers, (Command, Wake, Sleep))
        if (Woken in self._heard) != (Wake in self._answers):
            raise wiring_error(react, "whoever asks with Wake must hear Woken, and the reverse")
        self.follows: tuple[type[Event], ...] = tuple(
            dict.fromkeys([*self._remembered, *(one for one in self._heard if one is not Woken)])
        )
        self.gives: tuple[type[Command], ...] = tuple(one for one in self._answers if issubclass(one, Command))
        self.waits: tuple[type, ...] = tuple(one for one in self._answers if one in (Wake, Sleep))

    @property
    def types(self) -> tuple[str, ...]:
        """The stored names of the events it follows."""
        return tuple(catalogue.of(one).name for one in self.follows)

    @property
    def place(self) -> Place:
        """Where the reaction is written."""
        return place_of(self._react)

    def remember(self, memory: M, event: Event, at: datetime) -> M:
        """The memory after the fact."""
        return self._evolve(memory, event, at) if event.__class__ in self._remembered else memory

    def answer(self, memory: M, cause: Event | Woken, at: datetime) -> Answer:
        """What it answers, its memory of the fact included.

        Raises:
            WiringError: it yields something that its annotation does not name.
        """
        if cause.__class__ not in self._heard:
            return SILENCE
        said = list(self._react(memory, cause, at))
        if not said:
            return SILENCE
        for one in said:
            if one.__class__ not in self._answers:
                raise wiring_error(self._react, f"yields {type(one).__name__}, which its annotation does not name")
        return Answer(
            tuple(one for one in said if isinstance(one, Command)),
            tuple(one for one in said if isinstance(one, Wake | Sleep)),
        )

    def dump(self, memory: M) -> str:
        """The memory as JSON."""
        return self._codec.dump_json(memory, warnings="error").decode()

    def load(self, text: str) -> M:
        """The memory that `dump` wrote."""
        return self._codec.validate_json(text)


def _wired(function: Callable[..., Any], memory: type) -> list[Any]:
    """The annotations of (memory, event, at)."""
    hints = [hint for name, hint in hints_of(function).items() if name != "return"]
    if len(hints) != 3 or hints[0] is not memory or hints[2] is not datetime:  # noqa: PLR2004 - the three
        raise wiring_error(function, f"takes (memory: {memory.__name__}, event: …, at: datetime)")
    return hints


def _only(
    function: Callable[..., Any], parameter: str, found: tuple[Any, ...], bases: tuple[type, ...]
) -> tuple[Any, ...]:
    """What an annotation names, all of it derived from one of the bases."""
    wrong = [one for one in found if not (isinstance(one, type) and issubclass(one, bases)) or one in (Event, Command)]
    if wrong or not found:
        what = f"{wrong[0]!r}" if wrong else "nothing"
        raise wiring_error(
            function, f"annotation of {parameter} names {what}, not {' or '.join(one.__name__ for one in bases)}"
        )
    return found


def _require_plain(memory: type) -> None:
    """A memory is a frozen, slotted dataclass of plain values about nobody in person.

    Raises:
        WiringError: it is something else.
    """
    where = f"{place_of(memory)} {memory.__name__}"
    if not is_dataclass(memory) or not memory.__dataclass_params__.frozen or "__slots__" not in vars(memory):  # type: ignore[attr-defined]
        raise WiringError(f"{where}: a memory is a dataclass(frozen=True, slots=True)")
    hints = field_hints(memory)
    personal = [*personal_fields(hints), *(name for name, hint in hints.items() if may_be_erased(hint))]
    if personal:
        raise WiringError(f"{where}: {personal[0]} is personal; a policy remembers ids and codes only")
    for name, hint in hints.items():
        if not _is_plain(hint):
            raise WiringError(f"{where}: {name} is {hint}; a memory holds text, numbers, ids, times, money, tuples")


def _is_plain(hint: Any) -> bool:
    if hasattr(hint, "__supertype__"):
        return _is_plain(hint.__supertype__)
    if get_origin(hint) is Literal:
        return all(isinstance(one, _PLAIN) for one in get_args(hint))
    if get_origin(hint) is tuple:
        return all(one is Ellipsis or _is_plain(one) for one in get_args(hint))
    parts = members(hint)
    return all(_is_plain(one) for one in parts) if parts != (hint,) else hint in _PLAIN
