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
│   ├── UnknownEventType     the log holds a type or version this code does not know
│   ├── ExtensionError       a host's extension cannot be loaded
│   └── ModuleShadowed       another module answers to the name of one of ours
├── FollowError              a follower cannot go on, or has not gone far enough
│   ├── ViewNotFolded        the view was never folded (or not far enough in time)
│   ├── FollowerHalted       a follower stopped before an event it must not pass
│   └── SettleTimeout        not folded up to the position within the time given
├── StoreError               the database cannot do what was asked
│   ├── DatabaseUnavailable  no server or file answers
│   ├── NotACRMDatabase      the database holds something else
│   ├── SchemaMismatch       the database was made by an older or newer schema
│   ├── ReadOnly             it was opened for reading, or the database role may only read
│   ├── UnsafeSettings       settings that lose acknowledged events
│   ├── KeyMissing           a subject's key is gone without a tombstone: an alarm
│   └── PayloadTampered      sealed bytes do not open with their own key
└── TamperingFound           verification found the log altered
```

Messages and attributes carry ids, types and positions, never the value of a personal field. Each
docstring says what the error means, `When:` it is raised and what to `Do:`; docs/reference/errors.md is
made from them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from crm_core.kernel.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

PAGE = "docs/reference/errors.md"
"""Where every error is explained, under its code."""
OURS = ("crm_core", "projections", "policies")
"""The packages whose errors the page explains."""
_NEXT_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class CRMError(Exception):
    """Anything this library refuses or cannot do.

    `code` is for programs and never changes: the class's name in lower case with underscores, unless
    the class states another (`class Odd(Refused, code="even")`). Two errors of one class that say the
    same are equal; an error can be pickled, which leaves its traceback and its cause behind.

    When: never itself; catch it to catch everything that this library raises.
    Do: look at the class, or at `code`.
    """

    code: ClassVar[str] = "crm_error"

    def __init_subclass__(cls, *, code: str = "", **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.code = code or _NEXT_WORD.sub("_", cls.__name__).lower()

    @property
    def attributes(self) -> dict[str, Any]:
        """What the error knows besides its message, by name."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    @property
    def doc(self) -> str:
        """Where it is explained; for an error of your own, the nearest of ours that it is one of."""
        ours = next(one for one in type(self).__mro__ if one.__module__.partition(".")[0] in OURS)
        return f"{PAGE}#{ours.code}"  # type: ignore[attr-defined]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: `code`, `message`, `attributes` and `doc`."""
        return {"code": self.code, "message": str(self), "attributes": plain(self.attributes), "doc": self.doc}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CRMError) or type(self) is not type(other):
            return NotImplemented
        return (self.args, self.attributes) == (other.args, other.attributes)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.args, self.attributes)


def _again(kind: type[CRMError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> CRMError:
    """The error that was pickled, whatever its class takes to be made."""
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    vars(error).update(attributes)
    return error


class Refused(CRMError):
    """A rule said no; nothing was recorded.

    Subclass it for each rule of your own, with the ids as attributes.

    When: the command is well formed, but does not fit what is on record.
    Do: tell whoever asked; the same command is refused again until the record changes.
    """


class Invalid(CRMError, ValueError):
    """The input is wrong in itself; nothing was recorded.

    When: a field, an argument or an option is missing, of the wrong type, or breaks a rule.
    Do: correct every field that `problems` names, then ask again.

    Attributes:
        what: what was to be made or called.
        problems: (field, rule) pairs, all of them, not the first; in JSON objects with `field` and `rule`.
    """

    def __init__(self, what: str, problems: list[tuple[str, str]]) -> None:
        self.what = what
        self.problems = problems
        super().__init__(f"{what}: " + "; ".join(f"{field}: {rule}" for field, rule in problems))

    @property
    def field(self) -> str:
        """The first field that is wrong."""
        return self.problems[0][0]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: as every error; each problem is an object with `field` and `rule`."""
        told = super().as_dict()
        told["attributes"]["problems"] = [{"field": field, "rule": rule} for field, rule in self.problems]
        return told


class PayloadTooLarge(Invalid):
    """One event would take more than 256 KiB as stored.

    When: a command's texts are that long together.
    Do: keep the long text elsewhere and record where it is.
    """


class Denied(CRMError):
    """The authorisation hook said no; nothing was recorded.

    When: the host's `authorize` answers `Deny` for this actor.
    Do: let somebody do it who may, or change what the host allows.

    Attributes:
        by: who asked, as `kind:id`; None where nobody said.
        action: what was asked for, such as the command's name.
    """

    def __init__(self, message: str, *, by: str | None = None, action: str | None = None) -> None:
        self.by = by
        self.action = action
        super().__init__(message)


class NotFound(CRMError):
    """Nothing is recorded, or installed, under this id or name.

    When: a history, a row, a view or a policy is asked for that is not there, or was not yet at that moment.
    Do: check the id or name; `crm find` searches by what people know.
    """


class Conflict(CRMError):
    """The history moved on since it was looked at; nothing was recorded.

    When: a stream is not at the version that `expect` names.
    Do: look again, decide again, and give the versions that the error carries.

    Attributes:
        versions: stream id → version as it is now.
    """

    def __init__(self, message: str, versions: Mapping[UUID, int]) -> None:
        self.versions: dict[UUID, int] = dict(versions)
        super().__init__(message)


class TooManyConflicts(Conflict):
    """Others kept winning the same streams through every retry; nothing was recorded.

    When: very many writers change one thing at the same time.
    Do: try again later with the same command id; give a stream that everybody changes fewer writers.
    """


class TransactionConflict(Conflict):
    """A command cannot be recorded inside the caller's own transaction, because others are in the way.

    When: with `execute(…, connection=)`, a rival holds what this transaction needs, or it began to read too early.
    Do: roll your transaction back and run it again from its beginning.

    Attributes:
        reason: `deadlock`, `serialization`, `stale` (it began to read before others appended), `timeout` or `busy`.
        versions: empty.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(f"{message}: roll the transaction back and run it again", {})


class CommandIdReused(CRMError):
    """This command id already stands for a command with other content or another actor; nothing was recorded.

    When: a command id is given twice, and not for the same command by the same actor at the same time.
    Do: make a fresh id for each new intent, and keep it for retries of that intent only.

    Attributes:
        command_id: the id.
    """

    def __init__(self, command_id: UUID) -> None:
        self.command_id = command_id
        super().__init__(f"command id {command_id} already stands for a different command")


class CatalogueError(CRMError):
    """The code and its annotations do not fit together, or not with what is stored.

    When: an event, command, view or policy is declared wrongly, or an event as stored does not fit its class.
    Do: correct the declaration that the message names by file and line.
    """


class WiringError(CatalogueError):
    """An annotation that should be the wiring names nothing that can be wired.

    When: a decision, fold, view or policy is declared; or it gives something that its annotation does not name.
    Do: correct the annotation, name or row class that the message names by file and line.
    """


class UnknownCommand(CatalogueError):
    """No decision handles this command; nothing was recorded.

    When: a command of your own is executed whose decision was never imported.
    Do: import the module that declares the decision, or write one.

    Attributes:
        command: the class's name.
    """

    def __init__(self, message: str, *, command: str | None = None) -> None:
        self.command = command
        super().__init__(message)


class UnknownEventType(CatalogueError):
    """The log holds an event type or version that this code does not know.

    When: a newer library, or one with an extension that is not installed here, wrote to the same log.
    Do: install that version or extension; nothing is lost, and whatever follows the log waits before it.

    Attributes:
        type_name: the stored name, such as `deal.won`.
        version: its schema version.
        position: where it lies in the log; None where the type was looked up by name only.
    """

    def __init__(self, type_name: str, version: int, position: int | None = None) -> None:
        self.type_name = type_name
        self.version = version
        self.position = position
        where = "" if position is None else f" at position {position}"
        super().__init__(
            f"unknown event type {type_name} v{version}{where}: written by a newer library or a missing extension"
        )


class ExtensionError(CatalogueError):
    """An extension of a host cannot be loaded.

    When: it is not there, importing it raises, or it declares no event, command, view or policy.
    Do: correct the name or path in `extend=`, `--load`, `CRM_LOAD` or the entry point, or the code it names.

    Attributes:
        extension: the module or file that was asked for.
        reason: what is wrong with it.
    """

    def __init__(self, extension: str, reason: str) -> None:
        self.extension = extension
        self.reason = reason
        super().__init__(f"extension {extension}: {reason}")


class ModuleShadowed(CatalogueError):
    """Another module answers to the name of one of this library's, such as `projections`.

    When: the installed views and policies are looked up, and Python finds a module of yours or of somebody else.
    Do: rename that module, or give this library an environment of its own.

    Attributes:
        module: the name.
        found: where Python finds it; None: nowhere.
        expected: where this library's lies.
        distributions: who else installs a module of that name.
    """

    def __init__(self, module: str, found: str | None, expected: str, distributions: Sequence[str]) -> None:
        self.module = module
        self.found = found
        self.expected = expected
        self.distributions: tuple[str, ...] = tuple(distributions)
        by = f", installed by {', '.join(distributions)}" if distributions else ""
        super().__init__(
            f"the module {module} that Python finds ({found or 'none'}{by}) is not crm-core's, which belongs to "
            f"{expected}: rename it, or give crm-core an environment of its own"
        )


class FollowError(CRMError):
    """A follower cannot go on, or has not gone far enough.

    When: two rebuilds of one view met; otherwise one of the kinds below.
    Do: ask again; the message says what came between.
    """


class ViewNotFolded(FollowError):
    """The view was never folded: it is not empty, it is unknown.

    When: a view is read before any worker has folded it.
    Do: ask for `view(…, after=receipt)`, call `settle()`, or let a worker `run()`.

    Attributes:
        view: the view's name.
    """

    def __init__(self, message: str, *, view: str | None = None) -> None:
        self.view = view
        super().__init__(message)


class FollowerHalted(FollowError):
    """A follower stopped before an event it must not pass; its checkpoint stays before it.

    When: the next event is of a type or version this code does not know, or the follower's own code raised.
    Do: install what knows the type, or correct the follower; it goes on by itself from where it stopped.

    Attributes:
        follower: the names of those that stopped.
        position: the first position that was not taken in.
        reason: why, in words.
    """

    def __init__(self, follower: str, position: int, reason: str) -> None:
        self.follower = follower
        self.position = position
        self.reason = reason
        super().__init__(f"{follower} halted before position {position}: {reason}")


class SettleTimeout(FollowError, TimeoutError):
    """Not everything was folded up to the position within the time given.

    When: `settle` or `view(…, after=…)` took longer than `timeout`.
    Do: ask again, since what was folded stays folded; give more time, or keep a worker running.

    Attributes:
        position: how far it should have come.
    """

    def __init__(self, message: str, *, position: int | None = None) -> None:
        self.position = position
        super().__init__(message)


class StoreError(CRMError):
    """The database cannot do what was asked.

    When: the database refuses a statement, is locked for too long, or the CRM is closed already.
    Do: the message has the database's own code; look it up, and the server's log.
    """


class DatabaseUnavailable(StoreError):
    """No server or file answers.

    When: a database is opened that is not there, or a connection breaks and does not come back in several tries.
    Do: check that it runs and that the URL is right; then repeat the command with the same command id.
    """


class NotACRMDatabase(StoreError, code="not_a_crm_database"):
    """The database holds something else; nothing was changed in it.

    When: a file is no database; a database or schema has other tables in it; or none, where none are to be made.
    Do: name another file, database or `schema=`; `crm init` makes a CRM.
    """


class SchemaMismatch(StoreError):
    """The database was made by an older or newer schema; nothing was changed in it.

    When: a database is opened whose tables are of another release.
    Do: run `crm migrate` where they are older; use a newer release where they are newer.

    Attributes:
        found: the schema number of the database; 0 where it names none.
        expected: the one this library works with.
    """

    def __init__(self, found: int, expected: int) -> None:
        self.found = found
        self.expected = expected
        rest = "brings it there" if found < expected else "goes no way back: install a newer library"
        schemas = f"the database has schema {found}, this library works with schema {expected}"
        super().__init__(f"{schemas}; crm migrate {rest}")


class ReadOnly(StoreError):
    """It was opened for reading, or the database role may only read; nothing was changed.

    When: something is to be recorded or folded after opening with `?mode=ro`, or under a role without the right.
    Do: open it without `?mode=ro`, or under a role that may; questions need neither.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: this database was opened for reading, or its role may only read")


class UnsafeSettings(StoreError):
    """The settings would lose events that were acknowledged, or let readers miss some.

    When: a database is opened whose server has `fsync` or the like turned off.
    Do: correct the setting that the message names; for tests, say `?durability=test`.
    """


class KeyMissing(StoreError):
    """A person's key is absent without a tombstone: an alarm, never the same as erased.

    When: a personal value is to be read, and the key store has lost its key, is another one, or is not there.
    Do: restore the key store that belongs to this log; until then nothing personal of them can be read.
    """


class PayloadTampered(StoreError):
    """Sealed bytes do not open with their own key: moved or altered.

    When: a personal value is to be read whose stored bytes are not those that were written.
    Do: run `crm verify`, keep the database as it is, and find out who wrote to it.
    """


class TamperingFound(CRMError):
    """Verification found the log altered.

    When: a verdict that is not intact must end whatever you do; `CRM.verify` itself only gives the verdict.
    Do: keep the database as it is; everything before `position` is as it was written.

    Attributes:
        position: the first position that differs.
        what: what differs there.
    """

    def __init__(self, position: int, what: str) -> None:
        self.position = position
        self.what = what
        super().__init__(f"position {position}: {what}")
