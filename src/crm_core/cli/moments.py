"""What people type for a moment: a day, an instant, or a position of the log."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crm_core.kernel.errors import Invalid

_POSITION = re.compile(r"#?\d+")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_RULE = "must be a day (2026-03-01), an instant (2026-03-01T12:00+01:00) or a position (#123)"


def zone_of(name: str) -> tzinfo:
    """The time zone of that name, such as `Europe/Berlin`.

    Raises:
        Invalid: there is no such zone.
    """
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("command line", [("tz", "must be a time zone such as UTC or Europe/Berlin")]) from None


def moment_of(text: str, zone: tzinfo, now: datetime) -> datetime | int:
    """The instant or position that is meant.

    A bare day means its last microsecond in the zone, or now if the day is not over. An instant
    without an offset is told in the zone, and must be a time that the zone had once.

    Raises:
        Invalid: it is none of the three; or a time that was skipped or came twice when clocks were changed.
    """
    text = text.strip()
    if _POSITION.fullmatch(text):
        return int(text.removeprefix("#"))
    try:
        if _DAY.fullmatch(text):
            return _end_of(date.fromisoformat(text), zone, now)
        instant = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Invalid("command line", [("as_of", _RULE)]) from None
    return instant if instant.tzinfo is not None else _local(instant, zone)


def _local(told: datetime, zone: tzinfo) -> datetime:
    """The instant of a time told without an offset."""
    earlier, later = told.replace(tzinfo=zone), told.replace(tzinfo=zone, fold=1)
    offsets = earlier.utcoffset(), later.utcoffset()
    if offsets[0] == offsets[1]:
        return earlier
    if earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != told:
        rule = f"{zone} did not have that time: clocks were put forward; say one it had, or an offset"
    else:
        rule = f"{zone} had that time twice: clocks were put back; say {earlier.isoformat()} or {later.isoformat()}"
    raise Invalid("command line", [("as_of", rule)])


def _end_of(day: date, zone: tzinfo, now: datetime) -> datetime:
    begins = datetime.combine(day, time.min, zone).astimezone(UTC)
    ends = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC) - timedelta(microseconds=1)
    return min(ends, now) if begins <= now else ends
