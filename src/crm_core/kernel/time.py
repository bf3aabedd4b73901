"""Instants are aware and UTC; the clock is something one is given."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

from pydantic import AfterValidator, AwareDatetime


class Clock(Protocol):
    """Tells the time: an aware instant in UTC."""

    def now(self) -> datetime:
        """The present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC, in microseconds."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved; for tests, demos and simulation."""

    def __init__(self, start: datetime) -> None:
        self._now = to_utc(start)

    def now(self) -> datetime:
        """Where the hands stand."""
        return self._now

    def set(self, instant: datetime) -> None:
        """Put the hands anywhere, also back."""
        self._now = to_utc(instant)

    def advance(self, **amount: float) -> None:
        """Move on by a `timedelta`'s keywords: `clock.advance(days=14)`."""
        self._now += timedelta(**amount)


def to_utc(instant: datetime) -> datetime:
    """The same instant, told in UTC.

    Raises:
        ValueError: the datetime is naive: it names no instant.
    """
    if instant.tzinfo is None or instant.utcoffset() is None:
        msg = "a datetime without a time zone names no instant"
        raise ValueError(msg)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        msg = "the datetime lies outside the years 1 to 9999 in UTC"
        raise ValueError(msg) from None


def stamp(instant: datetime) -> str:
    """The instant as it is stored: UTC, always six decimals, so that text sorts as time does."""
    return (
        instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if instant.tzinfo is not UTC else _utc_stamp(instant)
    )


def _utc_stamp(instant: datetime) -> str:
    return f"{instant.isoformat(timespec='microseconds')[:26]}Z"


def unstamp(text: str) -> datetime:
    """The instant that `stamp` wrote."""
    return datetime.fromisoformat(text)


_UTC: Callable[[datetime], datetime] = to_utc
Instant = Annotated[AwareDatetime, AfterValidator(_UTC)]
"""A pydantic field type: an aware datetime, kept in UTC; naive input is refused."""
