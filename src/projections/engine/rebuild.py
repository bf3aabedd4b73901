"""A full rebuild: folded beside the live view, swapped in at once; readers never see half of it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from uuid import uuid4

from crm_core.following import Loader
from crm_core.kernel.errors import FollowError
from crm_core.kernel.recorded import Recorded
from crm_core.store.port import Transaction, unswept
from projections.engine import marks
from projections.engine.holding import Holding
from projections.engine.places import flat, place_of_key

if TYPE_CHECKING:
    from projections.engine.projection import Projection

Row = TypeVar("Row")
Progress: TypeAlias = Callable[[int, int], None]
"""Called with the position reached and the position to reach."""
_Page: TypeAlias = tuple[list[Recorded], int]
MOST_ROWS = 100_000
"""How many rows are held in memory before they are written beside the live table and let go."""
_CHASES = 5
"""How often the end of a growing log is run after, before this view's checkpoint is held."""
_NEAR = 2_000
"""So few positions are left for the moment when it is held."""


def rebuild(projection: "Projection[Any]", loader: Loader, progress: Progress) -> int:
    """Fold a view anew and put it in the live one's place; the position it reached.

    While it runs, the live view is read and moved on as ever. Killed at any moment, it leaves the live
    view as it was, and the next rebuild starts from nothing.

    Raises:
        FollowerHalted: a fact of an unknown type, or a fold that raised; the live view stays.
        FollowError: another rebuild of the same view took over.
    """
    loader.prepare(projection)
    building = _Building(projection, loader)
    position, head = 0, loader.head()
    progress(position, head)
    for _ in range(_CHASES):
        for facts, reached in _page_by_page(loader.read(projection, position, head)):
            building.take(facts)
            progress(reached, head)
            position = reached
        head = loader.head()
        if head - position < _NEAR:
            break
    with loader.database.writing() as transaction:
        live = loader.hold(transaction, projection)
        for facts, _ in loader.read(projection, position, live, transaction):
            building.take(facts, transaction)
        building.take_over(transaction)
        position = max(position, live)
        loader.place(transaction, projection, position)
    progress(position, position)
    return position


def _page_by_page(pages: Iterator[_Page]) -> Iterator[_Page]:
    """The pages, each made and folded while Python's cycle collector rests."""
    while True:
        with unswept():
            page = next(pages, None)
            if page is None:
                return
            yield page


class _Building(Generic[Row]):
    """The rows of a view that is being rebuilt: in memory, and beside the live table once they are many."""

    def __init__(self, projection: "Projection[Row]", loader: Loader) -> None:
        self._projection = projection
        self._loader = loader
        self._table = projection.table.beside()
        self._mark = marks.building(projection.checkpoint)
        self._ours = str(uuid4())
        self._held: Holding[Row] = Holding(projection, {})
        self._loaded: dict[Any, Any] = {}
        self._written = False

    def take(self, facts: list[Recorded], transaction: Transaction | None = None) -> None:
        """Fold these facts."""
        keys = self._projection.keys_of(facts)
        if self._written:
            self._load(self._missing(keys), transaction)
        self._held.take(facts, keys)
        if len(self._held.rows) > MOST_ROWS:
            self._write(transaction)

    def take_over(self, transaction: Transaction) -> None:
        """Become the live table, within this transaction."""
        self._flush(transaction)
        marks.forget(transaction, self._mark)
        self._table.replace(transaction, self._projection.table, shown=self._projection.is_newest(transaction))

    def _missing(self, keys: list[Any]) -> dict[Any, Any]:
        """Place → key of the rows that may have been written, and are not held."""
        held, loaded = self._held.rows, self._loaded
        touched = {place_of_key(key): key for key in flat(keys)}
        return {place: key for place, key in touched.items() if place not in held and place not in loaded}

    def _load(self, missing: dict[Any, Any], transaction: Transaction | None) -> None:
        if transaction is None:
            with self._loader.database.reading() as reading:
                self._load(missing, reading)
            return
        self._require(ours=marks.owner_of(transaction, self._mark) == self._ours)
        found = self._table.load(transaction, missing.values())
        self._held.admit(found)
        self._loaded.update((place, missing[place]) for place in found)

    def _write(self, transaction: Transaction | None) -> None:
        if transaction is None:
            with self._loader.database.writing() as writing:
                self._flush(writing)
        else:
            self._flush(transaction)

    def _flush(self, transaction: Transaction) -> None:
        """Write every row that is held, and let go of them."""
        rows = self._projection.checked(self._held.rows)
        if not self._written:
            self._table.drop(transaction)
            self._table.create(transaction)
            marks.claim(transaction, self._mark, self._ours)
        else:
            self._require(ours=marks.keep(transaction, self._mark, self._ours))
            self._table.scrub(transaction, self._held.forgotten)
            self._table.store(transaction, [rows[place] for place in self._loaded if place in rows])
            self._table.delete(transaction, [key for place, key in self._loaded.items() if place not in rows])
        self._table.insert(transaction, [row for place, row in rows.items() if place not in self._loaded])
        self._held.drop()
        self._loaded.clear()
        self._written = True

    def _require(self, *, ours: bool) -> None:
        if not ours:
            msg = f"another rebuild of {self._projection.name} took over"
            raise FollowError(msg)
