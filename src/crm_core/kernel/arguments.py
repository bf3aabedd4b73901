"""What callers hand over, checked at the door: each check gives the value back, or names the argument and the rule."""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from crm_core.kernel.errors import Invalid

_T = TypeVar("_T")


def wrong(name: str, rule: str) -> NoReturn:
    """Refuse an argument; the rule says what it must be, not what it was."""
    raise Invalid(name, [(name, rule)])


def text(name: str, value: Any) -> str:
    """One line of text, also an empty one."""
    return value if isinstance(value, str) and value.isprintable() else wrong(name, "must be one line of text")


def flag(name: str, value: Any) -> bool:
    """Yes or no, and nothing that merely counts as such."""
    return value if isinstance(value, bool) else wrong(name, "must be True or False")


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number, not less than `least` nor more than `most`."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least and (most is None or value <= most):
        return value
    return wrong(name, f"must be a whole number from {least}" + ("" if most is None else f" to {most}"))


def seconds(name: str, value: Any) -> float:
    """How long, in seconds; infinity is for ever."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and not math.isnan(value):
        return value
    return wrong(name, "must be a number of seconds from 0")


def uuid(name: str, value: Any) -> UUID:
    """An id."""
    return value if isinstance(value, UUID) else wrong(name, "must be a UUID")


def instant(name: str, value: Any) -> datetime:
    """An instant: a datetime with a time zone."""
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return value
    return wrong(name, "must be an aware datetime")


def function(name: str, value: _T) -> _T:
    """Something to call."""
    return value if callable(value) else wrong(name, "must be a function")


def thing(name: str, value: _T, has: Iterable[str], what: str) -> _T:
    """Something that has all of these attributes; `what` says in words what that is. No class has what it makes."""
    if isinstance(value, type) or not all(hasattr(value, one) for one in has):
        return wrong(name, f"must be {what}")
    return value


def many(name: str, value: Iterable[_T], what: str, single: tuple[type, ...] = ()) -> Iterable[_T]:
    """Things one after the other; a text is none, nor is one of `single`, though Python could go through it."""
    if isinstance(value, (str, bytes, type, *single)) or not isinstance(value, Iterable):
        return wrong(name, f"must be {what}")
    return value


def method_names(protocol: type) -> tuple[str, ...]:
    """What a protocol asks for, by name."""
    return tuple(sorted(name for name in vars(protocol) if not name.startswith("_")))
