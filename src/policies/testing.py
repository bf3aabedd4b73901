"""Tell a policy a story and see what it does: no database, no clock, the same story the same answer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from crm_core.kernel.messages import Command, Event
from crm_core.kernel.recorded import Recorded
from policies.engine.policy import Policy
from policies.engine.waits import Wake, Woken

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When every story begins: a Monday morning."""


def tell(policy: Policy[Any], *story: Event | Recorded | timedelta) -> list[Command]:
    """The commands that the policy gives in the course of a story.

    An event happens where the clock stands; a `timedelta` lets time pass, and alarms fire in order as
    they come due. A `Recorded` fact brings its own times and actor, so that history and the policy's
    own doing can be told too; the clock moves on to when it was recorded.
    """
    teller = _Teller(policy)
    for step in story:
        match step:
            case timedelta():
                teller.pass_until(teller.now + step)
            case Recorded():
                teller.pass_until(step.recorded_at)
                teller.happen(step.event, step.at, acts=not (policy.is_own(step) or policy.is_history(step)))
            case Event():
                teller.happen(step, teller.now, acts=True)
    return teller.given


@dataclass(slots=True)
class _Teller:
    policy: Policy[Any]
    now: datetime = START
    memories: dict[UUID, Any] = field(default_factory=dict)
    alarms: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    given: list[Command] = field(default_factory=list)

    def happen(self, event: Event, at: datetime, *, acts: bool) -> None:
        """A fact is recorded; one that the policy does not follow passes it by."""
        behaviour = self.policy.behaviour
        key = self.policy.key(event) if type(event) in behaviour.follows else None
        if key is not None:
            memory = behaviour.remember(self.memories.get(key, behaviour.initial), event, at)
            self.memories[key] = behaviour.load(behaviour.dump(memory))
            self._answer(key, event, at, acts=acts)

    def pass_until(self, until: datetime) -> None:
        """Time passes; whatever comes due meanwhile fires, the earliest first."""
        while self.alarms:
            (key, name), due = min(self.alarms.items(), key=lambda item: (item[1], item[0]))
            if due > until:
                break
            del self.alarms[key, name]
            self.now = max(self.now, due)
            self._answer(key, Woken(name, due), due, acts=True)
        self.now = max(self.now, until)

    def _answer(self, key: UUID, cause: Event | Woken, at: datetime, *, acts: bool) -> None:
        behaviour = self.policy.behaviour
        answer = behaviour.answer(self.memories.get(key, behaviour.initial), cause, at)
        for wait in answer.waits:
            if not isinstance(wait, Wake):
                self.alarms.pop((key, wait.name), None)
            elif acts:
                self.alarms[key, wait.name] = wait.due(at)
        self.given.extend(answer.commands if acts else ())
