"""Asking to be woken."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from policies import Wake

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_wait_is_counted_from_what_is_answered_or_names_its_end() -> None:
    assert Wake(after=timedelta(hours=1)).due(NOON) == NOON + timedelta(hours=1)
    assert Wake(at=NOON).due(NOON - timedelta(days=1)) == NOON


def test_its_end_is_kept_in_utc() -> None:
    there = timezone(timedelta(hours=9))
    assert Wake(at=NOON.astimezone(there)).at == NOON
    assert str(Wake(at=NOON.astimezone(there)).at).endswith("+00:00")


@pytest.mark.parametrize(
    "said",
    [{}, {"after": timedelta(1), "at": NOON}, {"after": timedelta(0)}, {"at": NOON.replace(tzinfo=None)}],
)
def test_a_wait_without_one_certain_end_is_refused(said: dict[str, timedelta | datetime]) -> None:
    with pytest.raises(ValueError, match=r"wait|time zone"):
        Wake(**said)  # type: ignore[arg-type]
