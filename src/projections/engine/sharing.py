"""A rebuild by several processes: each folds the streams of its share into the rows of its share."""

import pickle
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from crm_core.following import Loader, Share
from crm_core.kernel.errors import Invalid
from projections.engine.building import Building, page_by_page

if TYPE_CHECKING:
    from projections.engine.projection import Projection

_LOOK_S = 0.1
"""How often is looked how far the workers are, in seconds."""
_reached: Any = []
"""In a worker: how far each worker is, in memory that all of them share."""


def fold_shares(
    projection: "Projection[Any]",
    loader: Loader,
    ours: str,
    upto: int,
    workers: int,
    progress: Callable[[int, int], None],
) -> int:
    """Fold the log up to a position into the table that was begun under our mark; the position.

    Raises:
        Invalid: the view is none that another process finds under its name in its module.
    """
    _require_importable(projection)
    context = get_context("spawn")
    reached = context.Array("q", workers)
    told = 0
    with ProcessPoolExecutor(workers, context, _begin, (reached,)) as pool:
        pending = {
            pool.submit(_fold_share, projection, loader, Share(number, workers), ours, upto)
            for number in range(workers)
        }
        while pending:
            done, pending = wait(pending, _LOOK_S, FIRST_EXCEPTION)
            for one in done:
                one.result()
            least = min(reached[number] for number in range(workers))
            if least > told:
                told = least
                progress(told, upto)
    return upto


def _require_importable(projection: "Projection[Any]") -> None:
    try:
        pickle.dumps(projection)
    except (pickle.PicklingError, AttributeError):
        rule = "other processes cannot import it: it must be what its module has under its function's name"
        raise Invalid("rebuild", [("projection", rule)]) from None


def _begin(reached: Any) -> None:
    global _reached  # noqa: PLW0603 - what a worker is given when it starts
    _reached = reached


def _fold_share(projection: "Projection[Any]", loader: Loader, share: Share, ours: str, upto: int) -> None:
    building = Building(projection, loader, share, ours)
    for facts, reached in page_by_page(loader.read(projection, 0, upto, share=share)):
        building.take(facts)
        _reached[share.number] = reached
    building.flush()
