"""One command: load a stream cold, decide, append one event, durable."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import UUID

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import Contender, Kind, contender
from tests.benchmarks.deals import Change, mixed, moved, notes, revised
from tests.benchmarks.harness import Arm, Case, Round, Work

ORDER = 1
TITLE = "One command"
_KINDS: tuple[Kind, ...] = ("crm-core", "stock", "limit")
_WARM = 1
_REACH = "≥ 2× stock, towards 3×"


@dataclass(frozen=True, slots=True)
class Setting:
    """What happened to a deal, what the command does to it, how often; `streams` None: each time to a fresh deal."""

    what: str
    script: list[Change]
    change: Callable[[int], Change]
    commands: int
    streams: int | None = None


def cases(bench: Bench) -> Iterator[Case]:
    """On fresh streams of ten events, and again and again on one long stream."""
    sizes = bench.sizes
    short, long, said = list(mixed(9)), sizes.long_stream - 1, f"{sizes.long_stream:,} events"
    settings = [
        Setting("10 events, revise the amount", short, revised, sizes.commands),
        Setting("10 events, move on (reads the pipeline in force)", short, _last_stage, sizes.commands),
        Setting(f"{said}, all named by the decider", list(mixed(long)), revised, sizes.long_commands, 1),
        Setting(f"{said}, all notes but one", list(notes(long)), revised, sizes.long_commands, 1),
    ]
    for place in bench.places:
        for setting in settings:
            with ExitStack() as stack:
                site = stack.enter_context(place.site())
                arms = []
                for kind in _KINDS:
                    who = stack.enter_context(contender(kind, site))
                    ids = who.fill(
                        setting.streams or setting.commands * (sizes.rounds * sizes.times + _WARM), setting.script
                    )
                    arms.append(Arm(kind, _round(who, ids, setting)))
                site.filled()
                yield Case(TITLE, setting.what, place.name, arms, reach=_REACH, warm=_WARM, times=sizes.times)


def _last_stage(_: int) -> Change:
    return moved(3)


def _round(who: Contender, ids: list[UUID], setting: Setting) -> Round:
    @contextmanager
    def one(number: int) -> Iterator[Work]:
        first = number * setting.commands

        def work() -> float:
            for place in range(first, first + setting.commands):
                who.command(ids[place % len(ids)], setting.change(place))
            return setting.commands

        yield work

    return one
