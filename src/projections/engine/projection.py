"""A projection: facts folded into rows by one pure function."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, cast

from crm_core.events import Event, PersonForgotten
from crm_core.following import Loader, Work
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.foreign import Foreign, barrier
from crm_core.kernel.plain import as_dict
from crm_core.kernel.recorded import Recorded, unread
from crm_core.kernel.wiring import Place, classes, hints_of, members, parameters_of, place_of, wiring_error
from crm_core.store.port import Transaction
from projections.engine import marks
from projections.engine.holding import Holding
from projections.engine.places import flat, place_of_key
from projections.engine.rebuild import Progress, rebuild
from projections.engine.table import Table

Row = TypeVar("Row")
Fact = TypeVar("Fact", bound=Event)
_PAGE = 5_000


class Projection(Generic[Row]):
    """A view: what it follows, whose rows it makes, and where they are kept. Made by `projection`.

    Still callable as the fold it decorates. `follows`: the event classes (None: every one). `opens`:
    whether rows hold personal values; only then are they opened for it.
    """

    kind: Literal["view"] = "view"

    def __init__(
        self, function: Callable[..., Row | None], name: str, version: int, key: Callable[..., Any], keys: int
    ) -> None:
        hints = hints_of(function)
        names = [parameter for parameter in hints if parameter != "return"]
        if len(names) not in (3, 4):
            raise wiring_error(function, "takes a row, an event, its envelope, and a key if it asks for one")
        functools.update_wrapper(self, function)
        self.name = name
        self.version = version
        self.checkpoint: str = f"{name}/{version}"
        self.function = function
        self.with_key: bool = len(names) == 4  # noqa: PLR2004 - row, event, envelope, key
        self.row: type[Any] = _row_class(function, hints["return"])
        self.table: Table[Any] = Table(name, version, self.row, keys)
        self.follows: tuple[type[Any], ...] | None = (
            None if hints[names[1]] is Event else classes(function, names[1], hints[names[1]], Event)
        )
        self.opens: bool = bool(self.table.people)
        self._key = key
        self._key_sees = len(parameters_of(key)) > 1
        self.types: tuple[str, ...] | None = self._types()
        self._only_scrubs = None if self.follows is None or PersonForgotten in self.follows else PersonForgotten
        if not hasattr(self.row, "as_dict"):
            self.row.as_dict = as_dict
        if self.opens:
            self.row.__repr__ = _shy(self.table)  # type: ignore[assignment]

    def _types(self) -> tuple[str, ...] | None:
        if self.follows is None:
            return None
        followed = [catalogue.of(one).name for one in self.follows]
        forgetting = [catalogue.of(PersonForgotten).name] if self.opens else []
        return tuple(dict.fromkeys([*followed, *forgetting]))

    @property
    def place(self) -> Place:
        """Where the fold is written."""
        return place_of(self.function)

    @property
    def meaning(self) -> str:
        """What the view shows, in a sentence for people."""
        return ((inspect.getmodule(self.function) or self.function).__doc__ or "").strip().partition("\n\n")[0]

    def __call__(self, *arguments: Any) -> Row | None:
        """The fold itself: a row (or none), an event, its envelope → the row, or None for no row."""
        return self.function(*arguments)

    def __repr__(self) -> str:
        return f"<projection {self.checkpoint} at {self.place}>"

    # -- in memory ------------------------------------------------------------------------------

    def keys_of(self, facts: Sequence[Recorded]) -> list[Any]:
        """For each fact its key, a list of its keys, or None if it touches no row."""
        key, skip = self._key, self._only_scrubs
        if self._key_sees:
            return [None if (event := fact.event).__class__ is skip else key(event, fact) for fact in facts]
        return [None if (event := fact.event).__class__ is skip else key(event) for fact in facts]

    def replay(self, facts: Iterable[Recorded]) -> dict[Any, Row]:
        """The rows that a history leads to, in memory, in the order of their keys: what every other way must equal.

        Raises:
            UnknownEventType: a fact with a prefix that it follows, of a type or version this code does not know.
        """
        held: Holding[Row] = Holding(self, {}, halting=False)
        wanted = None if self.types is None else frozenset(catalogue.named(one).cls for one in self.types)
        page: list[Recorded] = []
        for fact in facts:
            if fact.event.__class__ is Foreign and (stop := barrier([unread(fact)], self.types)) is not None:
                raise stop
            if wanted is None or fact.event.__class__ in wanted:
                page.append(fact)
                if len(page) == _PAGE:
                    held.take(page, self.keys_of(page))
                    page = []
        held.take(page, self.keys_of(page))
        key_of = self.table.key_of
        return dict(sorted((key_of(row), row) for row in self.checked(held.rows).values()))

    def checked(self, rows: dict[Any, Row]) -> dict[Any, Row]:
        """The same rows, held by the places of their keys, each found to begin with its key.

        Raises:
            WiringError: one does not.
        """
        key_of = self.table.key_of
        for place, row in rows.items():
            if place_of_key(key_of(row)) != place:
                raise wiring_error(self.function, f"a row of {self.row.__name__} does not begin with its key")
        return rows

    # -- in a database --------------------------------------------------------------------------

    def prepare(self, transaction: Transaction) -> None:
        """Create the table and let the view show it; tables of older versions go."""
        known = marks.versions(transaction, self.name)
        if self.version in known:
            return
        shown = all(other < self.version for other in known)
        if shown:
            self.table.hide(transaction)
        for older in (other for other in known if other < self.version):
            self.table.drop_version(transaction, older)
            for mark in known[older]:
                marks.forget(transaction, mark)
        self.table.create(transaction)
        self.table.index(transaction)
        if shown:
            self.table.show(transaction)

    def is_newest(self, transaction: Transaction) -> bool:
        """Whether the view's stable name shows this version: no newer one was ever folded here."""
        return max(marks.versions(transaction, self.name), default=0) <= self.version

    def fold(self, work: Work) -> None:
        """Take in a page of facts: load the rows they touch, fold, write the rows that changed."""
        transaction, table = work.transaction, self.table
        keys = self.keys_of(work.facts)
        touched = {place_of_key(key): key for key in flat(keys)}
        stored = table.load(transaction, touched.values())
        held: Holding[Row] = Holding(self, dict(stored))
        held.take(work.facts, keys)
        rows = self.checked(held.rows)
        if held.forgotten:
            table.scrub(transaction, held.forgotten)
            if marks.owner_of(transaction, marks.building(self.checkpoint)) is not None:
                table.beside().scrub(transaction, held.forgotten)
            table.store(transaction, rows.values())
        else:
            kept = [(rows[place], before) for place, before in stored.items() if place in rows]
            table.store(transaction, [row for row, before in kept if row is not before and row != before])
            table.insert(transaction, [row for place, row in rows.items() if place not in stored])
        table.delete(transaction, [touched[place] for place in stored if place not in rows])

    def reset(self, transaction: Transaction) -> None:
        """Delete every row."""
        self.table.clear(transaction)

    def wake(self, work: Work) -> int:
        """A view has no alarms."""
        return 0

    def next_alarm(self, transaction: Transaction) -> datetime | None:
        """A view has no alarms."""
        return None

    def matching(self, rows: Iterable[Row], where: Mapping[str, Any]) -> list[Row]:
        """Those of these rows that `select` would find."""
        return self.table.matching(rows, where)

    def select(
        self,
        transaction: Transaction,
        where: Mapping[str, Any],
        order: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Row]:
        """The rows whose fields or columns equal these values, by key; see `Table.select`."""
        return self.table.select(transaction, where, order, limit, offset)

    def pin(self, transaction: Transaction) -> None:
        """To be called first by a reader who reads the position and then the rows; see `Table.pin`."""
        self.table.pin(transaction)

    def rebuild(self, loader: Loader, progress: Progress, workers: int = 1) -> int:
        """Fold it anew from the first fact, beside the live rows, and swap; the position it reached."""
        return rebuild(self, loader, progress, workers)

    def __reduce__(self) -> str:
        """In another process: the view that its module has under its name."""
        return self.function.__name__


