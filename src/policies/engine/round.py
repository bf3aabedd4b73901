"""One transaction's worth of facts or alarms: what is remembered, which waits change, what is given."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from crm_core.following import Request, Work
from crm_core.kernel.errors import CommandIdReused, CRMError, Denied, Invalid, NotFound, Refused
from crm_core.kernel.ids import derived
from crm_core.kernel.recorded import Actor, Recorded
from crm_core.kernel.time import stamp
from policies.engine import rows
from policies.engine.behaviour import Answer, Behaviour
from policies.engine.rows import Alarm
from policies.engine.waits import Wake, Woken

logger: logging.Logger = logging.getLogger("policies")
logger.addHandler(logging.NullHandler())
M = TypeVar("M")
_REFUSALS = (Refused, Denied, Invalid, NotFound, CommandIdReused)


@dataclass(frozen=True, slots=True)
class Line(Generic[M]):
    """Who acts, how, and under which name its rows are kept."""

    name: str
    rows: str
    actor: Actor
    behaviour: Behaviour[M]


class Round(Generic[M]):
    """Takes facts or rings alarms in order, and writes once, at the end."""

    def __init__(self, line: Line[M], work: Work, keys: Iterable[UUID]) -> None:
        self._line = line
        self._work = work
        self._memories = {
            key: line.behaviour.load(text) for key, text in rows.memories(work.transaction, line.rows, keys).items()
        }
        self._changed: set[UUID] = set()
        self._alarms: dict[tuple[UUID, str], Alarm | None] = {}
        self._requests: list[Request] = []
        self._unanswered = 0

    def take(self, fact: Recorded, key: UUID, *, answered: bool) -> None:
        """Remember a fact and answer it; one that is not answered still ends waits."""
        behaviour = self._line.behaviour
        before = self._memories.get(key, behaviour.initial)
        memory = behaviour.remember(before, fact.event, fact.at)
        if memory != before:
            self._memories[key] = memory
            self._changed.add(key)
        answer = behaviour.answer(memory, fact.event, fact.at)
        if not answer.commands and not answer.waits:
            return
        self._unanswered += not answered
        cause = Alarm(key, "", fact.at, fact.id, fact.correlation_id, fact.position)
        self._wait(answer, cause, answered=answered)
        if answered:
            self._ask(answer, cause)

    def ring(self, alarm: Alarm) -> bool:
        """Answer an alarm; False: an earlier one of this round has cancelled or moved it."""
        if (alarm.key, alarm.name) in self._alarms:
            return False
        behaviour = self._line.behaviour
        memory = self._memories.get(alarm.key, behaviour.initial)
        answer = behaviour.answer(memory, Woken(alarm.name, alarm.due), alarm.due)
        self._wait(answer, alarm, answered=True)
        self._ask(answer, alarm, "alarm", stamp(alarm.due), alarm.key, alarm.name)
        return True

    def _wait(self, answer: Answer, cause: Alarm, *, answered: bool) -> None:
        for wait in answer.waits:
            if not isinstance(wait, Wake):
                self._alarms[cause.key, wait.name] = None
            elif answered:
                self._alarms[cause.key, wait.name] = cause.again(wait.name, wait.due(cause.due))

    def _ask(self, answer: Answer, cause: Alarm, *source: Any) -> None:
        """Put the commands in line, with ids that follow from what they answer: a retry gives the same."""
        for number, command in enumerate(answer.commands):
            command_id = derived(cause.fence, "policy", self._line.name, number, *source)
            self._requests.append(
                Request(
                    command,
                    by=self._line.actor,
                    command_id=command_id,
                    correlation_id=cause.correlation,
                    causation_id=cause.fence,
                )
            )

    def finish(self) -> None:
        """Write everything. Commands come last, since they take the log's lock."""
        transaction, line = self._work.transaction, self._line
        changed = {key: line.behaviour.dump(self._memories[key]) for key in self._changed}
        rows.keep_memories(transaction, line.rows, changed)
        rows.keep_alarms(transaction, line.rows, self._alarms)
        refused = self._give()
        if self._requests or self._unanswered:
            logger.info(
                "%s: %d commands given, %d of them refused; %d facts of the past remembered, not answered",
                *(line.name, len(self._requests), refused, self._unanswered),
            )

    def _give(self) -> int:
        """Carry out the commands in order; how many were refused, which is an outcome like another."""
        if not self._requests:
            return 0
        self._work.transaction.lock_log()  # decided under the lock, they meet no conflict
        outcomes = self._work.execute(self._requests)
        refusals = [(one, got) for one, got in zip(self._requests, outcomes, strict=True) if isinstance(got, CRMError)]
        for request, error in refusals:
            if not isinstance(error, _REFUSALS):
                raise error
            logger.info(
                "%s: %s %s, the answer to event %s, was refused: %s",
                *(self._line.name, type(request.command).__name__, request.command_id, request.causation_id),
                type(error).__name__,
            )
        return len(refusals)
