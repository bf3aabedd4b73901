"""What the verbs share: rows of a view, folded up to the moment that is asked about."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from crm_core import AsOf
from crm_core.cli.desk import Desk
from crm_core.kernel.errors import NotFound
from crm_core.kernel.personal import Erased
from projections.directory import directory
from projections.engine.projection import Projection

Row = TypeVar("Row")
PATIENCE_S = 24 * 3600.0
"""How long a verb may fold what nobody has folded yet, in seconds: whoever waits can interrupt."""


def rows_of(
    desk: Desk,
    view: Projection[Row],
    moment: AsOf,
    *,
    past: bool,
    where: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> list[Row]:
    """The rows at that moment: the live ones, folded as far as it, or those of the past, folded from history.

    Raises:
        Invalid: `where` names no field, or a value that is none of its kind.
    """
    if not past:
        live = desk.crm.view(view, after=moment.position, timeout=PATIENCE_S)
        return live.ask(lambda transaction: view.select(transaction, where or {}, limit=limit))
    return desk.crm.view(view, as_of=moment).where(**where or {}).rows[:limit]


def view_named(desk: Desk, name: str) -> Projection[Any]:
    """An installed view.

    Raises:
        NotFound: there is none of that name.
    """
    found = {one.name: one for one in desk.crm.views if isinstance(one, Projection)}
    if name not in found:
        raise NotFound(f"no view {name} is installed; there are {', '.join(sorted(found))}")
    return found[name]


def names_of(desk: Desk, things: Iterable[UUID | None], moment: AsOf, *, past: bool) -> dict[UUID, str | Erased]:
    """What things are called, from the directory."""
    wanted = {one for one in things if one is not None}
    if past:
        return {row.id: row.name for row in desk.crm.view(directory, as_of=moment) if row.id in wanted}
    live = desk.crm.view(directory, after=moment.position, timeout=PATIENCE_S)
    return live.ask(
        lambda transaction: {row.id: row.name for row in directory.table.load(transaction, wanted).values()}
    )
