"""Rows in memory while facts are folded into them: the same code for one fact, a page, and a rebuild."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from crm_core.events import PersonForgotten
from crm_core.kernel.errors import CRMError, FollowerHalted
from crm_core.kernel.personal import ERASED
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.replacing import replace

if TYPE_CHECKING:
    from projections.engine.projection import Projection

Row = TypeVar("Row")


class Holding(Generic[Row]):
    """Rows by key, and how facts change them.

    When a person is forgotten, every personal column of that person's rows is erased, at that place in
    the order of facts, whatever the fold itself makes of the event. `forgotten` collects these people.

    `halting`: a fold that raises becomes `FollowerHalted`, which names the position and no value.
    """

    def __init__(self, projection: "Projection[Row]", rows: dict[Any, Row], *, halting: bool = True) -> None:
        self.rows = rows
        self.forgotten: dict[UUID, None] = {}
        self._projection = projection
        self._halting = halting
        self._whose: dict[UUID, dict[Any, None]] | None = None
        self._people = dict.fromkeys(projection.table.people.values())

    def take(self, facts: Sequence[Recorded], keys: Sequence[Any]) -> None:
        """Fold facts in order; `keys` are what `Projection.keys_of` says of each."""
        start = 0
        if self._people:
            for place, fact in enumerate(facts):
                if fact.event.__class__ is PersonForgotten:
                    self._fold(facts[start : place + 1], keys[start : place + 1])
                    self._scrub(fact.event.subjects)
                    start = place + 1
        self._fold(facts[start:] if start else facts, keys[start:] if start else keys)

    def admit(self, rows: dict[Any, Row]) -> None:
        """Hold these rows too, as they were before anything was folded; who was forgotten since stays forgotten."""
        self.rows.update(rows)
        if self._whose is not None:
            self._note(rows)
        if self.forgotten:
            self._scrub(tuple(self.forgotten))

    def drop(self) -> None:
        """Let go of every row."""
        self.rows.clear()
        self.forgotten.clear()
        self._whose = None

    def _fold(self, facts: Sequence[Recorded], keys: Sequence[Any]) -> None:
        rows, get, fold, with_key = self.rows, self.rows.get, self._projection.function, self._projection.with_key
        fact = None
        try:
            for fact, found in zip(facts, keys, strict=True):
                if found is None:
                    continue
                for key in found if found.__class__ is list else (found,):
                    row = fold(get(key), fact.event, fact, key) if with_key else fold(get(key), fact.event, fact)
                    if row is None:
                        rows.pop(key, None)
                    else:
                        rows[key] = row
        except CRMError:
            raise
        except Exception as error:
            if not self._halting or fact is None:
                raise
            reason = f"its fold raised {type(error).__name__}"
            raise FollowerHalted(self._projection.name, fact.position, reason) from error
        if self._whose is not None:
            self._note(flat(keys))

    def _note(self, keys: Iterable[Any]) -> None:
        """Remember whose the rows under these keys are."""
        whose = self._whose if self._whose is not None else defaultdict(dict)
        for key in keys:
            row = self.rows.get(key)
            if row is not None:
                for person in self._people:
                    whose[getattr(row, person)][key] = None
        self._whose = whose

    def _scrub(self, people: Iterable[UUID]) -> None:
        """Erase what is held of these people."""
        if self._whose is None:
            self._note(self.rows)
        columns = self._projection.table.people
        for person in people:
            self.forgotten[person] = None
            for key in self._whose.get(person, ()) if self._whose else ():
                row: Any = self.rows.get(key)
                erased = {name: ERASED for name, of in columns.items() if getattr(row, of, None) == person}
                if erased:
                    self.rows[key] = replace(row, **erased)


def flat(keys: Iterable[Any]) -> Iterable[Any]:
    """Every key once more: lists opened, None left out."""
    for found in keys:
        if found.__class__ is list:
            yield from found
        elif found is not None:
            yield found
