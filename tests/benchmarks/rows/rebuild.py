"""A full rebuild of the pipeline view, and how much memory it takes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from crm_core import CRM
from crm_core.events import CallLogged, DealAssigned, DealOpened, DealRevalued, DealStageChanged, NoteAdded
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.ids import DealId
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.time import SystemClock
from crm_core.store.mapper import withheld
from crm_core.store.opening import open_store
from projections import Projection, pipeline, projection
from tests.benchmarks import peak
from tests.benchmarks.bench import Bench
from tests.benchmarks.biglog import BigLog
from tests.benchmarks.harness import Arm, Case, Work, steady

ORDER = 5
TITLE = "Rebuild"
_PAGE = 50_000


def cases(bench: Bench) -> Iterator[Case]:
    """Rates are of the whole log, whether an event is followed or not."""
    size = bench.sizes.log
    for place in bench.places:
        log = bench.log(place, size)
        with CRM.open(log.site.url, follow=[pipeline]) as crm:
            arms = [
                Arm("crm-core", steady(_rebuilding(crm, log))),
                Arm("pydantic alone, the followed events", steady(_decoding(log))),
            ]
            what = f"pipeline, sealed and materialised, {log.said}"
            yield Case(TITLE, what, place.name, arms, reach="≥ 0.33× (≤ 3× the time)")
            for view, told in ((pipeline, what), (touches, f"a view of every event of a deal, {log.events:,} events")):
                arms = [
                    Arm("two workers", steady(_rebuilding(crm, log, view, workers=2))),
                    Arm("one process", steady(_rebuilding(crm, log, view))),
                ]
                reach = "≥ 1.4×" if view is touches else ""
                yield Case(TITLE, f"by two processes: {told}", place.name, arms, reach=reach)
        if bench.sizes.larger:
            larger = bench.log(place, size * bench.sizes.larger, deals=size // 20)
            arms = [Arm(f"{one.events:,} events", steady(_peak(one))) for one in (larger, log)]
            what = f"peak memory, the same {size // 20:,} deals"
            yield Case(TITLE, what, place.name, arms, unit="MB", reach="≥ 0.83× (≤ 1.2× the memory)")


@dataclass(frozen=True, slots=True)
class Touches:
    """How often something happened to a deal, and when last."""

    deal_id: DealId
    times: int
    last_at: datetime


@projection("touches", key=lambda event: event.deal_id)
def touches(
    row: Touches | None,
    event: DealOpened | DealAssigned | DealStageChanged | DealRevalued | NoteAdded | CallLogged,
    seen: Recorded,
) -> Touches | None:
    """A fold that is given every event of a deal, decoded as a whole."""
    return Touches(DealId(cast("DealId", event.deal_id)), 1 if row is None else row.times + 1, seen.at)


def _rebuilding(crm: CRM, log: BigLog, view: Projection[Any] = pipeline, *, workers: int = 1) -> Work:
    def work() -> float:
        crm.rebuild(view, workers=workers)
        return log.events

    return work


def _decoding(log: BigLog) -> Work:
    """The stored JSON of the same events, in memory before the clock starts; what is sealed stays withheld."""
    texts = list(_stored(log))

    def work() -> float:
        for validate, text in texts:
            validate(text)
        return log.events

    return work


def _stored(log: BigLog) -> Iterator[tuple[Callable[[str], object], str]]:
    store, after = open_store(log.site.url, SystemClock()), 0
    try:
        while True:
            with store.database.looking() as transaction:
                rows = store.log.page(transaction, after, log.events, pipeline.types, _PAGE)
            if not rows:
                return
            for position, name, _, _, _, _, _, sealed, public in rows:
                text = f"{public[:-1]},{withheld(bytes(sealed))[1:]}" if sealed else public
                yield catalogue.named(name).cls.__pydantic_validator__.validate_json, text
                after = position
    finally:
        store.close()


def _peak(log: BigLog) -> Work:
    def work() -> float:
        command = [sys.executable, "-m", peak.__name__, log.site.url]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return work
