"""Where everything stands, for probes and for people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_core.following import Loader
from crm_core.kernel.plain import as_dict
from crm_core.kernel.time import unstamp
from crm_core.store.opening import Store
from crm_core.store.port import Transaction


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """How far one follower has come.

    `position` None: it never began. `lag` counts positions behind the head; `seconds` is how long ago the
    oldest event that it has not taken in was recorded, 0 where it has taken in all. `halted` says why it
    cannot pass the next event, in words without any value; None: nothing keeps it. `parked` counts keys that
    are set aside; there are none yet, for an event that cannot be folded halts its follower. A policy that
    is not `on` has nothing to do, however far behind.
    """

    name: str
    kind: str
    on: bool
    position: int | None
    lag: int
    seconds: float = 0.0
    halted: str | None = None
    parked: int = 0

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return as_dict(self)


@dataclass(frozen=True, slots=True)
class Status:
    """What a probe wants to know. `durability` is `full`, `test` (unsafe, asked for), `memory` or `read-only`."""

    database: str
    durability: str
    schema: int
    position: int
    followers: tuple[FollowerStatus, ...]

    def behind(self, most: timedelta) -> tuple[FollowerStatus, ...]:
        """Those that should move and are halted, or have not taken in an event that is older than this."""
        limit = most.total_seconds()
        return tuple(one for one in self.followers if one.on and (one.halted is not None or one.seconds > limit))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return as_dict(self)


def status_of(store: Store, loader: Loader, on: Collection[str]) -> Status:
    """Where everything stands, from one snapshot. `on`: the policies that are switched on."""
    with store.database.reading() as transaction:
        head = store.log.head(transaction).position
        standing = loader.standing(transaction)
        reached = {name: position for name, (position, _) in standing.items()}
        oldest = _recorded(transaction, [reached.get(one.checkpoint, 0) + 1 for one in loader.followers])
    now = store.log.clock.now()
    followers = []
    for one in loader.followers:
        position, halted = standing.get(one.checkpoint, (None, None))
        waits_since = oldest.get((position or 0) + 1)
        seconds = 0.0 if waits_since is None else max(0.0, (now - waits_since).total_seconds())
        switched_on = one.kind == "view" or one.name in on
        lag = head - (position or 0)
        followers.append(FollowerStatus(one.name, one.kind, switched_on, position, lag, seconds, halted))
    return Status(store.described, store.durability, store.schema, head, tuple(followers))


def _recorded(transaction: Transaction, positions: list[int]) -> dict[int, datetime]:
    """Position → when it was recorded, of those that are in the log."""
    condition, values = transaction.where_in("position", positions)
    rows = transaction.execute(f"SELECT position, recorded_at FROM crm_events WHERE {condition}", values).fetchall()  # noqa: S608 - a list of marks
    return {position: unstamp(recorded) for position, recorded in rows}
