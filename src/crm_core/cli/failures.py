"""How the program fails: which exit code stands for which error, and how the error is told."""

import json
from typing import Any

from crm_core.cli.plain import plain
from crm_core.kernel.errors import (
    CatalogueError,
    CommandIdReused,
    Conflict,
    CRMError,
    Denied,
    FollowError,
    Invalid,
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
    (CatalogueError, HALTED),
)


class BadUsage(CRMError):
    """The program was called with words it does not understand."""


def code_of(error: BaseException) -> int:
    """The exit code for an error."""
    if isinstance(error, BadUsage):
        return UNUSABLE
    return next((code for kind, code in _CODES if isinstance(error, kind)), DEFECT)


def document_of(error: BaseException) -> dict[str, Any]:
    """The error as one JSON object: its class, its message and what else it knows.

    An error that is none of ours keeps its message to itself: it might quote a customer.
    """
    if not isinstance(error, CRMError):
        return {"error": type(error).__name__, "message": "a defect of the program; without --json it shows where"}
    known: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    for name, value in vars(error).items():
        if name == "problems":
            known[name] = [{"field": field, "rule": rule} for field, rule in value]
        elif not name.startswith("_"):
            known.setdefault(name, plain(value))
    return known


def line_of(error: BaseException) -> str:
    """The error as one line."""
    return " ".join(str(error).split())


def as_json_line(error: BaseException) -> str:
    """The error as one line of JSON."""
    return json.dumps(document_of(error), ensure_ascii=False)
