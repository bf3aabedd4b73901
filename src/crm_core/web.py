"""What a web framework needs to speak of our errors: a status for each, and its problem document."""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_core.kernel.errors import (
    CommandIdReused,
    Conflict,
    CRMError,
    DatabaseUnavailable,
    Denied,
    Invalid,
    NotFound,
    PayloadTooLarge,
    Refused,
    SettleTimeout,
    TooManyConflicts,
    UnknownCommand,
    ViewNotFolded,
)
from crm_core.kernel.messages import problems_of
from crm_core.kernel.money import MoneyError
from crm_core.kernel.refusals import NotOnRecord
from crm_core.store.sqlite import StillLocked

MEDIA_TYPE = "application/problem+json"
"""Of a problem document (RFC 9457)."""
_SERVER_ERROR = 500
_STATUS: tuple[tuple[type[CRMError], int], ...] = (
    (NotOnRecord, 404),
    (NotFound, 404),
    (Denied, 403),
    (PayloadTooLarge, 413),
    (Invalid, 422),
    (MoneyError, 422),
    (UnknownCommand, 422),
    (CommandIdReused, 422),
    (TooManyConflicts, 503),
    (Conflict, 409),
    (Refused, 409),
    (ViewNotFolded, 503),
    (SettleTimeout, 503),
    (DatabaseUnavailable, 503),
    (StillLocked, 503),
)
"""The first that fits counts; everything else is the server's own trouble."""


def http_status(error: CRMError | type[CRMError]) -> int:
    """The HTTP status for an error, or for a class of errors.

    404: it is not there. 403: not allowed. 409: it does not fit what is on record, or the history moved on.
    413, 422: the input is wrong. 503: not now; the same request may succeed later. 500: anything else.
    """
    kind = error if isinstance(error, type) else type(error)
    return next((status for one, status in _STATUS if issubclass(kind, one)), _SERVER_ERROR)


def problem(error: CRMError) -> dict[str, Any]:
    """The error as a problem document (RFC 9457), made from its `as_dict`; JSON-able.

    `type` says where the error is explained, `title` what its class means, `code` is for programs; `detail`
    and `attributes` tell of this case. Of what is the server's own trouble (a status from 500) a client
    learns neither: log it.
    """
    told, status = error.as_dict(), http_status(error)
    document = {"type": told["doc"], "title": _meaning(type(error)), "status": status, "code": told["code"]}
    if status < _SERVER_ERROR:
        document |= {"detail": told["message"], "attributes": told["attributes"]}
    return document


def invalid_request(errors: Iterable[Mapping[str, Any]]) -> Invalid:
    """Our error for what a framework found wrong with a request, given its list of pydantic's errors.

    Each has `type`, `loc` (beginning with where in the request: body, query, path, header) and `msg`;
    what was sent, which such a list also holds, is left behind.
    """
    found = [(path[1:] if path[0] == "body" else path, rule) for path, rule in problems_of(errors) if path]
    return Invalid("request", [(".".join(map(str, path)) or "body", rule) for path, rule in found])


def _meaning(kind: type[CRMError]) -> str:
    """The first line of the docstring."""
    return (kind.__doc__ or kind.__name__).strip().partition("\n")[0]