def projection(
    name: str, *, version: int = 1, key: Callable[..., Any], keys: int = 1
) -> Callable[[Callable[..., Row | None]], Projection[Row]]:
    """Decorates the fold of a view.

    ```python
    @projection("pipeline", version=1, key=lambda event: event.deal_id)
    def pipeline(row: PipelineRow | None, event: DealOpened | DealWon, seen: Recorded) -> PipelineRow | None: ...
    ```

    The fold's annotations are the wiring: what it follows, and the row class, a frozen slotted
    dataclass whose fields become the columns, and which is given an `as_dict` for JSON if it has none.
    It is pure: a row and a fact give the next row, or None for no row. A fourth parameter, if there is
    one, is given the key.

    Args:
        name: the view's name in SQL.
        version: to be raised with every change of the fold or its rows; the view is then folded anew.
        key: an event, or an event and its envelope → the key of the row it changes; a list of keys if
            it changes several; None if it changes none. With several key fields a key is a tuple.
        keys: how many leading fields of the row make its key.

    Raises:
        WiringError: the annotations, the name or the row class do not fit.
    """
    return lambda function: Projection(function, name, version, key, keys)


def _row_class(function: Callable[..., Any], hint: Any) -> type[Any]:
    found = members(hint)
    row: Any = found[0] if len(found) == 1 else None
    frozen = isinstance(row, type) and is_dataclass(row) and getattr(row, "__dataclass_params__").frozen  # noqa: B009
    if not frozen or "__slots__" not in vars(row):
        raise wiring_error(function, "must return one frozen, slotted dataclass, or None")
    return cast("type[Any]", row)


def _shy(table: Table[Any]) -> Callable[[Any], str]:
    def __repr__(row: Any) -> str:  # noqa: N807 - it becomes the row class's own
        shown = ", ".join(f"{one.name}={'…' if one.personal else repr(getattr(row, one.name))}" for one in table.fields)
        return f"{type(row).__name__}({shown})"

    return __repr__
