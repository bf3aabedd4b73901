"""Verification: recompute the chain from the stored bytes, and every derived copy from the header."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_core.ledger.chain import GENESIS, chained
from crm_core.store.port import Database, Transaction

_PAGE = 5_000
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


def verify(database: Database, progress: Callable[[int], None] = lambda _: None) -> Verdict:
    """Read the whole log and compare everything with what it should be.

    Positions are gapless, each header says its own position, recorded time never decreases, versions of a
    stream are consecutive, the chain follows from the bytes, every column and customer link equals what the
    header says, and every command id stands for the events that carry it.
    """
    previous, chain, last_recorded, events = 0, GENESIS, "", 0
    versions: dict[str, int] = {}
    while True:
        with database.reading() as transaction:
            rows = _page(transaction, previous)
            if not rows:
                return _stray(transaction, events, previous, chain)
            links = _links(transaction, previous, rows[-1][0])
        for row in rows:
            what = _difference(row, previous, chain, last_recorded, versions, links.pop(row[0], set()))
            if what:
                return Verdict(events, chain.hex(), previous + 1 if row[0] != previous + 1 else row[0], what)
            previous, chain, last_recorded, events = row[0], bytes(row[10]), row[6], events + 1
        if links:
            return Verdict(events, chain.hex(), min(links), "a link points to an event that does not exist")
        progress(events)


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


def _difference(
    row: tuple[Any, ...], previous: int, chain: bytes, last_recorded: str, versions: dict[str, int], links: set[str]
) -> str | None:
    position, stream, version, name, type_version, at, recorded_at, header_text, public, sealed, stored_chain = row
    if position != previous + 1:
        return f"position {previous + 1} is missing"
    if bytes(stored_chain) != chained(chain, header_text.encode(), public.encode(), bytes(sealed)):
        return "the chain does not follow from header, public part and sealed part"
    try:
        header = json.loads(header_text)
    except ValueError:
        return "the header is no JSON"
    columns = {
        "position": position, "stream": str(stream), "version": version, "type": name, "type_version": type_version,
        "at": at, "recorded_at": recorded_at,
    }  # fmt: skip
    differing = [column for column, value in columns.items() if header.get(column) != value]
    if differing:
        return f"column {differing[0]} differs from the header"
    if recorded_at < last_recorded:
        return "recorded time goes back"
    expected = versions.get(str(stream), 0) + 1
    if version != expected:
        return f"version {version} of its stream follows {expected - 1}"
    versions[str(stream)] = version
    return _link_difference({one for _, one in header["regards"]}, links)


def _link_difference(expected: set[str], links: set[str]) -> str | None:
    if expected - links:
        return f"the link to {min(expected - links)} is missing"
    if links - expected:
        return f"the link to {min(links - expected)} does not belong"
    return None


def _stray(transaction: Transaction, events: int, last: int, chain: bytes) -> Verdict:
    stray = transaction.execute("SELECT min(position) FROM crm_links WHERE position > ?", [last]).fetchone()[0]
    if stray is not None:
        return Verdict(events, chain.hex(), stray, "a link points to an event that does not exist")
    for position, what in _commands(transaction, last):
        return Verdict(events, chain.hex(), position, what)
    return Verdict(events, chain.hex())


def _commands(transaction: Transaction, last: int) -> Iterator[tuple[int, str]]:
    """Command rows that do not cover exactly the events that carry their id."""
    after: Any = UUID(int=0)
    covered = 0
    while True:
        rows = transaction.execute(
            "SELECT command_id, position, events FROM crm_commands WHERE command_id > ? ORDER BY command_id LIMIT ?",
            [after, _PAGE],
        ).fetchall()
        if not rows:
            break
        for command_id, position, count in rows:
            covered += count
            if position > last:
                yield position, f"command {command_id} points beyond the log"
            if count:
                [header] = transaction.execute(
                    "SELECT header FROM crm_events WHERE position = ?", [position]
                ).fetchone()
                if json.loads(header)["command"] != str(command_id):
                    yield position, f"command {command_id} points to an event of another command"
        after = rows[-1][0]
    if covered != last:
        yield last, f"{last - covered} events belong to no command id"


__all__ = ["Verdict", "verify"]
