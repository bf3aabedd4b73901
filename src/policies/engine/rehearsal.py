"""A policy without a database: facts happen, time passes, and one sees what it does."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crm_core.kernel.messages import Command, Event
from crm_core.kernel.recorded import Recorded
from policies.engine.waits import Wake, Woken

if TYPE_CHECKING:
    from policies.engine.policy import Policy


@dataclass(slots=True)
class Rehearsal:
    """A policy in memory: what it remembers by subject, the alarms it has set, the commands it has given."""

    policy: "Policy[Any]"
    now: datetime
    memories: dict[UUID, Any] = field(default_factory=dict)
    alarms: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    given: list[Command] = field(default_factory=list)

    def take(self, fact: Recorded) -> None:
        """A fact of a log: time passes until it was recorded, and history is remembered, not answered."""
        self.pass_until(fact.recorded_at)
        self.happen(fact.event, fact.at, acts=not (self.policy.is_own(fact) or self.policy.is_history(fact)))

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
