"""One customer of many: the history read, and the timeline folded from it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle, islice
from uuid import UUID

from crm_core import CRM
from projections import timeline
from tests.benchmarks.bench import Bench
from tests.benchmarks.biglog import BigLog
from tests.benchmarks.harness import Arm, Case, Work, steady

ORDER = 7
TITLE = "One customer"
CUSTOMERS = 20


def cases(bench: Bench) -> Iterator[Case]:
    """The same question of the big log and of one a twentieth of its size."""
    for place in bench.places:
        logs = [bench.log(place, bench.sizes.log), bench.log(place, max(bench.sizes.log // 20, 201))]
        with ExitStack() as stack:
            crms = [stack.enter_context(CRM.open(log.site.url, follow=[])) for log in logs]
            facts = len(crms[0].history(logs[0].contacts[0]))
            for what, ask in (("history", _history), ("timeline folded", _timeline)):
                arms = [
                    Arm(f"{log.events:,} events", steady(_asking(crm, log, ask)))
                    for crm, log in zip(crms, logs, strict=True)
                ]
                yield Case(
                    TITLE, f"{what}, {facts} facts", place.name, arms, unit="ms", reach="≤ 50 ms at any size", warm=1
                )


def _asking(crm: CRM, log: BigLog, ask: Callable[[CRM, UUID], object]) -> Work:
    customers = cycle(log.contacts)

    def work() -> float:
        for customer in islice(customers, CUSTOMERS):
            ask(crm, customer)
        return CUSTOMERS

    return work


def _history(crm: CRM, customer: UUID) -> object:
    return crm.history(customer)


def _timeline(crm: CRM, customer: UUID) -> object:
    return timeline.replay(crm.history(customer))
