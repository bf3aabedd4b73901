"""The table, on the terminal and in docs/benchmarks.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.harness import Result, Spread, Unit
from tests.benchmarks.machine import Facts
from tests.benchmarks.sizes import Sizes

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- kept by hand: begin -->", "<!-- kept by hand: end -->"
HEADINGS = ("what", "where", "who", "median (least to most)", "ours is … as good", "reach for")
_BY_HAND = "## What limits it\n\nNot yet written.\n"

_PAGE = """# Benchmarks

How fast the CRM is beside the `eventsourcing` library used as its documentation shows, and beside what the database
and the disk allow. This page is written by `python -m tests.benchmarks --write`; only the section on what limits it is
kept by hand.

{facts}

{table}

## How to read it

- **Trust ratios, not rates.** All arms of a case run in turn, round by round (A B A B …), on one machine; a ratio is
  ours against the other arm of the same round, as median (least to most) over the rounds. Rates say what this machine
  did that day, beside whatever else it did.
- *Ours is … as good*: 3.0× means three times the rate, or a third of the time or memory; below 1× the other did better.
- *stock* is `eventsourcing` with `Application`, `Aggregate`, `@event` and `JSONTranscoder`, its own SQLite or
  PostgreSQL module and default settings, but for a connection pool as large as there are writers. Neither takes
  snapshots here. The events and the values of their fields are the same. Ours seals what is personal, chains every row
  by hash, keeps the command's id, and links customers to positions; stock does none of this.
- *limit* selects the stream's rows and inserts one row of our size, *inserts* only inserts, without any lock: SQL
  through the same driver with nothing around it.
- Everything is durable: SQLite with a synced write-ahead log, PostgreSQL as initdb leaves it, told to `ANALYZE` what
  was filled in before the clock starts, which it would do by itself within a minute. *fsync + 2 ms* is a server whose
  every fsync first waits 2 ms (`tests/benchmarks/slow_fsync.c`), as on a disk across a network.
- *Catch-up* at the stock library is its `ProjectionRunner` with a materialised view of the same columns, one event a
  transaction. On SQLite it has none, so there a loop over `select_notifications` stands in.

{by_hand}
"""


def page(results: Sequence[Result], facts: Facts, sizes: Sizes, earlier: str) -> str:
    """The whole page; what was kept by hand in the earlier one is kept."""
    kept = earlier.partition(BEGIN)[2].partition(END)[0].strip("\n") or _BY_HAND.strip("\n")
    rows = [f"| {name} | {value} |" for name, value in [*facts, *_sizes(sizes)]]
    about = "\n".join(["| this run | |", "|---|---|", *rows])
    return _PAGE.format(facts=about, table=markdown(results), by_hand=f"{BEGIN}\n{kept}\n{END}")


def markdown(results: Sequence[Result]) -> str:
    """One table with a heading row for each row of the design's."""
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
    row = ""
    for result in results:
        if result.case.row != row:
            row = result.case.row
            lines.append(f"| **{row}** |{' |' * (len(HEADINGS) - 1)}")
        lines += [f"| {' | '.join(cells)} |" for cells in cells_of(result)]
    return "\n".join(lines)


def terminal(result: Result) -> str:
    """A case as it is printed while the run goes on."""
    case = result.case
    lines = [f"{case.row} · {case.what} · {case.where}" + (f"   [{case.reach}]" if case.reach else "")]
    for _, _, who, value, ratio, _ in cells_of(result):
        lines.append(f"    {who:<48}{value:>34}   {ratio}")
    return "\n".join(lines)


def cells_of(result: Result) -> Iterator[tuple[str, ...]]:
    """A line for each arm."""
    case = result.case
    for number, arm in enumerate(case.arms):
        said = (case.what, case.where) if number == 0 else ("", "")
        ratio = result.ratio(arm.name)
        good = "" if ratio is None else f"{_times(ratio.median)} ({_times(ratio.least)} to {_times(ratio.most)})"
        yield (*said, arm.name, _spread(result.spread(arm.name), case.unit), good, case.reach if number == 0 else "")


def _spread(spread: Spread, unit: Unit) -> str:
    gap = "" if unit == "/s" else " "
    return f"{_number(spread.median)}{gap}{unit} ({_number(spread.least)} to {_number(spread.most)})"


def _number(value: float) -> str:
    for below, digits in ((10, 2), (100, 1)):
        if value < below:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}×" if ratio < 10 else f"{ratio:,.0f}×"


def _sizes(sizes: Sizes) -> list[tuple[str, str]]:
    return [
        ("size", f"{sizes.name}; {sizes.rounds} rounds, {sizes.times} times as many of single commands"),
        ("single commands a round", f"{sizes.commands} on short streams, {sizes.long_commands} on long ones"),
        ("writers' commands a round", f"16 × {sizes.each_writer}"),
        ("stock's smaller shares", f"{sizes.imported_singly:,} saved one by one, {sizes.tracked:,} followed"),
    ]
