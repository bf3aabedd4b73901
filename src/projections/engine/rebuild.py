"""A full rebuild: folded beside the live view, swapped in at once; readers never see half of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from crm_core.following import Loader
from projections.engine.building import Building, page_by_page
from projections.engine.sharing import fold_shares

if TYPE_CHECKING:
    from projections.engine.projection import Projection

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the position reached and the position to reach."""
_CHASES = 5
"""How often the end of a growing log is run after, before this view's checkpoint is held."""
_NEAR = 2_000
"""So few positions are left for the moment when it is held."""


def rebuild(projection: "Projection[Any]", loader: Loader, progress: Progress, workers: int = 1) -> int:
    """Fold a view anew and put it in the live one's place; the position it reached.

    While it runs, the live view is read and moved on as ever. Killed at any moment, it leaves the live
    view as it was, and the next rebuild starts from nothing. `workers`: so many processes fold what is
    there at first, each the streams of its share; what comes meanwhile is folded here.

    Raises:
        FollowerHalted: a fact of an unknown type, or a fold that raised; the live view stays.
        FollowError: another rebuild of the same view took over; or several workers were asked for, and
            a row gathers facts of several streams.
    """
    loader.prepare(projection)
    building = Building(projection, loader)
    position, head = 0, loader.head()
    progress(position, head)
    if workers > 1 and loader.database.elsewhere:
        building.begin()
        position = fold_shares(projection, loader, building.ours, head, workers, progress)
        head = loader.head()
    for _ in range(_CHASES):
        for facts, reached in page_by_page(loader.read(projection, position, head)):
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
