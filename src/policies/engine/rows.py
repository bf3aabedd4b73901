"""What a policy keeps in the database: one memory for each subject, and the alarms it has set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_core.kernel.time import stamp, unstamp
from crm_core.store.port import Transaction

_CHUNK = 5_000
_ALARM = ("policy", "key", "name", "due_at", "fence", "correlation", "position")

_MEMORY_TABLE = """CREATE TABLE IF NOT EXISTS crm_policy_memory (
    policy {text} NOT NULL, key {uuid} NOT NULL, memory {text} NOT NULL,
    PRIMARY KEY (policy, key))"""
# The second key is the index by due time. It stands inside the statement because CREATE INDEX would lock
# a table that is in use.
_ALARMS_TABLE = """CREATE TABLE IF NOT EXISTS crm_policy_alarms (
    policy {text} NOT NULL, key {uuid} NOT NULL, name {text} NOT NULL, due_at {text} NOT NULL,
    fence {uuid} NOT NULL, correlation {uuid} NOT NULL, position {integer} NOT NULL,
    PRIMARY KEY (policy, key, name), UNIQUE (policy, due_at, key, name))"""
# One worker at a time folds or wakes a policy: both hold its checkpoint's row.
_HOLD = "SELECT position FROM crm_followers WHERE name = ?"
_LAPSED = "DELETE FROM crm_policy_alarms WHERE policy = ? AND position <= ?"
_CLAIM = """DELETE FROM crm_policy_alarms WHERE policy = ? AND (key, name) IN (
    SELECT key, name FROM crm_policy_alarms WHERE policy = ? AND due_at <= ? AND due_at < ?
    ORDER BY due_at, key, name LIMIT ?)
    RETURNING key, name, due_at, fence, correlation, position"""
_EARLIEST = "SELECT min(due_at) FROM crm_policy_alarms WHERE policy = ?"
_NEVER = "9999"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A subject is to be woken. `fence`, `correlation`, `position`: of the fact that the wait began with."""

    key: UUID
    name: str
    due: datetime
    fence: UUID
    correlation: UUID
    position: int

    def again(self, name: str, due: datetime) -> "Alarm":
        """An alarm with the same beginnings."""
        return replace(self, name=name, due=due)


def create_tables(transaction: Transaction) -> None:
    """Make the two tables, if they are not there."""
    types = {name: getattr(transaction.dialect, name) for name in ("text", "uuid", "integer")}
    for table in (_MEMORY_TABLE, _ALARMS_TABLE):
        transaction.execute(table.format(**types))


def forget(transaction: Transaction, policy: str) -> None:
    """Remove every memory and alarm of a policy."""
    transaction.execute("DELETE FROM crm_policy_memory WHERE policy = ?", [policy])
    transaction.execute("DELETE FROM crm_policy_alarms WHERE policy = ?", [policy])


def memories(transaction: Transaction, policy: str, keys: Iterable[UUID]) -> dict[UUID, str]:
    """Subject → its memory, for those that have one."""
    wanted = list(dict.fromkeys(keys))
    found: dict[UUID, str] = {}
    for start in range(0, len(wanted), _CHUNK):
        condition, values = transaction.where_in("key", wanted[start : start + _CHUNK])
        rows = transaction.execute(
            f"SELECT key, memory FROM crm_policy_memory WHERE policy = ? AND {condition}",  # noqa: S608 - a port's own words
            [policy, *values],
        ).fetchall()
        found.update((_uuid(key), memory) for key, memory in rows)
    return found


def keep_memories(transaction: Transaction, policy: str, memories: Mapping[UUID, str]) -> None:
    """Write memories, new or changed."""
    rows = [(policy, key, memory) for key, memory in memories.items()]
    transaction.upsert("crm_policy_memory", ("policy", "key", "memory"), 2, rows)


def keep_alarms(transaction: Transaction, policy: str, alarms: Mapping[tuple[UUID, str], Alarm | None]) -> None:
    """Set alarms, replacing those of the same subject and name; None cancels."""
    cancelled = [(policy, key, name) for (key, name), alarm in alarms.items() if alarm is None]
    if cancelled:
        transaction.executemany("DELETE FROM crm_policy_alarms WHERE policy = ? AND key = ? AND name = ?", cancelled)
    rows = [
        (policy, one.key, one.name, stamp(one.due), one.fence, one.correlation, one.position)
        for one in alarms.values()
        if one is not None
    ]
    transaction.upsert("crm_policy_alarms", _ALARM, 3, rows)


def hold(transaction: Transaction, checkpoint: str) -> int:
    """Keep every other worker from folding or waking this policy until the transaction ends; its position."""
    suffix = " FOR UPDATE" if transaction.dialect.name == "postgres" else ""  # SQLite has one writer anyway
    row = transaction.execute(f"{_HOLD}{suffix}", [checkpoint]).fetchone()
    return int(row[0]) if row else 0


def drop_lapsed(transaction: Transaction, policy: str, position: int) -> int:
    """Remove the alarms that began with a fact at or before a position; how many."""
    return transaction.execute(_LAPSED, [policy, position]).rowcount


def horizon(transaction: Transaction, seen: int, types: Sequence[str]) -> str:
    """When the first fact of these types behind a position was recorded: what is due later must wait for it."""
    condition, values = transaction.where_in("type", types)
    unseen = transaction.execute(
        f"SELECT recorded_at FROM crm_events WHERE position > ? AND {condition} ORDER BY position LIMIT 1",  # noqa: S608 - a port's own words
        [seen, *values],
    ).fetchone()
    return str(unseen[0]) if unseen else _NEVER


def claim_due(transaction: Transaction, policy: str, before: str, now: datetime, limit: int) -> list[Alarm]:
    """Take away the alarms that are due at `now` and before the horizon, earliest first, at most `limit`."""
    rows: Sequence[Any] = transaction.execute(_CLAIM, [policy, policy, stamp(now), before, limit]).fetchall()
    alarms = [
        Alarm(_uuid(key), name, unstamp(due), _uuid(fence), _uuid(correlation), position)
        for key, name, due, fence, correlation, position in rows
    ]
    return sorted(alarms, key=lambda one: (one.due, one.key, one.name))


def earliest(transaction: Transaction, policy: str) -> datetime | None:
    """When the next alarm is due; None: none is set."""
    [due] = transaction.execute(_EARLIEST, [policy]).fetchone()
    return unstamp(due) if due else None


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
