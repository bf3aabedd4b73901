"""A reader beside eight writers that roll back a fifth of their transactions misses nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.tailing import tail


@pytest.fixture(params=[20_000, pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def appends(request: pytest.FixtureRequest) -> int:
    """How many events to append."""
    return int(request.param)


def test_a_reader_beside_writers_that_roll_back_misses_nothing_and_sees_no_gap(
    appends: int, disk_url: str, tmp_path: Path, figures: Callable[..., None]
) -> None:
    found = tail(disk_url, tmp_path, appends=appends)
    figures(**found.figures)

    assert found.errors == []
    assert (found.missed, found.gaps, found.disorder, found.waits) == (0, 0, 0, 0)
    assert found.appends >= appends
    assert found.rollbacks > found.transactions * 0.15
