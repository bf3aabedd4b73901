"""One run: where, how much, and the logs that several rows read."""

import importlib
import pkgutil
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from types import ModuleType
from typing import Self

from tests.benchmarks import rows
from tests.benchmarks.biglog import BigLog, build
from tests.benchmarks.harness import Case, Result, measure
from tests.benchmarks.places import Place
from tests.benchmarks.sizes import Sizes


class Bench:
    """Measures rows in turn. Big logs are built once and gone when the block ends."""

    def __init__(self, places: Sequence[Place], sizes: Sizes) -> None:
        self.places = [place for place in places if not place.slow]
        self.slow = [place for place in places if place.slow]
        self.sizes = sizes
        self._logs: dict[tuple[str, int, int], BigLog] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, row: str, told: Callable[[Result], None] = lambda _: None) -> list[Result]:
        """Every case of a row."""
        results = []
        cases: Generator[Case] = row_module(row).cases(self)
        with closing(cases):  # also after an error its databases go before their server does
            for case in cases:
                results.append(measure(case, self.sizes.rounds))
                told(results[-1])
        return results

    def log(self, place: Place, events: int, *, deals: int | None = None) -> BigLog:
        """A log of so many events of so many deals (None: one for every twenty events)."""
        deals = max(events // 20, 1) if deals is None else deals
        key = (place.name, events, deals)
        if key not in self._logs:
            self._logs[key] = build(self._stack.enter_context(place.site()), events, deals)
        return self._logs[key]


def row_names() -> list[str]:
    """Every row there is, in the order of their titles."""
    names = [module.name for module in pkgutil.iter_modules(rows.__path__)]
    return sorted(names, key=lambda name: row_module(name).ORDER)


def row_module(name: str) -> ModuleType:
    """The module of a row."""
    return importlib.import_module(f"{rows.__name__}.{name}")
