"""How much of everything a run does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts are of each round and each arm.

    `rounds`, and `times` as many, short ones, of single commands; `commands` on streams of ten events;
    `long_stream` events in a long stream and `long_commands` on it; `each_writer` commands by each of 16
    writers; `imported` commands in bulk and `imported_singly` by the stock library one by one; `followed`
    events caught up with, `tracked` by the stock runner; `log` events in the big log, and `larger` times as
    many for the question of memory (0: not asked).
    """

    name: str
    rounds: int
    times: int
    commands: int
    long_stream: int
    long_commands: int
    each_writer: int
    imported: int
    imported_singly: int
    followed: int
    tracked: int
    log: int
    larger: int


SIZES = {
    one.name: one
    for one in (
        Sizes("normal", 5, 12, 25, 5_000, 2, 25, 50_000, 1_000, 50_000, 1_000, 1_000_000, 0),
        Sizes("full", 7, 12, 25, 5_000, 2, 50, 50_000, 1_000, 100_000, 1_000, 1_000_000, 4),
        Sizes("quick", 2, 12, 10, 1_000, 1, 10, 5_000, 300, 5_000, 300, 50_000, 0),
        Sizes("tiny", 1, 1, 2, 20, 1, 1, 20, 4, 40, 8, 402, 2),
    )
}
"""By name; `tiny` only shows that everything works."""
