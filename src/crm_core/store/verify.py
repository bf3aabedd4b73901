"""Verification: recompute the chain from the stored bytes, and every derived copy from the header."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from secrets import token_bytes
from typing import Any
from uuid import UUID

from crm_core.kernel.plain import as_dict
from crm_core.ledger.chain import GENESIS, chained
from crm_core.store.auditing import Part, Strange, audit, audited, concluded, joined, nothing
from crm_core.store.port import Database, Transaction

_PAGE = 2_000
_SHARE = 100_000
"""How many positions a worker reads at a time."""
_FAR = 2**62
_COLUMNS = "position, stream, version, type, type_version, at, recorded_at, header, public, sealed, chain"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found. `position` and `what` are the first difference; None: the log is intact.

    `events` were read and hashed, `chain` is the value at the last of them.
    """

    events: int
    chain: str
    position: int | None = None
    what: str | None = None

    @property
    def intact(self) -> bool:
        """Whether nothing differs."""
        return self.position is None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"intact": self.intact, **as_dict(self)}


def verify(database: Database, progress: Callable[[int], None] = lambda _: None, workers: int = 1) -> Verdict:
    """Read the whole log and compare everything with what it should be.

    Positions are gapless, each header says its own position, recorded time never decreases, versions of a
    stream are consecutive, the chain follows from the bytes, every column and customer link equals what the
    header says, and every command id stands for exactly the events that carry it.

    A log in which nothing differs is read once, as fast as can be. Only where something differs, or is in
    another form than ours, it is read once more from the beginning, with time to name the first difference.

    Args:
        database: where the log is.
        progress: called with the number of events read so far.
        workers: how many processes read a log that other processes can open.
    """
    try:
        part = _audited(database, progress, workers)
    except (Strange, _Differs):
        return _verdict(database, progress)
    return Verdict(part.position, part.chain.hex())


def _audited(database: Database, progress: Callable[[int], None], workers: int) -> Part:
    """The whole log, if nothing is strange about it: what was there at first by all workers, what came since by us."""
    key = token_bytes(32)
    before, whole = nothing(key), nothing(key)
    if workers > 1 and database.elsewhere:
        for part in _by_workers(database, key, workers):
            before = joined(before, part)
            progress(before.position)

    def ends(transaction: Transaction, tail: Part) -> None:
        nonlocal whole
        whole = joined(before, tail)
        concluded(transaction, whole)
        _compare_ends(transaction, whole.position, whole.counted)

    for tail in audited(database, key, before.position, _FAR, _PAGE, ends):
        progress(tail.position)
    return whole


def _by_workers(database: Database, key: bytes, workers: int) -> Iterator[Part]:
    """The stretches of the log as it is now, in order, each read by another process."""
    with database.looking() as transaction:
        [head] = transaction.execute("SELECT max(position) FROM crm_events").fetchone()
    ends = [*range(_SHARE, head or 0, _SHARE), head or 0]
    begins = [0, *ends]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(audit, repeat(database), repeat(key), begins, ends, repeat(_PAGE))


def _verdict(database: Database, progress: Callable[[int], None]) -> Verdict:
    """The same, taking every header apart, until something differs."""
    walk = _Walk()
    while True:
        with database.reading() as transaction:
            rows = _page(transaction, walk.position)
            try:
                walk.over(rows, _links(transaction, walk.position, rows[-1][0]) if rows else {})
                walk.compare_commands(transaction, ended=not rows)
                if not rows:
                    _compare_ends(transaction, walk.position, walk.commands)
            except _Differs as difference:
                return Verdict(walk.events, walk.chain.hex(), difference.position, difference.what)
        if not rows:
            return Verdict(walk.events, walk.chain.hex())
        progress(walk.events)


class _Differs(Exception):
    """The first difference."""

    def __init__(self, position: int, what: str) -> None:
        self.position = position
        self.what = what
        super().__init__(what)


_NO_EVENT = "a link points to an event that does not exist"


