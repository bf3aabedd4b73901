"""Whether a stretch of the log is as it should be: yes or no, as fast as can be. What differs is named by `verify`.

A header is not parsed: its form is fixed (docs/adr/0005), so one pattern finds what the columns, links and commands
must repeat, and a header that does not fit it is left to those who take their time.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from crm_core.ledger.chain import GENESIS, chained
from crm_core.store.port import Database, Dialect, Transaction

_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TEXT = r'"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-f]{4})*+"'
_WHEN = "[0-9TZ:.-]++"
_REF = rf'\["[a-z_]++","{_ID}"\]'
_HEADER = re.compile(
    rf'\{{"id":"{_ID}","type":"([a-z0-9_.]++)","type_version":([0-9]++),"stream":"({_ID})","version":([0-9]++)'
    rf',"at":"({_WHEN})","by":{_TEXT}(?:,"on_behalf_of":{_TEXT})?+,"command":"({_ID})","correlation":"{_ID}"'
    rf'(?:,"causation":"{_ID}")?+,"writer":{_TEXT},"regards":\[((?:{_REF}(?:,{_REF})*+)?+)\](?:,"subject":"{_ID}")?+'
    rf'(?:,"definitions":[0-9]++)?+,"recorded_at":"({_WHEN})","position":([0-9]++)\}}'
)
_ONE_REF_AFTER = -38
"""Where the id begins in the only, or the last, of `["kind","id"]`."""
_COLUMNS = "position, CAST(stream AS text), version, type, type_version, at, recorded_at, header, public, sealed, chain"


def _rows(dialect: Dialect) -> str:
    """The question for a page: its rows, each with what the row of its command says about that."""
    find = "instr" if dialect.name == "sqlite" else "strpos"
    command = f"""CAST(substr(header, {find}(header, '"command":"') + 11, 36) AS {dialect.uuid})"""
    said = "c.position || ' ' || c.events || ' ' || c.recorded_at"
    claim = f"SELECT {said} FROM crm_commands c WHERE c.command_id = {command}"
    return (
        f"SELECT {_COLUMNS}, ({claim}) FROM crm_events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
    )


class Block(NamedTuple):
    """Events of one command in a row: where they end, how many, when, and what the row of the command claims."""

    command: str
    last: int
    events: int
    recorded_at: str
    claim: str | None

    @property
    def proper(self) -> bool:
        """Whether the command's row says what the events say."""
        return self.claim == f"{self.last} {self.events} {self.recorded_at}"


@dataclass(slots=True)
class Part:
    """What a stretch turned out to hold.

    `firsts` and `lasts`: stream → its first and last version here. `blocks`: the first and the last command, which
    may go on outside. `links`, `commands`: how many were compared.
    """

    after: int
    position: int
    chain: bytes
    recorded_at: str
    began_at: str = ""
    firsts: dict[str, int] = field(default_factory=dict)
    lasts: dict[str, int] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    links: int = 0
    commands: int = 0


class Strange(Exception):
    """Something is not as it should be, or not in the form it has always had."""


Ends: TypeAlias = Callable[[Transaction, Part], None]
"""What is compared when nothing is left to read, in the snapshot that says so."""


def audited(database: Database, after: int, upto: int, size: int, ends: Ends | None = None) -> Iterator[Part]:
    """Read a stretch, `size` rows at a time, and tell after each page what was found so far.

    The chain is taken up from the value stored at `after`, which the stretch before has to prove.

    Raises:
        Strange: there is a difference, or may be.
    """
    with database.looking() as transaction:
        part = _begun(transaction, after)
    while True:
        with database.reading() as transaction:
            rows = transaction.execute(_rows(transaction.dialect), [part.position, upto, size]).fetchall()
            if not rows:
                if ends is not None:
                    ends(transaction, part)
                return
            links = _walked(part, rows)
            _require(_linked(transaction, links) == len(links))
            part.links += len(links)
            _compare(part)
        yield part


def audit(database: Database, after: int, upto: int, size: int) -> Part:
    """The whole stretch at once.

    Raises:
        Strange: there is a difference, or may be.
    """
    part = nothing()
    for part in audited(database, after, upto, size):  # noqa: B007 - each page is told, the last says all
        pass
    _require(part.position == upto)
    return part


