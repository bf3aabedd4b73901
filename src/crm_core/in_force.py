"""The definitions in force: configuration events, folded once and kept up with the log."""

import threading
from typing import Any

from crm_core.definitions.events import PolicySwitchedOff, PolicySwitchedOn
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.decider import Definition, definitions
from crm_core.kernel.ids import named_stream
from crm_core.kernel.recorded import Ref
from crm_core.store.forking import renewed
from crm_core.store.opening import Store
from crm_core.store.port import Transaction

DEFINITIONS = Ref("definitions", named_stream("definitions", "all"))
"""Every configuration event regards this, so that they are found without reading the log."""


class InForce:
    """What every definition says up to a position. Shared by all threads of a process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = renewed(self, "_guard", threading.Lock)
        self._position = 0
        self._breaks = renewed(self, "_breaks", lambda: -1)  # a fork may come between a definition and its position
        self._states: dict[str, Any] = {}
        self._types: frozenset[str] = frozenset()
        self._switches: dict[str, int] = {}

    @property
    def types(self) -> frozenset[str]:
        """The stored names of configuration events."""
        if not self._types:
            self._types = frozenset(name for one in definitions() for name in one.fold.types)
        return self._types

    def apart(self) -> "InForce":
        """A copy for a transaction that somebody else may roll back: what is read in it stays with the copy."""
        copied = InForce(self._store)
        with self._guard:
            copied._position, copied._breaks = self._position, self._breaks
            copied._states, copied._switches = dict(self._states), dict(self._switches)
        return copied

    def refresh(self, transaction: Transaction | None = None) -> int:
        """Take in what configuration was recorded since; returns the position of the newest."""
        if transaction is None:
            with self._store.database.looking() as looking:
                return self.refresh(looking)
        with self._guard:
            if transaction.appended:
                return self._position
            self._forget_what_may_be_lost()
            rows = self._store.log.page(transaction, self._position, 2**62, None, 10_000, about=[DEFINITIONS.id])
            known = [row for row in rows if catalogue.knows(row[1], row[2])]
            for fact in self._store.withholding_mapper.recorded(known):
                self._take(fact.position, fact.event)
            self._position = rows[-1][0] if rows else self._position
            return self._position

    def _forget_what_may_be_lost(self) -> None:
        if self._breaks != self._store.database.breaks:
            self._breaks, self._position = self._store.database.breaks, 0
            self._states, self._switches = {}, {}

    def _take(self, position: int, event: Any) -> None:
        for definition in definitions():
            if isinstance(event, definition.fold.follows):
                state = self._states.get(definition.name, definition.fold.initial)
                self._states[definition.name] = definition.fold.evolve(state, event)
        if isinstance(event, PolicySwitchedOn):
            self._switches[event.policy] = position if event.after is None else event.after
        elif isinstance(event, PolicySwitchedOff):
            self._switches.pop(event.policy, None)

    def state(self, definition: Definition[Any]) -> Any:
        """What a definition says; without any event, what ships with the library."""
        return self._states.get(definition.name, definition.fold.initial)

    def switches(self, transaction: Transaction | None = None) -> dict[str, int]:
        """Policies that are switched on → the position behind which they act."""
        self.refresh(transaction)
        return dict(self._switches)
