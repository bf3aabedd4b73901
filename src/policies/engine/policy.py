"""A policy follows the log, remembers what matters to it, and answers facts and alarms with commands."""

import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from crm_core.following import Work
from crm_core.kernel.errors import WiringError
from crm_core.kernel.recorded import Actor, Recorded
from crm_core.kernel.wiring import Place
from crm_core.store.port import Transaction
from policies.engine import rows
from policies.engine.behaviour import Behaviour
from policies.engine.rehearsal import Rehearsal
from policies.engine.round import Line, Round

logger: logging.Logger = logging.getLogger("policies")
M = TypeVar("M")
ALARMS_AT_ONCE = 200
"""How many alarms one transaction fires at most."""


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

    kind: Final = "policy"
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
        self.behaviour: Behaviour[M] = Behaviour(initial, evolve, react)
        self.place: Place = self.behaviour.place
        self.types: tuple[str, ...] = self.behaviour.types
        self.checkpoint: str = f"policy:{name}/{version}"
        self.actor: Actor = Actor("policy", name)
        self.module: str = react.__module__
        module = inspect.getmodule(react)
        self.meaning: str = (module.__doc__ or "").strip().partition("\n")[0] if module else ""
        self._rows = f"{name}/{version}"
        self._line = Line(name, self._rows, self.actor, self.behaviour)

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
        one_round = Round(self._line, work, (key for _, key in keyed))
        for fact, key in keyed:
            one_round.take(fact, key, answered=self._answers(fact, work))
        one_round.finish()

    def wake(self, work: Work) -> int:
        """Fire the alarms that are due, at most `ALARMS_AT_ONCE`; how many fired.

        An alarm waits until every fact recorded up to its time is taken in: a call logged in the last
        second must not be overlooked because a worker lags behind.

        Alarms that began with a fact at or before `work.switched_on_after` lapse: whoever switches a policy
        on says from where it acts.
        """
        seen = rows.hold(work.transaction, self.checkpoint)
        lapsed = rows.drop_lapsed(work.transaction, self._rows, work.switched_on_after)
        if lapsed:
            logger.info("%s: %d alarms from before it was switched on lapsed", self.name, lapsed)
        before = rows.horizon(work.transaction, seen, self.types)
        due = rows.claim_due(work.transaction, self._rows, before, work.now, ALARMS_AT_ONCE)
        if not due:
            return 0
        one_round = Round(self._line, work, (alarm.key for alarm in due))
        fired = sum(one_round.ring(alarm) for alarm in due)
        one_round.finish()
        return fired

    # -- in memory ------------------------------------------------------------------------------

    def keys_of(self, facts: Sequence[Recorded]) -> list[UUID | None]:
        """For each fact the subject it is about, or None."""
        return [self.key(fact.event) for fact in facts]

    def replay(self, facts: Iterable[Recorded]) -> dict[UUID, M]:
        """What it remembers after a history, by subject, as if it had been switched on all the time.

        Facts are answered and alarms fire as they did or would have; what it answers comes to nothing.
        """
        rehearsal = Rehearsal(self, datetime.min.replace(tzinfo=UTC))
        for fact in facts:
            rehearsal.take(fact)
        return dict(sorted(rehearsal.memories.items()))

    # -- which facts it answers -----------------------------------------------------------------

    def is_own(self, fact: Recorded) -> bool:
        """Whether this policy itself gave the command that led to the fact."""
        return fact.by == self.actor

    def is_history(self, fact: Recorded) -> bool:
        """Whether the fact is news only to the log: imported, or told long after it happened."""
        return not self.react_to_history and (fact.by.kind == "import" or fact.recorded_at - fact.at > self.max_age)

    def _answers(self, fact: Recorded, work: Work) -> bool:
        return fact.position > work.switched_on_after and not self.is_own(fact) and not self.is_history(fact)
