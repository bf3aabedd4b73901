"""Arms that do the same work in turn, round by round (A B A B …), so that a busy machine is busy for all of them."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["/s", "ms", "MB"]


@dataclass(frozen=True, slots=True)
class Timed:
    """Work that was timed by those who did it, such as other processes."""

    units: float
    seconds: float


Work = Callable[[], float | Timed]
"""One round's work: how many units it did; for a case in MB, the MB themselves."""
Round = Callable[[int], AbstractContextManager[Work]]
"""A round's number → its work. What the context manager does before and after is not timed."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One who does the work."""

    name: str
    round: Round


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: `arms` do the same, the first of them is ours.

    `reach`: what the design asks for. `warm`: rounds done first and not counted. `times`: how many times as
    many rounds as others, for work of short rounds.
    """

    row: str
    what: str
    where: str
    arms: Sequence[Arm]
    unit: Unit = "/s"
    reach: str = ""
    warm: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of all rounds, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of these values."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Result:
    """What each arm reached in each round."""

    case: Case
    values: dict[str, list[float]] = field(default_factory=dict)

    def spread(self, arm: str) -> Spread:
        """An arm's own figures."""
        return Spread.of(self.values[arm])

    def ratio(self, arm: str) -> Spread | None:
        """How many times better ours did than this arm, round against the same round; None: it is ours."""
        ours = self.case.arms[0].name
        if arm == ours:
            return None
        pairs = zip(self.values[ours], self.values[arm], strict=True)
        if self.case.unit == "/s":
            return Spread.of([mine / other for mine, other in pairs])
        return Spread.of([other / mine for mine, other in pairs])


def measure(case: Case, rounds: int) -> Result:
    """Let every arm do its work, one after the other, as many times as there are rounds."""
    result = Result(case, {arm.name: [] for arm in case.arms})
    for number in range(case.warm + rounds * case.times):
        for arm in case.arms:
            value = _timed(case.unit, arm.round(number))
            if number >= case.warm:
                result.values[arm.name].append(value)
    return result


def _timed(unit: Unit, one: AbstractContextManager[Work]) -> float:
    with one as work:
        gc.collect()
        start = time.perf_counter()
        done = work()
        seconds = time.perf_counter() - start
    if isinstance(done, Timed):
        seconds, done = done.seconds, done.units
    match unit:
        case "/s":
            return done / seconds
        case "ms":
            return seconds * 1000 / done
        case "MB":
            return done


def steady(work: Work) -> Round:
    """Rounds that need no preparation."""

    @contextmanager
    def same(_: int) -> Iterator[Work]:
        yield work

    return same
