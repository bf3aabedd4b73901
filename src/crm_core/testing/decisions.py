"""Given facts, when a command, then facts or a refusal: a decision tested without a store."""

from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import crm_core
from crm_core.kernel.catalogue import catalogue, discover
from crm_core.kernel.decider import Decision, Fold, decision_for
from crm_core.kernel.errors import Refused
from crm_core.kernel.messages import Command, Event
from crm_core.testing.examples import COMMAND_ID

discover(crm_core)

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
