"""The values a field may have, from its type: as many kinds of them as the type admits."""

import enum
import types
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import AwareDatetime, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from crm_core.kernel import fields
from crm_core.kernel.messages import Message
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Erased, PersonalMark, PublicMark
from crm_core.kernel.time import Instant

T = TypeVar("T")
Maker = Callable[[str], SearchStrategy[Any]]
"""What makes the strategy of a field type, given what its personal texts begin with."""

EDGES = (
    "0", "-1", "null", "O'Brien; DROP TABLE crm_events --", "%s {0} {amount} $1 ?1", "<b>&amp;</b>", 'a\\b"c',
    "Zoë", "Łukasz Żółć", "Ἀθηνᾶ", "שלום עולם", "محمد", "山田 太郎", "한국어", "हिन्दी", "e\u0301", "ﬀ", "İı",
    "\u202eright to left", "\u200bzero width", "👩\u200d👩\u200d👧", "\U0001d518\U0001d52b", "\U0010fffd",
)  # fmt: skip
"""Texts that somebody's code has stumbled over."""
CURRENCIES = ("EUR", "USD", "JPY", "KWD", "CLF")
"""Money with two, none, three and four decimals."""
_LARGEST_MINOR = 2**63 - 1
_LOCAL_PARTS = st.from_regex(r"[a-z0-9]{1,12}([._+-][a-z0-9]{1,8})?", fullmatch=True)
_DOMAINS = ("example.com", "mail.example.org", "EXAMPLE.NET", "bücher.example", "a-b.example.co.uk")
_NUMBERS = ("+44207946", "+12125550", "+493090182", "+8190123456", "+33612345", "+6140000")
_BOUNDS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")

_registered: list[tuple[Any, Maker]] = []


def register(hint: Any, values: SearchStrategy[Any] | Maker) -> None:
    """Say which values a field type of your own has, for types that cannot be read off.

    `hint` is what stands in the annotation, such as `Sku`; `values` a strategy, or a function that makes
    one from what personal texts begin with. Whoever comes later counts.
    """
    _registered.insert(0, (hint, values if not isinstance(values, SearchStrategy) else lambda _: values))


def values(hint: Any, *, prefix: str = "") -> SearchStrategy[Any]:
    """The values that a field with this annotation may have.

    `prefix` is what texts in it begin with; ids, numbers, dates and phone numbers have no room for it.
    """
    bare, marks = _parted(hint)
    for known, make in _registered:
        if _parted(known) == (bare, marks):
            return make(prefix)
    return _annotated(bare, marks, prefix) if marks else _plain(bare, prefix)


