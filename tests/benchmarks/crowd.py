"""Sixteen writers at once: in threads of one process, or spread over several."""

import multiprocessing
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from tests.benchmarks.contenders import Contender, Kind, contender
from tests.benchmarks.deals import Change
from tests.benchmarks.harness import Timed
from tests.benchmarks.places import Site

Jobs = Sequence[Sequence[UUID]]
"""For each writer its own streams."""
PATIENCE_S = 300


def in_threads(who: Contender, jobs: Jobs, change: Change) -> Timed:
    """A thread for each writer; timed from the moment all are ready until the last is done."""
    start, end = _race(who, jobs, change)
    return Timed(sum(map(len, jobs)), end - start)


def in_processes(kind: Kind, site: Site, jobs: Jobs, change: Change, processes: int) -> Timed:
    """The same, the writers spread over processes, each of which has opened the database before."""
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(processes), context.SimpleQueue()
    children = [
        context.Process(
            target=_child, args=(kind, site, jobs[number::processes], change, (ready, answers)), daemon=True
        )
        for number in range(processes)
    ]
    for child in children:
        child.start()
    spans = [answers.get() for _ in children]
    for child in children:
        child.join()
    if any(isinstance(span, str) for span in spans):
        raise RuntimeError(next(span for span in spans if isinstance(span, str)))
    measured = sum(len(streams) - 1 for streams in jobs)  # each writer's first command only warms up
    return Timed(measured, max(end for _, end in spans) - min(start for start, _ in spans))


def _child(kind: Kind, site: Site, jobs: Jobs, change: Change, parent: tuple[Any, Any]) -> None:
    ready, answers = parent
    site = replace(site, stock={**site.stock, "CREATE_TABLE": "n"})  # it is there; at once, PostgreSQL would object
    try:
        with contender(kind, site) as who:
            _race(who, [streams[:1] for streams in jobs], change)
            rest = [streams[1:] for streams in jobs]
            ready.wait(PATIENCE_S)
            answers.put(_race(who, rest, change))
    except BaseException as error:
        ready.abort()
        answers.put(f"a writer ended with {type(error).__name__}: {error}")
        raise


def _race(who: Contender, jobs: Jobs, change: Change) -> tuple[float, float]:
    """When they began and when the last was done, on the machine's own clock, which its processes share."""
    failures: list[BaseException] = []
    gate = threading.Barrier(len(jobs) + 1)

    def write(streams: Sequence[UUID]) -> None:
        gate.wait(PATIENCE_S)
        try:
            for stream in streams:
                who.command(stream, change)
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            failures.append(error)

    writers = [threading.Thread(target=write, args=(streams,)) for streams in jobs]
    for writer in writers:
        writer.start()
    gate.wait(PATIENCE_S)
    start = time.monotonic()
    for writer in writers:
        writer.join()
    end = time.monotonic()
    if failures:
        raise failures[0]
    return start, end
