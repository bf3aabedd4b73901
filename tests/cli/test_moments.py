"""What people type for a moment, and what is answered as of it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from crm_core import Invalid
from crm_core.cli.moments import moment_of, zone_of
from tests.cli.conftest import Demo, Run

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("typed", "zone", "meant"),
    [
        ("2026-03-01", UTC, "2026-03-01T23:59:59.999999+00:00"),
        ("2026-03-01", BERLIN, "2026-03-01T22:59:59.999999+00:00"),
        ("2025-03-30", BERLIN, "2025-03-30T21:59:59.999999+00:00"),  # a day of 23 hours
        ("2026-03-10", UTC, "2026-03-10T12:00:00+00:00"),  # the day is not over: now
        ("2026-03-11", UTC, "2026-03-11T23:59:59.999999+00:00"),  # the future: refused by whoever reads
        ("2026-03-01T10:00", UTC, "2026-03-01T10:00:00+00:00"),
        ("2026-03-01T10:00", BERLIN, "2026-03-01T09:00:00+00:00"),
        ("2026-03-01T10:00+05:30", BERLIN, "2026-03-01T04:30:00+00:00"),
        ("2026-03-01T10:00Z", BERLIN, "2026-03-01T10:00:00+00:00"),
    ],
)
def test_a_day_is_its_end_and_an_instant_without_offset_is_told_in_the_zone(
    typed: str, zone: ZoneInfo, meant: str
) -> None:
    assert moment_of(typed, zone, NOW) == datetime.fromisoformat(meant)


@pytest.mark.parametrize("typed", ["123", "#123", " #123 "])
def test_a_number_is_a_position(typed: str) -> None:
    assert moment_of(typed, UTC, NOW) == 123


@pytest.mark.parametrize(
    "typed", ["", "yesterday", "2026-02-30", "01.03.2026", "-5", "#", "9999-12-31", "2026-03-01T25:00"]
)
def test_anything_else_is_refused_with_the_rule(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        moment_of(typed, UTC, NOW)
    assert refused.value.field == "as_of"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe"])
def test_a_zone_must_exist(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        zone_of(name)
    assert refused.value.field == "tz"


def stages(crm: Run, *moment: str) -> list[str]:
    return [deal["stage"] for deal in crm("pipeline", "--json", *moment).document["deals"]]


def test_the_board_as_of_a_day_is_the_board_at_its_end(crm: Run) -> None:
    assert sorted(stages(crm, "--as-of", "2024-03-04")) == ["negotiation", "proposal_sent", "qualified_lead"]
    assert stages(crm, "--as-of", "2024-03-12").count("negotiation") == 2
    assert "won" in stages(crm, "--as-of", "2024-03-14")


def test_when_a_day_ends_depends_on_the_zone(crm: Run) -> None:
    assert len(stages(crm, "--as-of", "2024-03-05")) == 4
    assert len(stages(crm, "--as-of", "2024-03-05", "--tz", "Pacific/Kiritimati")) == 3


def test_what_had_happened_is_not_what_was_known(crm: Run, demo: Demo) -> None:
    known, happened = (
        {
            row["type"]
            for row in crm("timeline", demo.contact, "--as-of", "2024-03-05T11:00", "--axis", axis, "--json").document[
                "rows"
            ]
        }
        for axis in ("recorded", "occurred")
    )
    assert happened - known == {"demo.held"}


def test_an_answer_says_which_moment_it_speaks_of(crm: Run, demo: Demo) -> None:
    assert crm("pipeline", "--as-of", "#23", "--json").document["as_of"] == {
        "position": 23, "instant": "2024-03-11T10:15:00.000000Z", "axis": "recorded",
    }  # fmt: skip
    assert crm("pipeline", "--as-of", "23").out.endswith(
        "as of 2024-03-11T10:15:00+00:00 · position 23 · recorded time\n"
    )
    told = crm("history", demo.deal, "--as-of", "2024-03-12", "--tz", "Europe/Berlin").out
    assert "as of 2024-03-12T23:59:59+01:00 · position 23 · recorded time" in told
    assert "2024-03-11 11:15" in told


@pytest.mark.parametrize("moment", ["2999-01-01", "#99999999", "tomorrow"])
def test_nothing_is_known_of_the_future(moment: str, crm: Run) -> None:
    said = crm("pipeline", "--as-of", moment, "--json")
    assert said.code == 4
    assert said.error["attributes"]["problems"][0]["field"] == "as_of"
