"""One command: load a stream cold, decide, append one event, durable."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import Contender, Kind, contender
from tests.benchmarks.deals import Change, mixed, moved, notes, revised
from tests.benchmarks.harness import Arm, Case, Round, Work
from tests.benchmarks.places import Place

ORDER = 1
TITLE = "One command"
_KINDS: tuple[Kind, ...] = ("crm-core", "stock", "limit")
_REACH = "≥ 2× stock, towards 3×"


def cases(bench: Bench) -> Iterator[Case]:
    """On fresh streams of ten events, and again and again on one long stream."""
    sizes = bench.sizes
    rounds = sizes.rounds + 1
    for place in bench.places:
        short, long = list(mixed(9)), sizes.long_stream - 1
        yield from _on(place, "10 events, revise the amount", short, revised, sizes.commands, rounds)
        yield from _on(place, "10 events, move on (reads the pipeline in force)", short, _last_stage, sizes.commands, rounds)
        named, unnamed = list(mixed(long)), list(notes(long))
        said = f"{sizes.long_stream:,} events"
        yield from _on(place, f"{said}, all named by the decider", named, revised, sizes.long_commands, rounds, streams=1)
        yield from _on(place, f"{said}, all notes but one", unnamed, revised, sizes.long_commands, rounds, streams=1)


def _last_stage(_: int) -> Change:
    return moved(3)


def _on(
    place: Place,
    what: str,
    script: list[Change],
    change: Callable[[int], Change],
    commands: int,
    rounds: int,
    streams: int | None = None,
) -> Iterator[Case]:
    """`streams` None: a fresh one for each command."""
    with ExitStack() as stack:
        site = stack.enter_context(place.site())
        arms = []
        for kind in _KINDS:
            who = stack.enter_context(contender(kind, site))
            ids = who.fill(streams or commands * rounds, script)
            arms.append(Arm(kind, _round(who, ids, change, commands)))
        yield Case(TITLE, what, place.name, arms, reach=_REACH, warm=1)


def _round(who: Contender, ids: list[UUID], change: Callable[[int], Change], commands: int) -> Round:
    @contextmanager
    def one(number: int) -> Iterator[Work]:
        first = number * commands

        def work() -> float:
            for place in range(first, first + commands):
                who.command(ids[place % len(ids)], change(place))
            return commands

        yield work

    return one
