"""Rows in memory while facts are folded into them: the same code for one fact, a page, and a rebuild."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from crm_core.events import PersonForgotten
from crm_core.kernel.errors import CRMError, FollowerHalted
from crm_core.kernel.personal import ERASED
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.replacing import replace
from projections.engine.places import flat, place_of_key

if TYPE_CHECKING:
    from projections.engine.projection import Projection

Row = TypeVar("Row")


class Holding(Generic[Row]):
    """Rows by the place of their key (`place_of_key`), and how facts change them.

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
        if self.forgotten:
            rows = {place: self._erased(row, self.forgotten) for place, row in rows.items()}
        self.rows.update(rows)
        if self._whose is not None:
            self._note(rows)

    def drop(self) -> None:
        """Let go of every row."""
        self.rows.clear()
        self.forgotten.clear()
        self._whose = None

    def _fold(self, facts: Sequence[Recorded], keys: Sequence[Any]) -> None:
        fact = None
        try:
            if self._projection.with_key:
                for fact, found in zip(facts, keys, strict=True):
                    self._fold_with_key(fact, found)
            else:
                rows, get, fold = self.rows, self.rows.get, self._projection.function
                for fact, found in zip(facts, keys, strict=True):
                    if found is None:
                        continue
                    for key in found if found.__class__ is list else (found,):
                        place = key.int if isinstance(key, UUID) else key
                        before = get(place)
                        row = fold(before, fact.event, fact)
                        if row is None:
                            rows.pop(place, None)
                        elif row is not before:
                            rows[place] = row
        except CRMError:
            raise
        except Exception as error:
            if not self._halting or fact is None:
                raise
            reason = f"its fold raised {type(error).__name__}"
            raise FollowerHalted(self._projection.name, fact.position, reason) from error
        if self._whose is not None:
            self._note(place_of_key(key) for key in flat(keys))

    def _fold_with_key(self, fact: Recorded, found: Any) -> None:
        rows, fold, event = self.rows, self._projection.function, fact.event
        for key in found if found.__class__ is list else () if found is None else (found,):
            place = place_of_key(key)
            row = fold(rows.get(place), event, fact, key)
            if row is None:
                rows.pop(place, None)
            else:
                rows[place] = row

    def _note(self, places: Iterable[Any]) -> None:
        """Remember whose the rows at these places are."""
        whose = self._whose if self._whose is not None else defaultdict(dict)
        for place in places:
            row = self.rows.get(place)
            if row is not None:
                for person in self._people:
                    whose[getattr(row, person)][place] = None
        self._whose = whose

    def _scrub(self, people: Iterable[UUID]) -> None:
        """Erase what is held of these people."""
        if self._whose is None:
            self._note(self.rows)
        for person in people:
            self.forgotten[person] = None
            for place in self._whose.get(person, ()) if self._whose else ():
                row = self.rows.get(place)
                if row is not None:
                    self.rows[place] = self._erased(row, (person,))

    def _erased(self, row: Row, people: Collection[UUID]) -> Row:
        """The row without what it says about these people."""
        columns = self._projection.table.people
        erased = {name: ERASED for name, of in columns.items() if getattr(row, of, None) in people}
        return replace(row, **erased) if erased else row  # type: ignore[type-var]
