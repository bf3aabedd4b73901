"""Every error this library raises, in one tree.

```
CRMError
├── Refused                  a rule said no; nothing was recorded
├── Invalid                  the input itself is wrong; names the field and the rule
│   └── PayloadTooLarge      an event would exceed 256 KiB
├── Denied                   the authorisation hook said no
├── NotFound                 nothing is recorded under this id or name
├── Conflict                 the history moved on; carries the versions as they are now
│   ├── TooManyConflicts     still in conflict after every retry
│   └── TransactionConflict  the caller's own transaction met others: roll it back and run it again
├── CommandIdReused          this command id already stands for another command
├── CatalogueError           the code and its annotations do not fit together
│   ├── WiringError          an annotation names nothing that can be wired
│   ├── UnknownCommand       no decision handles this command
│   └── UnknownEventType     the log holds a type or version this code does not know
├── FollowError              a follower cannot go on, or has not gone far enough
│   ├── ViewNotFolded        the view was never folded (or not far enough in time)
│   ├── FollowerHalted       a follower stopped before an event it must not pass
│   └── SettleTimeout        not folded up to the position within the time given
├── StoreError               the database cannot do what was asked
│   ├── DatabaseUnavailable  no server or file answers
│   ├── NotACRMDatabase      the database holds something else
│   ├── SchemaMismatch       the database was made by an older or newer schema
│   ├── UnsafeSettings       settings that lose acknowledged events
│   ├── KeyMissing           a subject's key is gone without a tombstone: an alarm
│   └── PayloadTampered      sealed bytes do not open with their own key
└── TamperingFound           verification found the log altered
```

Messages carry ids, types and positions, never the value of a personal field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID


class CRMError(Exception):
    """Anything this library refuses or cannot do."""


class Refused(CRMError):
    """A rule said no; nothing was recorded. Subclass it for each rule, with the ids as attributes."""


class Invalid(CRMError, ValueError):
    """The input is wrong in itself.

    `problems` lists (field, rule) pairs, all of them, not the first.
    """

    def __init__(self, what: str, problems: list[tuple[str, str]]) -> None:
        self.what = what
        self.problems = problems
        super().__init__(f"{what}: " + "; ".join(f"{field}: {rule}" for field, rule in problems))

    @property
    def field(self) -> str:
        """The first field that is wrong."""
        return self.problems[0][0]


class PayloadTooLarge(Invalid):
    """One event would take more than 256 KiB as stored."""


class Denied(CRMError):
    """The authorisation hook said no; nothing was recorded."""


class NotFound(CRMError):
    """Nothing is recorded under this id or name."""


class Conflict(CRMError):
    """The history moved on since it was looked at. `versions`: stream id → version as it is now."""

    def __init__(self, message: str, versions: Mapping[UUID, int]) -> None:
        self.versions = dict(versions)
        super().__init__(message)


class TooManyConflicts(Conflict):
    """Others kept winning the same streams through every retry."""


class TransactionConflict(Conflict):
    """A command cannot be recorded inside the caller's own transaction, because others are in the way.

    Roll the transaction back and run it again from its beginning. `reason` is `deadlock`, `serialization`,
    `stale` (it began to read before others appended), `timeout` or `busy`.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(f"{message}: roll the transaction back and run it again", {})


class CommandIdReused(CRMError):
    """This command id already stands for a command with other content or another actor."""

    def __init__(self, command_id: UUID) -> None:
        self.command_id = command_id
        super().__init__(f"command id {command_id} already stands for a different command")


class CatalogueError(CRMError):
    """The code and its annotations do not fit together."""


class WiringError(CatalogueError):
    """An annotation that should be the wiring names nothing that can be wired."""


class UnknownCommand(CatalogueError):
    """No decision handles this command."""


class UnknownEventType(CatalogueError):
    """The log holds an event type or version that this code does not know.

    `position` is None where the type was looked up by name only.
    """

    def __init__(self, type_name: str, version: int, position: int | None = None) -> None:
        self.type_name = type_name
        self.version = version
        self.position = position
        where = "" if position is None else f" at position {position}"
        super().__init__(
            f"unknown event type {type_name} v{version}{where}: written by a newer library or a missing extension"
        )


class FollowError(CRMError):
    """A follower cannot go on, or has not gone far enough."""


class ViewNotFolded(FollowError):
    """The view was never folded: it is not empty, it is unknown."""


class FollowerHalted(FollowError):
    """A follower stopped before an event it must not pass; its checkpoint stays before it."""

    def __init__(self, follower: str, position: int, reason: str) -> None:
        self.follower = follower
        self.position = position
        self.reason = reason
        super().__init__(f"{follower} halted before position {position}: {reason}")


class SettleTimeout(FollowError, TimeoutError):
    """Not everything was folded up to the position within the time given."""


class StoreError(CRMError):
    """The database cannot do what was asked."""


class DatabaseUnavailable(StoreError):
    """No server or file answers."""


class NotACRMDatabase(StoreError):
    """The database holds something else; nothing was changed in it."""


class SchemaMismatch(StoreError):
    """The database was made by an older or newer schema. `found` and `expected` are schema numbers."""

    def __init__(self, found: int, expected: int) -> None:
        self.found = found
        self.expected = expected
        super().__init__(f"the database has schema {found}, this library works with schema {expected}")


class UnsafeSettings(StoreError):
    """The settings would lose events that were acknowledged, or let readers miss some."""


class KeyMissing(StoreError):
    """A subject's key is absent without a tombstone: an alarm, never the same as erased."""


class PayloadTampered(StoreError):
    """Sealed bytes do not open with their own key: moved or altered."""


class TamperingFound(CRMError):
    """Verification found the log altered. `position` is the first position that differs."""

    def __init__(self, position: int, what: str) -> None:
        self.position = position
        self.what = what
        super().__init__(f"position {position}: {what}")
