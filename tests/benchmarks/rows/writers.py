"""Sixteen writers at once on a server whose every fsync takes its time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import Contender, Kind, contender
from tests.benchmarks.crowd import in_processes, in_threads
from tests.benchmarks.deals import mixed, revised
from tests.benchmarks.harness import Arm, Case, Round, Timed, Work
from tests.benchmarks.places import Site

ORDER = 2
TITLE = "16 writers"
WRITERS = 16
PROCESSES = 4
_KINDS: tuple[Kind, ...] = ("crm-core", "stock", "inserts")
_CHANGE = revised(0)


def cases(bench: Bench) -> Iterator[Case]:
    """Each writer on its own deals of ten events."""
    each = bench.sizes.each_writer
    for place in bench.slow:
        for what, processes in (("threads of one process", 1), ("4 processes of 4 threads", PROCESSES)):
            with ExitStack() as stack:
                site = stack.enter_context(place.site())
                arms = []
                for kind in _KINDS:
                    who = stack.enter_context(contender(kind, site))
                    arms.append(Arm(kind, _round(who, kind, site, each, processes)))
                yield Case(
                    TITLE, what, place.name, arms, reach="≥ 6× stock; ≥ 0.8× inserts", warm=1 if processes == 1 else 0
                )


def _round(who: Contender, kind: Kind, site: Site, each: int, processes: int) -> Round:
    each += processes > 1  # there each writer warms up with one more

    def jobs() -> list[list[UUID]]:
        ids = who.fill(WRITERS * each, list(mixed(9)))
        return [ids[number::WRITERS] for number in range(WRITERS)]

    @contextmanager
    def one(_: int) -> Iterator[Work]:
        own = jobs()
        threads: Callable[[], Timed] = lambda: in_threads(who, own, _CHANGE)  # noqa: E731 - one of two
        spread: Callable[[], Timed] = lambda: in_processes(kind, site, own, _CHANGE, processes)  # noqa: E731
        yield threads if processes == 1 else spread

    return one
