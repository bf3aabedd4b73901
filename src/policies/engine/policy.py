"""A policy follows the log, remembers what matters to it, and answers facts and alarms with commands."""

import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

from crm_core.following import Work
from crm_core.kernel.errors import CommandIdReused, CRMError, Denied, Invalid, NotFound, Refused, WiringError
from crm_core.kernel.ids import derived
from crm_core.kernel.messages import Event
from crm_core.kernel.recorded import Actor, Receipt, Recorded
from crm_core.kernel.time import stamp
from crm_core.store.port import Transaction
from crm_core.writing import Request
from policies.engine import rows
from policies.engine.behaviour import Answer, Behaviour
from policies.engine.rows import Alarm
from policies.engine.waits import Wake, Woken

logger = logging.getLogger("policies")
M = TypeVar("M")
ALARMS_AT_ONCE = 200
"""How many alarms one transaction fires at most."""
_OUTCOMES = (Receipt, Refused, Denied, Invalid, NotFound, CommandIdReused)


class Policy(Generic[M]):
    """One automation: `evolve` folds its memory of a subject, `react` answers; both pure.

    ```python
    thank_on_purchase = Policy(
        "thank_on_purchase", key=lambda event: event.purchase_id, initial=Thanks(), evolve=remember, react=react
    )
    ```

    `remember(memory, event, at)` gives the memory after the fact, `react(memory, event, at)` yields
    commands, `Wake` and `Sleep`, seeing that memory; `at` is when the fact happened or the alarm was
    due. Their annotations are the wiring. `key` names the subject a fact is about (None: nobody's
    business). Nothing is given twice: a command's id follows from the fact or alarm it answers.

    Facts it does not answer are remembered, and still end waits: those from before it was switched
    on, its own doing, and history, which is whatever an import recorded or anybody recorded more than
    `max_age` after it happened (`react_to_history` makes it answer those as well). `version` grows with
    every change of the memory, which is then folded anew.

    Raises:
        WiringError: see `Behaviour`; or the name is no identifier.
    """

    kind: Final[Literal["policy"]] = "policy"
    opens: Final = False

    def __init__(
        self,
        name: str,
        *,
        key: Callable[[Any], UUID | None],
        initial: M,
        evolve: Callable[..., M],
        react: Callable[..., Iterable[Any]],
        version: int = 1,
        max_age: timedelta = timedelta(days=1),
        react_to_history: bool = False,
    ) -> None:
        if not name.isidentifier() or name != name.lower():
            raise WiringError(f"policy {name!r}: a name is lower-case words joined by underscores")
        self.name = name
        self.key = key
        self.version = version
        self.max_age = max_age
        self.react_to_history = react_to_history
        self.behaviour = Behaviour(initial, evolve, react)
        self.place = self.behaviour.place
        self.types = self.behaviour.types
        self.checkpoint = f"policy:{name}/{version}"
        self.actor = Actor("policy", name)
        self.module = react.__module__
        module = inspect.getmodule(react)
        self.meaning = (module.__doc__ or "").strip().partition("\n")[0] if module else ""
        self._rows = f"{name}/{version}"

    def __repr__(self) -> str:
        return f"<Policy {self._rows}>"

    # -- a follower -----------------------------------------------------------------------------

    def prepare(self, transaction: Transaction) -> None:
        """Create the tables of memories and alarms if they are not there."""
        rows.create_tables(transaction)

    def reset(self, transaction: Transaction) -> None:
        """Remove this policy's memories and alarms. What it gave stays given: the same fact gives the same ids."""
        rows.forget(transaction, self._rows)

    def next_alarm(self, transaction: Transaction) -> datetime | None:
        """When the earliest alarm is due; None: none is set."""
        return rows.earliest(transaction, self._rows)

    def fold(self, work: Work) -> None:
        """Remember each fact and answer it, all in the transaction that moves the checkpoint."""
        keyed = [(fact, key) for fact in work.facts if (key := self.key(fact.event)) is not None]
        round_ = _Round(self, work, self._recall(work.transaction, [key for _, key in keyed]))
        for fact, key in keyed:
            round_.take(fact, key)
        round_.finish()

    def wake(self, work: Work) -> int:
        """Fire the alarms that are due, at most `ALARMS_AT_ONCE`; how many fired.

        Alarms that began with a fact at or before `work.switched_on_after` lapse: whoever switches a policy
        on says from where it acts.
        """
        seen = rows.hold(work.transaction, self.checkpoint)
        lapsed = rows.drop_lapsed(work.transaction, self._rows, work.switched_on_after)
        if lapsed:
            logger.info("%s: %d alarms from before it was switched on lapsed", self.name, lapsed)
        due = rows.claim_due(work.transaction, self._rows, seen, work.now, ALARMS_AT_ONCE)
        if not due:
            return 0
        round_ = _Round(self, work, self._recall(work.transaction, [alarm.key for alarm in due]))
        fired = sum(round_.ring(alarm) for alarm in due)
        round_.finish()
        return fired

    # -- which facts it answers -----------------------------------------------------------------

    def is_own(self, fact: Recorded) -> bool:
        """Whether this policy itself gave the command that led to the fact."""
        return fact.by == self.actor

    def is_history(self, fact: Recorded) -> bool:
        """Whether the fact is news only to the log: imported, or told long after it happened."""
        return not self.react_to_history and (
            fact.by.kind == "import" or fact.recorded_at - fact.at > self.max_age
        )

    def _recall(self, transaction: Transaction, keys: Sequence[UUID]) -> dict[UUID, M]:
        found = rows.memories(transaction, self._rows, keys)
        return {key: self.behaviour.load(text) for key, text in found.items()}