def _parted(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type and what annotates it, but for the marks that say whether it is personal."""
    if get_origin(hint) is not Annotated:
        return hint, ()
    return hint.__origin__, tuple(one for one in hint.__metadata__ if not isinstance(one, PersonalMark | PublicMark))


def _annotated(bare: Any, marks: tuple[Any, ...], prefix: str) -> SearchStrategy[Any]:
    """Within the bounds that can be read; rules that are functions are asked."""
    bounds = {
        name: value for one in _flat(marks) for name in _BOUNDS if (value := getattr(one, name, None)) is not None
    }
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[bare, *marks])
    return _bounded(bare, bounds, prefix).filter(lambda value: _valid(adapter, value))


def _flat(marks: Iterable[Any]) -> Iterable[Any]:
    for one in marks:
        if isinstance(one, FieldInfo):
            yield from one.metadata
        else:
            yield one


def _valid(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def _bounded(bare: Any, bounds: dict[str, Any], prefix: str) -> SearchStrategy[Any]:
    least, most = bounds.get("min_length", 0), bounds.get("max_length")
    if bare is str:
        if "pattern" in bounds:
            return st.from_regex(str(bounds["pattern"]), fullmatch=True)
        return text(most or 200, prefix=prefix).filter(lambda made: len(made) >= least)
    if bare is int:
        low = bounds.get("ge", bounds["gt"] + 1 if "gt" in bounds else -(2**31))
        high = bounds.get("le", bounds["lt"] - 1 if "lt" in bounds else max(low, 2**31 - 1))
        return st.integers(low, high)
    if bare in (Decimal, float):
        low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
        if bare is Decimal:
            return st.decimals(low, high, places=2, allow_nan=False, allow_infinity=False)
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    if get_origin(bare) in (tuple, list, set, frozenset):
        return _several(bare, prefix, least, most)
    return values(bare, prefix=prefix)


def _plain(hint: Any, prefix: str) -> SearchStrategy[Any]:
    if hasattr(hint, "__value__"):
        return values(hint.__value__, prefix=prefix)
    if isinstance(hint, NewType):
        return values(hint.__supertype__, prefix=prefix)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(hint) if part is not Erased]
        return st.one_of([st.none() if part is type(None) else values(part, prefix=prefix) for part in parts])
    if origin is Literal:
        return st.sampled_from(get_args(hint))
    if origin in (tuple, list, set, frozenset):
        return _several(hint, prefix, 0, None)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(list(hint))
    if isinstance(hint, type) and issubclass(hint, Message):
        from crm_core.testing.strategies.messages import message

        return message(hint, prefix, {})
    if hint is str:
        return text(200, prefix=prefix)
    return _PLAIN[hint]() if hint in _PLAIN else st.from_type(hint)


def _several(hint: Any, prefix: str, least: int, most: int | None) -> SearchStrategy[Any]:
    """A few, never hundreds: an event has a largest size."""
    parts, origin = get_args(hint), get_origin(hint)
    if origin is tuple and not (len(parts) == 2 and parts[1] is Ellipsis):  # noqa: PLR2004 - tuple[X, ...]
        return st.tuples(*(values(part, prefix=prefix) for part in parts))
    few = max(least, 4 if most is None else min(most, 4))
    return st.lists(values(parts[0], prefix=prefix), min_size=least, max_size=few).map(origin)


# -- the kinds of values ------------------------------------------------------------------------


def text(longest: int, *, body: bool = False, prefix: str = "", without: str = "") -> SearchStrategy[str]:
    """Text of at most so many characters that is not blank: one line, or a `body` that may have several.

    `without` names characters that it must not hold.
    """
    room = longest - len(prefix)
    alphabet = st.characters(
        exclude_categories=["Cs"] if body else ["Cs", "Cc", "Zl", "Zp"], exclude_characters=f"\0{without}"
    )
    edges = [one for one in (*EDGES, "ü" * room) if not set(one) & set(without)]
    made = st.text(alphabet, max_size=min(room, 24)) | st.sampled_from(edges)
    return made.map(lambda one: f"{prefix}{one}"[:longest] if f"{prefix}{one}".strip() else "x")


def money(least_minor: int = -_LARGEST_MINOR) -> SearchStrategy[Money]:
    """Money in currencies of all sorts, up to the last unit that fits."""
    amounts = st.integers(least_minor, _LARGEST_MINOR) | st.sampled_from([0, 1, 99, 100, _LARGEST_MINOR])
    return st.builds(Money.of_minor, amounts, st.sampled_from(CURRENCIES))


def instants() -> SearchStrategy[datetime]:
    """Aware datetimes of all years, told in all sorts of offsets."""
    offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    return st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets | st.just(UTC))  # noqa: DTZ001 - what is asked for


def _emails(prefix: str) -> SearchStrategy[str]:
    local = _LOCAL_PARTS | st.sampled_from(["jürgen", "o'brien", "x"])
    return st.builds(lambda name, domain: f"{prefix}{name}@{domain}", local, st.sampled_from(_DOMAINS))


def _phones(_prefix: str) -> SearchStrategy[str]:
    return st.builds("{}{:03}".format, st.sampled_from(_NUMBERS), st.integers(0, 999))


def _keys(_prefix: str) -> SearchStrategy[str]:
    return st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True) | st.just("k" * 100)


_PLAIN: dict[Any, Callable[[], SearchStrategy[Any]]] = {
    bool: st.booleans,
    int: lambda: st.integers(-(2**31), 2**31 - 1),
    UUID: st.uuids,
    date: lambda: st.dates() | st.sampled_from([date(2024, 2, 29), date.min, date.max]),
    datetime: instants,
    AwareDatetime: instants,
    Money: money,
    Decimal: lambda: st.decimals(allow_nan=False, allow_infinity=False, places=2),
    float: lambda: st.floats(allow_nan=False, allow_infinity=False),
}

register(fields.Line, lambda prefix: text(200, prefix=prefix))
register(fields.Login, lambda prefix: text(200, prefix=prefix, without="@"))
register(fields.Label, lambda prefix: text(100, prefix=prefix, without="@"))
register(fields.Text, lambda prefix: text(20_000, body=True, prefix=prefix))
register(fields.Key, _keys)
register(fields.Email, _emails)
register(fields.Phone, _phones)
register(fields.Amount, lambda _: money(0))
register(Instant, lambda _: instants())
