"""For tests of your own rules, views and policies: given facts, when a command, then facts.

```python
given(opened).when(WinDeal(deal_id=D, closed_on=TODAY, amount=EUR90)).then(won)
given(opened, lost).when(WinDeal(deal_id=D, closed_on=TODAY)).refused(DealNotOpen)
```

No store is involved: the facts given are folded into the states and definitions that the decision
asks for, each event into the state of its own stream.
"""

import types
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime

import crm_core
from crm_core.kernel.catalogue import catalogue, discover
from crm_core.kernel.decider import Decision, Fold, decision_for
from crm_core.kernel.errors import Refused
from crm_core.kernel.ids import derived
from crm_core.kernel.messages import Command, Event, Message
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Erased, PersonalMark, mark_of

COMMAND_ID = UUID("c0ffee00-0000-4000-8000-000000000000")
"""The id of the command under test: what it leaves out of its ids is derived from this one."""

discover(crm_core)

_M = TypeVar("_M", bound=Message)
_R = TypeVar("_R", bound=Refused)


def given(*events: Event) -> "Given":
    """These facts are on record; none: an empty log."""
    return Given(events)


@dataclass(frozen=True, slots=True)
class Given:
    """A log to decide on."""

    events: tuple[Event, ...]

    def when(self, command: Command) -> "Outcome":
        """The command is executed; ids that it leaves out are derived from `COMMAND_ID`."""
        complete = command.completed(COMMAND_ID)
        decision = decision_for(complete)
        try:
            decided = decision.decide(complete, self._states(decision, complete), self._definitions(decision))
        except Refused as refusal:
            return Outcome((), refusal)
        for event in decided:
            catalogue.of(event).stream(event)
        return Outcome(tuple(decided), None)

    def state(self, fold: Fold[Any], stream: UUID | None = None) -> Any:
        """What a fold makes of these facts, of one stream or of all."""
        return fold.over(
            event
            for event in self.events
            if type(event) in fold.follows and (stream is None or catalogue.of(event).stream(event) == stream)
        )

    def _states(self, decision: Decision, command: Command) -> dict[str, Any]:
        found = {name: (decider.fold, getattr(command, attribute)) for name, attribute, decider in decision.finds}
        return {
            name: fold.initial if stream is None else self.state(fold, stream) for name, (fold, stream) in found.items()
        }

    def _definitions(self, decision: Decision) -> dict[str, Any]:
        return {name: self.state(definition.fold) for name, definition in decision.definitions.items()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the decision came to: events, or a refusal."""

    events: tuple[Any, ...]
    refusal: Refused | None

    def then(self, *expected: Event) -> None:
        """Exactly these facts are recorded, in this order.

        Raises:
            AssertionError: other facts, or a refusal; shows every field that differs, personal ones too.
        """
        if self.refusal is not None:
            raise AssertionError(f"refused: {type(self.refusal).__name__}: {self.refusal}")
        if self.events != expected:
            raise AssertionError("\n".join(["recorded something else:", *_differences(self.events, expected)]))

    def then_nothing(self) -> None:
        """There is nothing to record: it is no news.

        Raises:
            AssertionError: something is recorded, or refused.
        """
        self.then()

    def refused(self, kind: type[_R]) -> _R:
        """A rule says no; gives the refusal, to look at its attributes.

        Raises:
            AssertionError: it was not refused, or for another reason.
        """
        if not isinstance(self.refusal, kind):
            found = "recorded " + ", ".join(map(_shown, self.events)) if self.refusal is None else repr(self.refusal)
            raise AssertionError(f"not refused as {kind.__name__}: {found or 'nothing'}")  # noqa: TRY004 - an assertion
        return self.refusal


def example(cls: type[_M], *, prefix: str = "", **values: Any) -> _M:
    """A message of this class with something sensible in every field that `values` leaves out.

    The same class gives the same example. Personal texts start with `prefix`, so that a test can look
    for them where they must not be.
    """
    fields = cls.model_fields
    made = {
        name: _example_of(_hint(cls, name), name, prefix if isinstance(mark_of(info.metadata), PersonalMark) else "")
        for name, info in fields.items()
        if name not in values
    }
    return cls(**made, **values)


def _hint(cls: type[Message], name: str) -> Any:
    return cls.model_fields[name].annotation


def _example_of(hint: Any, name: str, prefix: str) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _example_of(parts[0], name, prefix)
    if origin in (Union, types.UnionType):
        return _example_of(next(part for part in parts if part not in (None, type(None), Erased)), name, prefix)
    if origin is Literal:
        return parts[0]
    if origin is tuple:
        return (_example_of(parts[0], name, prefix),)
    if isinstance(hint, NewType):
        return _example_of(hint.__supertype__, name, prefix)
    if isinstance(hint, type) and issubclass(hint, Message):
        return example(hint, prefix=prefix)
    return _of_plain(hint, name, prefix)


def _of_plain(hint: Any, name: str, prefix: str) -> Any:
    if hint is str:
        by_name = {"email": f"{prefix}ann@example.com", "phone": "+442079460958"}
        return by_name.get(name, prefix + name)
    plain = {
        UUID: derived(COMMAND_ID, "example", name),
        int: 7,
        bool: True,
        date: date(2024, 3, 1),
        AwareDatetime: datetime(2024, 3, 1, 9, 30, tzinfo=UTC),
        Money: Money("1234.50", "EUR"),
    }
    return plain[hint]


def _differences(found: tuple[Event, ...], expected: tuple[Event, ...]) -> list[str]:
    lines = []
    for number in range(max(len(found), len(expected))):
        got = found[number] if number < len(found) else None
        want = expected[number] if number < len(expected) else None
        if got != want:
            lines += [f"  {number + 1}. expected {_shown(want)}", f"     recorded {_shown(got)}"]
    return lines


def _shown(event: Event | None) -> str:
    return "nothing" if event is None else f"{type(event).__name__} {event.model_dump()}"
