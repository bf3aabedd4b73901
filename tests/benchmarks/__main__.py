"""`python -m tests.benchmarks [ROW …] [--quick | --full] [--write]`: measures, and prints a table."""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from tests.benchmarks.bench import Bench, row_names
from tests.benchmarks.harness import Result
from tests.benchmarks.machine import Machine
from tests.benchmarks.places import Place, PostgresPlace, SqlitePlace
from tests.benchmarks.report import PAGE, markdown, page, terminal
from tests.benchmarks.sizes import SIZES
from tests.postgres_server import PostgresServer, Unavailable

SLOW_MS = 2.0


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for."""
    asked = _parser().parse_args(arguments)
    sizes = SIZES["quick" if asked.quick else "full" if asked.full else "normal"]
    sizes = replace(sizes, rounds=asked.rounds or sizes.rounds, log=asked.log or sizes.log)
    results: list[Result] = []
    with places() as where, Bench(where, sizes) as bench:
        machine = Machine(where)
        for row in asked.row or row_names():
            results += bench.run(row, lambda result: print(terminal(result), flush=True))
        facts = machine.facts()
    print("", *(f"{name}: {value}" for name, value in facts), "", markdown(results), sep="\n")
    if asked.write:
        earlier = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        PAGE.write_text(page(results, facts, sizes, earlier), encoding="utf-8")
        print(f"\nwritten: {PAGE.relative_to(PAGE.parents[1])}")
    return 0


def _stopped(*_: object) -> None:
    """Ends the run as an error would, so that servers and files go with it."""
    sys.exit("stopped")


@contextmanager
def places() -> Iterator[list[Place]]:
    """SQLite, a PostgreSQL server, and one whose fsync waits; what this machine cannot offer is left out, and said."""
    found: list[Place] = [SqlitePlace()]
    with ExitStack() as stack:
        try:
            dsn = os.environ.get("CRM_TEST_POSTGRES_DSN") or stack.enter_context(PostgresServer()).dsn
            found.append(PostgresPlace("PostgreSQL", dsn))
            slow = stack.enter_context(PostgresServer(preload_fsync_ms=SLOW_MS)).dsn
            found.append(PostgresPlace(f"PostgreSQL, fsync + {SLOW_MS:g} ms", slow, slow=True))
        except Unavailable as why:
            print(f"left out: {why}", file=sys.stderr)
        yield found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("row", nargs="*", choices=[[], *row_names()], help="which rows; none: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, two rounds")
    parser.add_argument("--full", action="store_true", help="more rounds, and logs of 4 million events for the memory")
    parser.add_argument("--rounds", type=int, help="how often each case is measured")
    parser.add_argument("--log", type=int, help="events in the big log of rebuild, ledger and customer")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stopped)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    sys.exit(main(sys.argv[1:]))
