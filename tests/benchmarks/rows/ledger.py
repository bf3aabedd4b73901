"""The hash chain: what it costs to write, and how fast a log is verified."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from unittest.mock import patch
from uuid import uuid4

from crm_core import CRM
from crm_core.events import NoteAdded
from crm_core.kernel.ids import DealId
from crm_core.kernel.time import SystemClock
from crm_core.ledger.chain import GENESIS, chained
from crm_core.store.log import EventLog
from crm_core.store.opening import Store, open_store
from tests.benchmarks.bench import Bench
from tests.benchmarks.biglog import BigLog, entry
from tests.benchmarks.deals import TEXT
from tests.benchmarks.harness import Arm, Case, Round, Work, steady

ORDER = 6
TITLE = "Ledger"
TOGETHER = 2_000
"""How many events are appended in one transaction, as `execute_many` does."""


def cases(bench: Bench) -> Iterator[Case]:
    """Verification recomputes the chain and every column and link; the other arm only hashes, in memory."""
    for place in bench.places:
        log = bench.log(place, bench.sizes.log)
        with CRM.open(log.site.url, follow=[]) as crm:
            arms = [Arm("crm-core", steady(_verifying(crm))), Arm("hashing alone, in memory", steady(_hashing(log)))]
            yield Case(TITLE, f"verify {log.events:,} events", place.name, arms, reach="≥ 200,000/s")
            arms = [Arm("two workers", steady(_verifying(crm, workers=2))), Arm("one process", steady(_verifying(crm)))]
            yield Case(TITLE, f"verify {log.events:,} events by two processes", place.name, arms, reach="≥ 200,000/s")
        with ExitStack() as stack:
            store = open_store(stack.enter_context(place.site()).url, SystemClock())
            stack.callback(store.close)
            with_chain = Arm("crm-core", _appending(store, bench.sizes.imported, nullcontext))
            without = Arm("without the chain", _appending(store, bench.sizes.imported, _unchained))
            what = f"append {bench.sizes.imported:,} drafted events, {TOGETHER:,} a transaction"
            yield Case(TITLE, what, place.name, [with_chain, without], reach="≥ 0.8× without")


def _verifying(crm: CRM, *, workers: int = 1) -> Work:
    def work() -> float:
        verdict = crm.verify(workers=workers)
        assert verdict.intact, verdict.what
        return verdict.events

    return work


def _hashing(log: BigLog) -> Work:
    store = open_store(log.site.url, SystemClock())
    try:
        with store.database.looking() as transaction:
            rows = store.log.page(transaction, 0, log.events, None, 50_000)
    finally:
        store.close()
    stored = [(row[6].encode(), row[8].encode(), bytes(row[7])) for row in rows]

    def work() -> float:
        chain = GENESIS
        for header, public, sealed in stored:
            chain = chained(chain, header, public, sealed)
        return len(stored)

    return work


def _unchained() -> AbstractContextManager[object]:
    return patch(f"{EventLog.__module__}.{chained.__name__}", lambda *_: GENESIS)


def _appending(store: Store, count: int, switched: Callable[[], AbstractContextManager[object]]) -> Round:
    @contextmanager
    def one(_: int) -> Iterator[Work]:
        sealer = store.keys.sealer()
        mapper, deal = store.open_mapper.sealing_with(sealer), DealId(uuid4())
        note = NoteAdded(deal_id=deal, text=TEXT)
        entries = [entry(mapper, note, deal, version + 1, deal) for version in range(count)]
        sealer.flush()

        def work() -> float:
            for start in range(0, count, TOGETHER):
                with store.database.writing() as transaction:
                    store.log.append(transaction, entries[start : start + TOGETHER])
            return count

        with switched():
            yield work

    return one