@dataclass(slots=True)
class _Walk:
    """What is known after so many rows.

    `blocks`: command id, its last position, how many events, when recorded; the last block is still open.
    """

    position: int = 0
    chain: bytes = GENESIS
    recorded_at: str = ""
    events: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    blocks: list[tuple[str, int, int, str]] = field(default_factory=list)
    commands: int = 0

    def over(self, rows: list[tuple[Any, ...]], links: dict[int, set[str]]) -> None:
        """Compare a page of rows, and the links that point into it."""
        for row in rows:
            self.step(row, links.pop(row[0], set()))
        if links:
            raise _Differs(min(links), _NO_EVENT)

    def step(self, row: tuple[Any, ...], links: set[str]) -> None:
        """Compare one more row."""
        position, stream, version, name, type_version, at, recorded_at, header_text, public, sealed, chain = row
        stream, chain = str(stream), bytes(chain)
        here = self.position + 1
        if position != here:
            raise _Differs(here, f"position {here} is missing")
        if chain != chained(self.chain, header_text.encode(), public.encode(), bytes(sealed)):
            raise _Differs(here, "the chain does not follow from header, public part and sealed part")
        header = _envelope(here, header_text)
        columns = {
            "position": position, "stream": stream, "version": version, "type": name, "type_version": type_version,
            "at": at, "recorded_at": recorded_at,
        }  # fmt: skip
        for column, value in columns.items():
            if header.get(column) != value:
                raise _Differs(here, f"column {column} differs from the header")
        if recorded_at < self.recorded_at:
            raise _Differs(here, "recorded time goes back")
        before = self.versions.get(stream, 0)
        if version != before + 1:
            raise _Differs(here, f"version {version} of its stream follows {before}")
        _compare_links(here, {thing for _, thing in header["regards"]}, links)
        self._count(header["command"], recorded_at)
        self.versions[stream] = version
        self.position, self.chain, self.recorded_at, self.events = here, chain, recorded_at, self.events + 1

    def _count(self, command: str, recorded_at: str) -> None:
        if self.blocks and self.blocks[-1][0] == command:
            _, last, count, _ = self.blocks[-1]
            self.blocks[-1] = (command, last + 1, count + 1, recorded_at)
        else:
            self.blocks.append((command, self.position + 1, 1, recorded_at))

    def compare_commands(self, transaction: Transaction, *, ended: bool) -> None:
        """The command rows of all blocks that are complete."""
        complete = self.blocks if ended else self.blocks[:-1]
        self.blocks = [] if ended else self.blocks[-1:]
        for start in range(0, len(complete), _PAGE):
            part = complete[start : start + _PAGE]
            condition, values = transaction.where_in("command_id", [UUID(command) for command, *_ in part])
            rows = transaction.execute(
                f"SELECT command_id, position, events, recorded_at FROM crm_commands WHERE {condition}", values
            ).fetchall()
            known = {str(command): (position, count, recorded) for command, position, count, recorded in rows}
            for command, last, count, recorded in part:
                if known.get(command) != (last, count, recorded):
                    raise _Differs(last - count + 1, f"command {command} does not stand for exactly its events")
        self.commands += len(complete)


def _envelope(position: int, text: str) -> dict[str, Any]:
    header: dict[str, Any] = {}
    try:
        header = json.loads(text)
        UUID(header["command"])
        well_formed = all(len(one) == 2 for one in header["regards"])  # noqa: PLR2004 - a kind and an id
    except (ValueError, TypeError, KeyError, AttributeError):
        well_formed = False
    if not well_formed:
        raise _Differs(position, "the header is no envelope")
    return header


def _compare_links(position: int, expected: set[str], links: set[str]) -> None:
    if expected - links:
        raise _Differs(position, f"the link to {min(expected - links)} is missing")
    if links - expected:
        raise _Differs(position, f"the link to {min(links - expected)} does not belong")


def _compare_ends(transaction: Transaction, end: int, commands: int) -> None:
    """What points beyond the log, and command ids that claim events which others recorded."""
    stray = transaction.execute(
        "SELECT min(position) FROM crm_links WHERE position > ? OR position < 1", [end]
    ).fetchone()[0]
    if stray is not None:
        raise _Differs(stray, _NO_EVENT)
    beyond = transaction.execute(
        "SELECT command_id, position FROM crm_commands WHERE position > ? ORDER BY position LIMIT 1", [end]
    ).fetchone()
    if beyond is not None:
        raise _Differs(end + 1, f"command {beyond[0]} points beyond the log, to position {beyond[1]}")
    [claiming] = transaction.execute("SELECT count(*) FROM crm_commands WHERE events <> 0").fetchone()
    if claiming != commands:
        claims = f"{claiming - commands} command ids stand for events that they did not record"
        raise _Differs(end, claims)


def _page(transaction: Transaction, after: int) -> list[Any]:
    sql = f"SELECT {_COLUMNS} FROM crm_events WHERE position > ? ORDER BY position LIMIT ?"
    return transaction.execute(sql, [after, _PAGE]).fetchall()


def _links(transaction: Transaction, after: int, upto: int) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    rows = transaction.execute(
        "SELECT position, thing FROM crm_links WHERE position > ? AND position <= ?", [after, upto]
    ).fetchall()
    for position, thing in rows:
        found.setdefault(position, set()).add(str(thing))
    return found


__all__ = ["Verdict", "verify"]