@dataclass(slots=True)
class _Round(Generic[M]):
    """One transaction's worth of facts or alarms: what is remembered, which waits change, what is given."""

    policy: Policy[M]
    work: Work
    memories: dict[UUID, M]
    touched: set[UUID] = field(default_factory=set)
    alarms: dict[tuple[UUID, str], Alarm | None] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    suppressed: int = 0

    def take(self, fact: Recorded, key: UUID) -> None:
        """Remember a fact, and answer it if it is one to answer."""
        behaviour = self.policy.behaviour
        memory = self.memories.get(key, behaviour.initial)
        self.memories[key] = memory = behaviour.remember(memory, fact.event, fact.at)
        self.touched.add(key)
        answer = behaviour.answer(memory, fact.event, fact.at)
        if answer.commands or answer.waits:
            cause = Alarm(key, "", fact.at, fact.id, fact.correlation_id, fact.position)
            self._carry_out(answer, cause, (fact.id,), acts=self._answers(fact))

    def ring(self, alarm: Alarm) -> bool:
        """Answer an alarm; False: an earlier one of this round has cancelled or moved it."""
        if (alarm.key, alarm.name) in self.alarms:
            return False
        behaviour = self.policy.behaviour
        memory = self.memories.get(alarm.key, behaviour.initial)
        answer = behaviour.answer(memory, Woken(alarm.name, alarm.due), alarm.due)
        self._carry_out(answer, alarm, (alarm.fence, "alarm", stamp(alarm.due), alarm.key, alarm.name), acts=True)
        return True

    def _answers(self, fact: Recorded) -> bool:
        if fact.position <= self.work.switched_on_after or self.policy.is_own(fact):
            return False
        history = self.policy.is_history(fact)
        self.suppressed += history
        return not history

    def _carry_out(self, answer: Answer, cause: Alarm, source: tuple[Any, ...], *, acts: bool) -> None:
        for wait in answer.waits:
            if not isinstance(wait, Wake):
                self.alarms[cause.key, wait.name] = None
            elif acts:
                due = wait.due(cause.due)
                self.alarms[cause.key, wait.name] = Alarm(
                    cause.key, wait.name, due, cause.fence, cause.correlation, cause.position
                )
        for number, command in enumerate(answer.commands if acts else ()):
            command_id = derived(source[0], "policy", self.policy.name, number, *source[1:])
            self.requests.append(
                Request(
                    command, command_id=command_id, by=self.policy.actor,
                    correlation_id=cause.correlation, causation_id=cause.fence,
                )
            )  # fmt: skip

    def finish(self) -> None:
        """Write everything. Commands come last, since they take the log's lock."""
        name, dump = self.policy._rows, self.policy.behaviour.dump  # noqa: SLF001 - one thing in two classes
        rows.keep_memories(self.work.transaction, name, {key: dump(self.memories[key]) for key in self.touched})
        rows.keep_alarms(self.work.transaction, name, self.alarms)
        refused = self._give()
        if self.requests or self.suppressed:
            logger.info(
                "%s: %d commands given, %d of them refused; %d facts remembered as history, not answered",
                self.policy.name, len(self.requests), refused, self.suppressed,
            )  # fmt: skip

    def _give(self) -> int:
        """Carry out the commands in order; how many were refused, which is an outcome like another."""
        if not self.requests:
            return 0
        self.work.transaction.lock_log()  # decided under the lock, they meet no conflict
        outcomes = self.work.execute(self.requests)
        refusals = [(one, got) for one, got in zip(self.requests, outcomes, strict=True) if isinstance(got, CRMError)]
        for request, error in refusals:
            if not isinstance(error, _OUTCOMES):
                raise error
            logger.info(
                "%s: %s %s, caused by event %s, was refused: %s", self.policy.name, type(request.command).__name__,
                request.command_id, request.causation_id, type(error).__name__,
            )  # fmt: skip
        return len(refusals)