def joined(before: Part, after: Part) -> Part:
    """Two stretches as one.

    Raises:
        Strange: the second does not go on from the first.
    """
    _require(after.after == before.position)
    if after.position == after.after:
        return before
    _require(after.began_at >= before.recorded_at)
    for stream, version in after.firsts.items():
        _require(version == before.lasts.get(stream, 0) + 1)
        before.firsts.setdefault(stream, version)
    before.lasts.update(after.lasts)
    for block in after.blocks:
        _count(before.blocks, block)
    before.position, before.chain, before.recorded_at = after.position, after.chain, after.recorded_at
    before.links += after.links
    before.commands += after.commands
    return before


def nothing() -> Part:
    """The empty stretch before the first position."""
    return Part(0, 0, GENESIS, "")


def concluded(transaction: Transaction, part: Part) -> None:
    """Compare what is left when the whole log was read: the open commands, and that there are no other links.

    Raises:
        Strange: there is a difference.
    """
    _require(all(version == 1 for version in part.firsts.values()))
    _require(all(block.proper for block in part.blocks))
    part.commands += len(part.blocks)
    part.blocks = []
    [links] = transaction.execute("SELECT count(*) FROM crm_links").fetchone()
    _require(links == part.links)


def _begun(transaction: Transaction, after: int) -> Part:
    if not after:
        return nothing()
    sql = "SELECT recorded_at, chain FROM crm_events WHERE position = ?"
    recorded_at, chain = transaction.execute(sql, [after]).fetchone() or _strange()
    return Part(after, after, bytes(chain), recorded_at)


def _walked(part: Part, rows: Iterable[tuple[Any, ...]]) -> list[tuple[str, int]]:
    """Go over these rows; the links there must be."""
    here, chain, before = part.position, part.chain, part.recorded_at
    firsts, lasts, blocks = part.firsts, part.lasts, part.blocks
    fits, links = _HEADER.fullmatch, []
    open_, count, claim = "", 0, None
    for position, stream, version, name, type_version, at, recorded_at, header, public, sealed, stored, says in rows:
        here += 1
        chain = chained(chain, header.encode(), public.encode(), sealed)
        found = fits(header)
        if position != here or chain != stored or recorded_at < before or found is None:
            raise Strange
        name_, type_version_, stream_, version_, at_, command, regards, recorded_at_, position_ = found.groups()
        if (
            stream_ != stream
            or version_ != str(version)
            or position_ != str(position)
            or name_ != name
            or at_ != at
            or recorded_at_ != recorded_at
            or type_version_ != str(type_version)
        ):
            raise Strange
        last = lasts.get(stream)
        if last is None:
            firsts[stream] = version
        elif version != last + 1:
            raise Strange
        lasts[stream] = version
        if "],[" in regards:
            links += _links(regards, here)
        elif regards:
            links.append((regards[_ONE_REF_AFTER:-2], here))
        if command == open_:
            count += 1
        else:
            if open_:
                _count(blocks, Block(open_, here - 1, count, before, claim))
            open_, count, claim = command, 1, says
        before = recorded_at
        if not part.began_at:
            part.began_at = recorded_at
    _count(blocks, Block(open_, here, count, before, claim))
    part.position, part.chain, part.recorded_at = here, chain, before
    return links


def _links(regards: str, position: int) -> list[tuple[str, int]]:
    """The links of `["kind","id"],["kind","id"]…`; a thing that is named twice is linked once."""
    things = {one[_ONE_REF_AFTER:-2] for one in regards.replace("],[", "]\n[").split("\n")}
    return [(thing, position) for thing in things]


def _count(blocks: list[Block], block: Block) -> None:
    """One more command, or more events of the open one."""
    if blocks and blocks[-1].command == block.command:
        block = block._replace(events=block.events + blocks[-1].events)
        blocks[-1] = block
    else:
        blocks.append(block)


def _compare(part: Part) -> None:
    """Every command between the first and the last."""
    inner = part.blocks[1:-1]
    _require(all(claim == f"{last} {count} {recorded_at}" for _, last, count, recorded_at, claim in inner))
    part.commands += len(inner)
    part.blocks[1:-1] = []


def _linked(transaction: Transaction, links: list[tuple[str, int]]) -> int:
    """How many of these links there are."""
    if not links:
        return 0
    listed, values = transaction.listed(("uuid", "integer"), links)
    # a question for each, since a join would tempt PostgreSQL to read every link there is for every page
    there = "SELECT count(*) FROM crm_links WHERE thing = listed.c0 AND position = listed.c1"
    return int(transaction.execute(f"SELECT sum(({there})) FROM {listed}", values).fetchone()[0])


def _require(holds: bool) -> None:  # noqa: FBT001 - what must hold
    if not holds:
        raise Strange


def _strange() -> Any:
    raise Strange
