"""The log: gapless positions in commit order, a hash chain over them, links to customers, command ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    StoredEvent,
    Subscription,
)

from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.errors import CommandIdReused, UnknownEventType
from crm_core.kernel.recorded import Receipt, RecordedEvent, header_close
from crm_core.kernel.time import Clock, stamp, unstamp
from crm_core.ledger.chain import GENESIS, chained
from crm_core.store.mapper import Entry, StoredRow
from crm_core.store.port import Database, StreamsMoved, Transaction, UniqueViolation

COLUMNS = "position, type, type_version, stream, version, at, header, sealed, public"
"""What a reader of events selects, in this order."""
STATE_COLUMNS = "stream, version, type, type_version, sealed, public"
"""The same for readers that fold a state, who need no envelope."""
_HEAD = "SELECT position, recorded_at, chain FROM crm_events ORDER BY position DESC LIMIT 1"
_EVENT_COLUMNS = (
    "position",
    "stream",
    "version",
    "type",
    "type_version",
    "at",
    "recorded_at",
    "header",
    "public",
    "sealed",
    "chain",
)
_COMMAND_COLUMNS = ("command_id", "fingerprint", "thing", "position", "events", "recorded_at")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: where the next one goes."""

    position: int
    recorded_at: str
    chain: bytes


@dataclass(frozen=True, slots=True)
class _Written:
    """Rows in their final form, and the receipts for them."""

    tables: tuple[tuple[str, Sequence[str], list[tuple[Any, ...]]], ...]
    receipts: list[Receipt]


@dataclass(frozen=True, slots=True)
class Known:
    """A command id that was carried out before."""

    fingerprint: bytes
    receipt: Receipt


