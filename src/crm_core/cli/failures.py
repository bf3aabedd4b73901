"""How the program fails: which exit code stands for which error, and how the error is told."""

import json
from typing import Any

from crm_core.kernel.errors import (
    CatalogueError,
    CommandIdReused,
    Conflict,
    CRMError,
    Denied,
    ExtensionError,
    FollowError,
    Invalid,
    ModuleShadowed,
    NotFound,
    PayloadTampered,
    Refused,
    StoreError,
    TamperingFound,
)
from crm_core.kernel.money import MoneyError

DONE = 0
CHECK_FAILED = 1
UNUSABLE = 2
REFUSED = 3
INVALID = 4
NOT_FOUND = 5
CONFLICT = 6
HALTED = 7
BEHIND = 8
DEFECT = 70
INTERRUPTED = 130
UNREAD = 141

MEANINGS = {
    DONE: "done",
    CHECK_FAILED: "a check failed: the log was altered, or a recorded history is replayed otherwise",
    UNUSABLE: "wrong usage, or the database cannot be reached or read",
    REFUSED: "refused: a rule said no, nothing was recorded",
    INVALID: "the input is wrong",
    NOT_FOUND: "not found",
    CONFLICT: "the history moved on meanwhile",
    HALTED: "a view or policy cannot go on",
    BEHIND: "a view or policy lags or is halted",
    DEFECT: "a defect of the program",
    INTERRUPTED: "interrupted",
    UNREAD: "nobody read the answer to its end",
}
"""Exit code → what it means; docs/reference/cli.md repeats it."""

_CODES: tuple[tuple[type[CRMError], int], ...] = (
    (TamperingFound, CHECK_FAILED),
    (PayloadTampered, CHECK_FAILED),
    (StoreError, UNUSABLE),
    (Refused, REFUSED),
    (Denied, REFUSED),
    (Invalid, INVALID),
    (MoneyError, INVALID),
    (NotFound, NOT_FOUND),
    (Conflict, CONFLICT),
    (CommandIdReused, CONFLICT),
    (FollowError, HALTED),
    (ExtensionError, UNUSABLE),
    (ModuleShadowed, UNUSABLE),
    (CatalogueError, HALTED),
)


class BadUsage(CRMError):
    """The program was called with words it does not understand.

    When: a verb, option or argument of `crm` is missing or unknown, or no database is named.
    Do: see `crm --help`, or `crm VERB --help`.
    """


def code_of(error: BaseException) -> int:
    """The exit code for an error."""
    if isinstance(error, BadUsage):
        return UNUSABLE
    return next((code for kind, code in _CODES if isinstance(error, kind)), DEFECT)


def document_of(error: BaseException) -> dict[str, Any]:
    """The error as one JSON object: the name of its class, and what `as_dict` says.

    An error that is none of ours keeps its message to itself: it might quote a customer.
    """
    if not isinstance(error, CRMError):
        return {"error": type(error).__name__, "message": "a defect of the program; without --json it shows where"}
    return {"error": type(error).__name__, **error.as_dict()}


def line_of(error: BaseException) -> str:
    """The error as one line."""
    return " ".join(str(error).split())


def as_json_line(error: BaseException) -> str:
    """The error as one line of JSON."""
    return json.dumps(document_of(error), ensure_ascii=False)
