"""Whether a stretch of the log is as it should be: yes or no, as fast as can be. What differs is named by `verify`.

A header is not parsed: its form is fixed (docs/adr/0005), so one pattern finds what the columns, links and commands
must repeat, and a header that does not fit it is left to those who take their time.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

from crm_core.ledger.chain import GENESIS, chained
from crm_core.store.port import Database, Transaction

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


_ROWS = f"SELECT {_COLUMNS} FROM crm_events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_LINK = "CAST(thing AS text), position"
_COMMAND = "CAST(command_id AS text), position, events, recorded_at"
_MANY = 10_000
"""How many links or commands are read at a time."""


class Block(NamedTuple):
    """Events of one command in a row: the last position, how many, and when recorded."""

    command: str
    last: int
    events: int
    recorded_at: str


@dataclass(slots=True)
class Part:
    """What a stretch turned out to hold.

    `key` is a secret of this audit. Under it every link, and every command with what it stands for, is hashed, and
    the hashes are added up: two sums are equal when they are of the same links, whatever their order.
    `firsts` and `lasts`: stream → its first and last version here. `blocks`: the first and the last command, which
    may go on outside. `links`, `commands`: the sums of the others; `counted`: how many commands.
    """

    key: bytes
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
    counted: int = 0


class Strange(Exception):
    """Something is not as it should be, or not in the form it has always had."""


Ends: TypeAlias = Callable[[Transaction, Part], None]
"""What is compared when nothing is left to read, in the snapshot that says so."""


def audited(
    database: Database, key: bytes, after: int, upto: int, size: int, ends: Ends | None = None
) -> Iterator[Part]:
    """Read a stretch, `size` rows at a time, and tell after each page what was found so far.

    The chain is taken up from the value stored at `after`, which the stretch before has to prove.

    Raises:
        Strange: there is a difference, or may be.
    """
    with database.looking() as transaction:
        part = _begun(transaction, key, after)
    while True:
        with database.reading() as transaction:
            rows = transaction.execute(_ROWS, [part.position, upto, size]).fetchall()
            if not rows:
                if ends is not None:
                    ends(transaction, part)
                return
            _walked(part, rows)
        yield part


def audit(database: Database, key: bytes, after: int, upto: int, size: int) -> Part:
    """The whole stretch at once.

    Raises:
        Strange: there is a difference, or may be.
    """
    part = nothing(key)
    for part in audited(database, key, after, upto, size):  # noqa: B007 - each page is told, the last says all
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
    before.counted += after.counted
    return before


def nothing(key: bytes) -> Part:
    """The empty stretch before the first position."""
    return Part(key, 0, 0, GENESIS, "")


def concluded(transaction: Transaction, part: Part) -> None:
    """Compare what is left when the whole log was read: links and commands, each table read once in its own order.

    Raises:
        Strange: there is a difference.
    """
    _require(all(version == 1 for version in part.firsts.values()))
    part.commands += sum(_marked(part.key, " ".join(map(str, block))) for block in part.blocks)
    part.counted += len(part.blocks)
    part.blocks = []
    links = _stored(transaction, part.key, "crm_links", _LINK, ("thing", "position"), "true")
    _require(links == part.links)
    commands = _stored(transaction, part.key, "crm_commands", _COMMAND, ("command_id",), "events <> 0")
    _require(commands == part.commands)


def _stored(transaction: Transaction, key: bytes, table: str, columns: str, keys: Sequence[str], kept: str) -> int:
    """The sum of these columns of a table's rows, read in the order of its primary key, which begins with an id."""
    order, marks = ", ".join(keys), [f"CAST(? AS {transaction.dialect.uuid})", "?"][: len(keys)]
    total, behind, after = 0, "", ()
    while True:
        sql = f"SELECT {columns} FROM {table} WHERE {kept}{behind} ORDER BY {order} LIMIT {_MANY}"
        rows = transaction.execute(sql, after).fetchall()
        form = " ".join(["%s"] * len(rows[0])) if rows else ""
        total += sum([int.from_bytes(sha256(key + (form % row).encode()).digest(), "big") for row in rows])
        if len(rows) < _MANY:
            return total
        behind, after = f" AND ({order}) > ({', '.join(marks)})", rows[-1][: len(keys)]


def _marked(key: bytes, text: str) -> int:
    return int.from_bytes(sha256(key + text.encode()).digest(), "big")


def _begun(transaction: Transaction, key: bytes, after: int) -> Part:
    if not after:
        return nothing(key)
    sql = "SELECT recorded_at, chain FROM crm_events WHERE position = ?"
    recorded_at, chain = transaction.execute(sql, [after]).fetchone() or _strange()
    return Part(key, after, after, bytes(chain), recorded_at)


def _walked(part: Part, rows: Iterable[tuple[Any, ...]]) -> None:
    """Go over these rows; what is done a million times is written out here."""
    here, chain, before, key = part.position, part.chain, part.recorded_at, part.key
    firsts, lasts, blocks, fits, number = part.firsts, part.lasts, part.blocks, _HEADER.fullmatch, int.from_bytes
    open_, _, count, _ = blocks.pop() if blocks else Block("", 0, 0, "")
    links = commands = counted = 0
    for position, stream, version, name, type_version, at, recorded_at, header, public, sealed, stored in rows:
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
            links += sum(_marked(key, f"{thing} {here}") for thing in _things(regards))
        elif regards:
            links += number(sha256(key + f"{regards[_ONE_REF_AFTER:-2]} {here}".encode()).digest(), "big")
        if command == open_:
            count += 1
        elif blocks:
            commands += number(sha256(key + f"{open_} {here - 1} {count} {before}".encode()).digest(), "big")
            counted += 1
            open_, count = command, 1
        else:
            if open_:
                blocks.append(Block(open_, here - 1, count, before))
            open_, count = command, 1
        before = recorded_at
        if not part.began_at:
            part.began_at = recorded_at
    blocks.append(Block(open_, here, count, before))
    part.position, part.chain, part.recorded_at = here, chain, before
    part.links += links
    part.commands += commands
    part.counted += counted


def _things(regards: str) -> set[str]:
    """The ids in `["kind","id"],["kind","id"]…`; a thing that is named twice is linked once."""
    return {one[_ONE_REF_AFTER:-2] for one in regards.replace("],[", "]\n[").split("\n")}


def _count(blocks: list[Block], block: Block) -> None:
    """One more command, or more events of the open one."""
    if blocks and blocks[-1].command == block.command:
        block = block._replace(events=block.events + blocks[-1].events)
        blocks[-1] = block
    else:
        blocks.append(block)


def _require(holds: bool) -> None:  # noqa: FBT001 - what must hold
    if not holds:
        raise Strange


def _strange() -> Any:
    raise Strange