class EventLog(ApplicationRecorder):
    """The library's application recorder, ours: reads and appends on either database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    # -- writing --------------------------------------------------------------------------------

    def append(self, transaction: Transaction, entries: Sequence[Entry]) -> list[Receipt]:
        """Append commands' events behind the head, in one order with everybody else's.

        Positions, chain and recorded time are decided here, under the append lock.

        Raises:
            StreamsMoved: a stream that was only looked at has moved on.
            UniqueViolation: a stream or a command id was taken meanwhile (when the rows are written).
        """
        head = _head(transaction.lock_log(_HEAD))
        transaction.appended = True
        self._check_unmoved(transaction, entries)
        written = self._written(head, entries)
        transaction.insert(*written.tables)
        return written.receipts

    def append_alone(self, entry: Entry) -> Receipt | None:
        """Append one command in a single call, where the database has one for it; None: it has not.

        Raises:
            StreamsMoved, UniqueViolation: as `append`.
        """
        answer = self.database.append_alone(entry, stamp(self.clock.now()))
        if answer is None:
            return None
        position, recorded = answer
        first = position - len(entry.rows) + 1
        lines = tuple(
            RecordedEvent(
                row.event_id, row.topic, cast("UUID", row.originator_id), row.originator_version, first + number
            )
            for number, row in enumerate(entry.rows)
        )
        return Receipt(entry.command_id, entry.thing, position, unstamp(recorded), lines)

    def _written(self, head: Head, entries: Sequence[Entry]) -> "_Written":
        """The rows of these commands, behind this head."""
        position, chain = head.position, head.chain
        recorded = max(stamp(self.clock.now()), head.recorded_at)
        when = unstamp(recorded)
        events: list[tuple[Any, ...]] = []
        links: list[tuple[Any, ...]] = []
        commands: list[tuple[Any, ...]] = []
        receipts: list[Receipt] = []
        for entry in entries:
            lines = []
            for row in entry.rows:
                position += 1
                header, public, sealed = header_close(row.header, recorded, position), row.public, row.sealed
                chain = chained(chain, header.encode(), public.encode(), sealed)
                stream, version, name = row.stream, row.originator_version, row.topic
                envelope = (name, row.type_version, row.at, recorded, header)
                events.append((position, stream, version, *envelope, public, sealed, chain))
                links += [(thing, position) for thing in row.links]
                lines.append(RecordedEvent(row.event_id, name, cast("UUID", row.originator_id), version, position))
            command = str(entry.command_id)
            commands.append((command, entry.fingerprint, str(entry.thing), position, len(lines), recorded))
            receipts.append(Receipt(entry.command_id, entry.thing, position, when, tuple(lines)))
        tables = (
            ("crm_events", _EVENT_COLUMNS, events),
            ("crm_links", ("thing", "position"), links),
            ("crm_commands", _COMMAND_COLUMNS, commands),
        )
        return _Written(tables, receipts)

    def _check_unmoved(self, transaction: Transaction, entries: Sequence[Entry]) -> None:
        """Streams that one of these commands writes are checked by their rows' key; the others here, under the lock."""
        looked_at = {stream: version for entry in entries for stream, version in entry.looked_at.items()}
        if len(entries) > 1 and looked_at:
            written = {row.originator_id for entry in entries for row in entry.rows}
            looked_at = {stream: version for stream, version in looked_at.items() if stream not in written}
        if looked_at and self.versions(transaction, list(looked_at)) != {s: v for s, v in looked_at.items() if v}:
            raise StreamsMoved

    def head(self, transaction: Transaction) -> Head:
        """The newest row; position 0 in an empty log."""
        return _head(transaction.execute(_HEAD).fetchone())

    # -- commands -------------------------------------------------------------------------------

    def known(self, transaction: Transaction, command_ids: Iterable[UUID]) -> dict[UUID, Known]:
        """Which of these command ids were carried out, with the receipts they got."""
        wanted = list(command_ids)
        found: dict[UUID, Known] = {}
        for start in range(0, len(wanted), 10_000):
            condition, values = transaction.where_in("command_id", wanted[start : start + 10_000])
            rows = transaction.execute(
                f"SELECT {', '.join(_COMMAND_COLUMNS)} FROM crm_commands WHERE {condition}", values
            ).fetchall()
            for command_id, fingerprint, thing, position, count, recorded in rows:
                lines = self._lines(transaction, position, count)
                receipt = Receipt(_uuid(command_id), _uuid(thing), position, unstamp(recorded), lines)
                found[receipt.command_id] = Known(bytes(fingerprint), receipt)
        return found

    def receipt(self, transaction: Transaction, command_id: UUID, fingerprint: bytes) -> Receipt | None:
        """The receipt this command got; None: it was never carried out.

        Raises:
            CommandIdReused: the id stands for a command with other content.
        """
        known = self.known(transaction, [command_id]).get(command_id)
        if known is not None and known.fingerprint != fingerprint:
            raise CommandIdReused(command_id)
        return known.receipt if known else None

    def _lines(self, transaction: Transaction, last: int, count: int) -> tuple[RecordedEvent, ...]:
        if not count:
            return ()
        rows = transaction.execute(
            "SELECT position, type, stream, version, header FROM crm_events "
            "WHERE position > ? AND position <= ? ORDER BY position",
            [last - count, last],
        ).fetchall()
        return tuple(
            RecordedEvent(_event_id(header), name, _uuid(stream), version, position)
            for position, name, stream, version, header in rows
        )

    # -- streams --------------------------------------------------------------------------------

    def versions(self, transaction: Transaction, streams: Sequence[UUID]) -> dict[UUID, int]:
        """Stream → version as it is now; streams without events are left out."""
        condition, values = transaction.where_in("stream", streams)
        rows = transaction.execute(
            f"SELECT stream, max(version) FROM crm_events WHERE {condition} GROUP BY stream", values
        ).fetchall()
        return {_uuid(stream): version for stream, version in rows}

    def stream(self, stream: UUID, types: Sequence[str]) -> list[Any]:
        """Rows of `STATE_COLUMNS` in one stream: those of the types, and the newest whatever its type."""
        condition, values = self.database.where_in("type", types)
        return self.database.ask(
            f"SELECT {STATE_COLUMNS} FROM crm_events WHERE stream = ? AND ({condition} OR version = "
            "(SELECT max(version) FROM crm_events WHERE stream = ?)) ORDER BY version",
            [stream, *values, stream],
            "uitibt",
        )

    def streams(self, transaction: Transaction, streams: Sequence[UUID], types: Sequence[str]) -> list[Any]:
        """The same in many streams, by stream and version."""
        in_streams, stream_values = transaction.where_in("stream", streams)
        of_types, type_values = transaction.where_in("type", types)
        return transaction.execute(
            f"SELECT {STATE_COLUMNS} FROM crm_events WHERE {in_streams} AND ({of_types} OR version = (SELECT "
            "max(version) FROM crm_events newest WHERE newest.stream = crm_events.stream)) ORDER BY stream, version",
            [*stream_values, *type_values],
        ).fetchall()

    # -- reading in order -----------------------------------------------------------------------

    def page(
        self,
        transaction: Transaction,
        after: int,
        upto: int,
        types: Sequence[str] | None,
        limit: int,
        about: Sequence[UUID] = (),
    ) -> list[Any]:
        """Rows of `COLUMNS` behind `after` up to `upto`, oldest first, at most `limit`.

        `types`: only these (None: all). `about`: only those in the streams of these things or linked to one.
        """
        conditions, values = ["position > ?", "position <= ?"], [after, upto]
        if types is not None:
            condition, more = transaction.where_in("type", types)
            conditions.append(condition)
            values += more
        if about:
            positions = self._about(transaction, about, after, upto)
            if not positions:
                return []
            condition, more = transaction.where_in("position", positions)
            conditions.append(condition)
            values += more
        return transaction.execute(
            f"SELECT {COLUMNS} FROM crm_events WHERE {' AND '.join(conditions)} ORDER BY position LIMIT ?",
            [*values, limit],
        ).fetchall()

    @staticmethod
    def _about(transaction: Transaction, about: Sequence[UUID], after: int, upto: int) -> list[int]:
        """Where these histories lie. Asked for nothing else, so that nothing tempts PostgreSQL to read the log."""
        in_stream, streams = transaction.where_in("stream", about)
        linked, things = transaction.where_in("thing", about)
        rows = transaction.execute(
            f"SELECT position FROM crm_events WHERE {in_stream} "
            f"UNION SELECT position FROM crm_links WHERE {linked} ORDER BY position",
            [*streams, *things],
        ).fetchall()
        return [position for (position,) in rows if after < position <= upto]

    def things(self, transaction: Transaction, first: UUID, last: UUID, limit: int) -> list[UUID]:
        """Streams, and things that facts regard, whose ids lie between these two, both included; at most `limit`."""
        rows = transaction.execute(
            "SELECT stream AS thing FROM crm_events WHERE stream >= ? AND stream <= ? "
            "UNION SELECT thing FROM crm_links WHERE thing >= ? AND thing <= ? ORDER BY thing LIMIT ?",
            [first, last, first, last, limit],
        ).fetchall()
        return [_uuid(thing) for (thing,) in rows]

    def unknown_types(self, transaction: Transaction, after: int, upto: int) -> list[UnknownEventType]:
        """The types and versions in this range that this code cannot read, each where it comes first."""
        rows = transaction.execute(
            "SELECT type, type_version, min(position) FROM crm_events "
            "WHERE position > ? AND position <= ? GROUP BY type, type_version",
            [after, upto],
        ).fetchall()
        unknown = sorted((first, name, version) for name, version, first in rows if not catalogue.knows(name, version))
        return [UnknownEventType(name, version, first) for first, name, version in unknown]

    def position_at(self, transaction: Transaction, instant: datetime) -> int:
        """The last position recorded at or before an instant: a binary search, since recorded time never decreases."""
        text, low, high = stamp(instant), 0, self.head(transaction).position
        while low < high:
            middle = (low + high + 1) // 2
            [recorded] = transaction.execute(
                "SELECT recorded_at FROM crm_events WHERE position = ?", [middle]
            ).fetchone()
            low, high = (middle, high) if recorded <= text else (low, middle - 1)
        return low

    # -- the library's interface ----------------------------------------------------------------

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append rows as the library hands them over: `command` names the command they belong to.

        Raises:
            IntegrityError: a stream already has an event of that version.
        """
        rows = cast("list[StoredRow]", list(stored_events))
        if not rows:
            return []
        entry: Entry = kwargs["command"]
        entry.rows = rows
        try:
            with self.database.appending() as transaction:
                [receipt] = self.append(transaction, [entry])
        except UniqueViolation as error:
            raise IntegrityError(str(error)) from None
        return [line.position for line in receipt.events]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """A stream's rows, by version."""
        values: list[Any] = [
            originator_id,
            -1 if gt is None else gt,
            2**62 if lte is None else lte,
            2**62 if limit is None else limit,
        ]
        with self.database.looking() as transaction:
            rows = transaction.execute(
                f"SELECT {COLUMNS} FROM crm_events WHERE stream = ? AND version > ? AND version <= ? "
                f"ORDER BY version {'DESC' if desc else 'ASC'} LIMIT ?",
                values,
            ).fetchall()
        return [stored((*row[:3], _uuid(row[3]), *row[4:])) for row in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The log's rows in order, as the library's notifications."""
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        with self.database.looking() as transaction:
            rows = self.page(transaction, after, 2**62 if stop is None else stop, list(topics) or None, limit)
        return [_notification(row) for row in rows]

    def max_notification_id(self) -> int | None:
        """The head's position; None: the log is empty."""
        with self.database.looking() as transaction:
            return self.head(transaction).position or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Not offered: followers read pages, see `crm_core.following`."""
        msg = "follow the log with CRM.run() or CRM.running()"
        raise NotImplementedError(msg)


def stored(row: tuple[Any, ...]) -> StoredRow:
    """The stored event of a row of `COLUMNS`, as a state is folded from it."""
    _, name, type_version, stream, version, _, header, sealed, public = row
    return StoredRow(
        originator_id=stream,
        originator_version=version,
        topic=name,
        type_version=type_version,
        header=header,
        public=public,
        sealed=sealed if sealed.__class__ is bytes else bytes(sealed),
    )


def _head(row: Any) -> Head:
    return Head(row[0], row[1], bytes(row[2])) if row else Head(0, "", GENESIS)


def _notification(row: tuple[Any, ...]) -> Notification:
    one = stored(row)
    return Notification(_uuid(one.originator_id), one.originator_version, one.topic, one.state, row[0])


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _event_id(header: str) -> UUID:
    return UUID(header[7:43])
