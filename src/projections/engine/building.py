"""A view's new table while it is being built beside the live one, by one process or by several."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from uuid import UUID, uuid4

from crm_core.events import PersonForgotten
from crm_core.following import Loader, Share
from crm_core.kernel.errors import FollowError
from crm_core.kernel.recorded import Recorded
from crm_core.store.port import Transaction, unswept
from projections.engine import marks
from projections.engine.holding import Holding
from projections.engine.places import flat, place_of_key

if TYPE_CHECKING:
    from projections.engine.projection import Projection

Row = TypeVar("Row")
Page: TypeAlias = tuple[list[Recorded], int]
MOST_ROWS = 100_000
"""How many rows are held in memory before they are written beside the live table and let go."""


def page_by_page(pages: Iterator[Page]) -> Iterator[Page]:
    """The pages, each made and folded while Python's cycle collector rests."""
    while True:
        with unswept():
            page = next(pages, None)
            if page is None:
                return
            yield page


class Building(Generic[Row]):
    """The rows of a view that is being rebuilt: in memory, and beside the live table once they are many."""

    def __init__(
        self, projection: "Projection[Row]", loader: Loader, share: Share | None = None, ours: str = ""
    ) -> None:
        self.ours: str = ours or str(uuid4())
        self._projection = projection
        self._loader = loader
        self._share = share
        self._table = projection.table.beside()
        self._mark = marks.building(projection.checkpoint)
        self._held: Holding[Row] = Holding(projection, {})
        self._loaded: dict[Any, Any] = {}
        self._written = bool(ours)

    def take(self, facts: list[Recorded], transaction: Transaction | None = None) -> None:
        """Fold these facts."""
        keys = self._keys_of(facts)
        if self._written:
            self._load(self._missing(keys), transaction)
        self._held.take(facts, keys)
        if len(self._held.rows) > MOST_ROWS:
            self._write(transaction)

    def begin(self) -> None:
        """Let the table be there, empty, for the workers that fill it."""
        with self._loader.database.writing() as transaction:
            self._create(transaction)

    def flush(self) -> None:
        """Write every row that is held."""
        self._write(None)

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
        self._require(ours=marks.owner_of(transaction, self._mark) == self.ours)
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
            self._create(transaction)
        else:
            self._require(ours=marks.keep(transaction, self._mark, self.ours))
            self._table.scrub(transaction, self._held.forgotten, self._share)
            self._table.store(transaction, [rows[place] for place in self._loaded if place in rows])
            self._table.delete(transaction, [key for place, key in self._loaded.items() if place not in rows])
        self._table.insert(transaction, [row for place, row in rows.items() if place not in self._loaded])
        self._held.drop()
        self._loaded.clear()
        self._written = True

    def _create(self, transaction: Transaction) -> None:
        self._table.drop(transaction)
        self._table.create(transaction)
        marks.claim(transaction, self._mark, self.ours)
        self._written = True

    def _keys_of(self, facts: list[Recorded]) -> list[Any]:
        """The keys of these facts; every fact of a row has to be in the row's own share."""
        keys = self._projection.keys_of(facts)
        return keys if self._share is None else shared_keys(self._projection, self._share, facts, keys)

    def _require(self, *, ours: bool) -> None:
        if not ours:
            msg = f"another rebuild of {self._projection.name} took over"
            raise FollowError(msg)


def shared_keys(
    projection: "Projection[Any]", share: Share, facts: Sequence[Recorded], keys: Sequence[Any]
) -> list[Any]:
    """The keys in this share. Whoever is forgotten is told to all; any other fact has its keys where its stream is.

    Raises:
        FollowError: a row gathers facts of several streams, so that no share knows all of it.
    """
    ours: list[Any] = []
    number, of = share
    for fact, found in zip(facts, keys, strict=True):
        if found.__class__ is UUID and (found.int & 15) % of == number:  # what `holds` says, for nearly every fact
            ours.append(found)
            continue
        listed = found if found.__class__ is list else [] if found is None else [found]
        kept = [key for key in listed if share.holds(_id(projection, key))]
        if len(kept) < len(listed) and fact.event.__class__ is not PersonForgotten:
            raise _gathering(projection)
        ours.append(kept)
    return ours


def _id(projection: "Projection[Any]", key: Any) -> UUID:
    first = key[0] if isinstance(key, tuple) else key
    if not isinstance(first, UUID):
        raise _gathering(projection)
    return first


def _gathering(projection: "Projection[Any]") -> FollowError:
    return FollowError(f"a row of {projection.name} gathers facts of several streams: rebuild it with one worker")
