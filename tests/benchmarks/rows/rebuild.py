"""A full rebuild of the pipeline view, and how much memory it takes."""

import subprocess
import sys
from collections.abc import Callable, Iterator

from crm_core import CRM
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.time import SystemClock
from crm_core.store.mapper import withheld
from crm_core.store.opening import open_store
from projections import pipeline
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
        if bench.sizes.larger:
            larger = bench.log(place, size * bench.sizes.larger, deals=size // 20)
            arms = [Arm(f"{one.events:,} events", steady(_peak(one))) for one in (larger, log)]
            what = f"peak memory, the same {size // 20:,} deals"
            yield Case(TITLE, what, place.name, arms, unit="MB", reach="≥ 0.83× (≤ 1.2× the memory)")


def _rebuilding(crm: CRM, log: BigLog) -> Work:
    def work() -> float:
        crm.rebuild(pipeline)
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
