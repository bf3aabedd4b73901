"""Around the nights on which clocks are changed, a day ends when it ends there, and no hour is guessed."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crm_core import CRM, Invalid
from crm_core.cli.moments import moment_of, zone_of
from crm_core.commands import AddContact, AddNote
from crm_core.kernel.time import ManualClock
from tests.cli.conftest import run_crm

NOW = datetime(2026, 12, 31, tzinfo=UTC)
NIGHTS = [
    # zone, the night's day, when it ends (UTC), how it is printed, how long the day was
    ("Europe/Berlin", "2024-03-30", "2024-03-30T22:59:59.999999", "2024-03-30T23:59:59+01:00", 24.0),
    ("Europe/Berlin", "2024-03-31", "2024-03-31T21:59:59.999999", "2024-03-31T23:59:59+02:00", 23.0),
    ("Europe/Berlin", "2024-10-26", "2024-10-26T21:59:59.999999", "2024-10-26T23:59:59+02:00", 24.0),
    ("Europe/Berlin", "2024-10-27", "2024-10-27T22:59:59.999999", "2024-10-27T23:59:59+01:00", 25.0),
    ("America/New_York", "2024-03-09", "2024-03-10T04:59:59.999999", "2024-03-09T23:59:59-05:00", 24.0),
    ("America/New_York", "2024-03-10", "2024-03-11T03:59:59.999999", "2024-03-10T23:59:59-04:00", 23.0),
    ("America/New_York", "2024-11-02", "2024-11-03T03:59:59.999999", "2024-11-02T23:59:59-04:00", 24.0),
    ("America/New_York", "2024-11-03", "2024-11-04T04:59:59.999999", "2024-11-03T23:59:59-05:00", 25.0),
    ("Australia/Lord_Howe", "2024-10-05", "2024-10-05T13:29:59.999999", "2024-10-05T23:59:59+10:30", 24.0),
    ("Australia/Lord_Howe", "2024-10-06", "2024-10-06T12:59:59.999999", "2024-10-06T23:59:59+11:00", 23.5),
    ("Australia/Lord_Howe", "2024-04-06", "2024-04-06T12:59:59.999999", "2024-04-06T23:59:59+11:00", 24.0),
    ("Australia/Lord_Howe", "2024-04-07", "2024-04-07T13:29:59.999999", "2024-04-07T23:59:59+10:30", 24.5),
    # where the clock is changed at midnight itself
    ("Africa/Cairo", "2024-04-25", "2024-04-25T21:59:59.999999", "2024-04-25T23:59:59+02:00", 24.0),
    ("Africa/Cairo", "2024-04-26", "2024-04-26T20:59:59.999999", "2024-04-26T23:59:59+03:00", 23.0),
    ("Africa/Cairo", "2024-10-31", "2024-10-31T21:59:59.999999", "2024-10-31T23:59:59+02:00", 25.0),
]
GAPS = [("Europe/Berlin", "2024-03-31T02:30"), ("America/New_York", "2024-03-10T02:00"),
        ("America/New_York", "2024-03-10T02:59:59.999999"), ("Australia/Lord_Howe", "2024-10-06T02:15")]  # fmt: skip
FOLDS = [("Europe/Berlin", "2024-10-27T02:30", "+02:00", "+01:00"),
         ("America/New_York", "2024-11-03T01:00", "-04:00", "-05:00"),
         ("Australia/Lord_Howe", "2024-04-07T01:45", "+11:00", "+10:30")]  # fmt: skip
EDGES = [("Europe/Berlin", "2024-03-31T01:59:59", "2024-03-31T00:59:59"),
         ("Europe/Berlin", "2024-03-31T03:00", "2024-03-31T01:00"),
         ("Europe/Berlin", "2024-10-27T01:59:59", "2024-10-26T23:59:59"),
         ("Europe/Berlin", "2024-10-27T03:00", "2024-10-27T02:00"),
         ("America/New_York", "2024-11-03T02:00", "2024-11-03T07:00"),
         ("Australia/Lord_Howe", "2024-10-06T02:30", "2024-10-05T15:30"),
         ("Australia/Lord_Howe", "2024-04-07T02:00", "2024-04-06T15:30")]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("zone", "day", "ends", "printed", "hours"), NIGHTS)
def test_a_day_ends_when_it_ends_there(zone: str, day: str, ends: str, printed: str, hours: float) -> None:
    moment = moment_of(day, zone_of(zone), NOW)
    before = moment_of(str(datetime.fromisoformat(day).date() - timedelta(days=1)), zone_of(zone), NOW)
    assert isinstance(moment, datetime)
    assert isinstance(before, datetime)
    assert moment == utc(ends)
    assert moment - before == timedelta(hours=hours)
    assert moment.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds") == printed


@pytest.mark.parametrize(("zone", "day", "ends", "printed", "hours"), NIGHTS)
def test_the_answer_says_which_instant_position_and_axis_it_speaks_of(
    zone: str, day: str, ends: str, printed: str, hours: float, tmp_path: Path
) -> None:
    url, clock = f"sqlite:///{tmp_path}/crm.db", ManualClock(utc(ends) - timedelta(minutes=1))
    with CRM.open(url, follow=[], clock=clock) as crm:
        person = str(crm.execute(AddContact(name="Ada"), by="ann").id)
        for at in (utc(ends), utc(ends) + timedelta(microseconds=1)):
            clock.set(at)
            crm.execute(AddNote(contact_id=person, text="x"), by="ann")  # type: ignore[arg-type]
    for axis in ("recorded", "occurred"):
        asked = ("history", person, "--as-of", day, "--tz", zone, "--axis", axis, "--url", url)
        position = 2 if axis == "recorded" else 3
        assert run_crm(*asked).out.endswith(f"as of {printed} · position {position} · {axis} time\n")
        document = run_crm(*asked, "--json").document
        assert document["as_of"] == {"position": position, "instant": f"{ends}Z", "axis": axis}
        assert len(document["facts"]) == 2


@pytest.mark.parametrize(("zone", "local"), GAPS)
def test_a_time_that_no_clock_showed_is_refused(zone: str, local: str) -> None:
    with pytest.raises(Invalid, match=f"{zone} did not have that time.*offset") as refused:
        moment_of(local, zone_of(zone), NOW)
    assert refused.value.field == "as_of"


@pytest.mark.parametrize(("zone", "local", "first", "second"), FOLDS)
def test_a_time_that_clocks_showed_twice_is_refused_until_it_is_said_which(
    zone: str, local: str, first: str, second: str
) -> None:
    with pytest.raises(Invalid, match=f"{zone} had that time twice") as refused:
        moment_of(local, zone_of(zone), NOW)
    assert re.search(rf"say {local}\S*{re.escape(first)} or {local}\S*{re.escape(second)}$", str(refused.value))
    earlier, later = (moment_of(f"{local}{offset}", zone_of(zone), NOW) for offset in (first, second))
    assert isinstance(earlier, datetime)
    assert isinstance(later, datetime)
    assert earlier < later


@pytest.mark.parametrize(("zone", "local", "instant"), EDGES)
def test_times_beside_the_change_are_what_they_are(zone: str, local: str, instant: str) -> None:
    assert moment_of(local, zone_of(zone), NOW) == utc(instant)


def test_the_program_refuses_what_is_not_one_instant(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/crm.db"
    CRM.open(url, follow=[]).close()
    for zone, local in [GAPS[0], FOLDS[0][:2]]:
        said = run_crm("pipeline", "--as-of", local, "--tz", zone, "--url", url, "--json")
        assert (said.code, said.error["error"]) == (4, "Invalid")
        assert said.error["attributes"]["problems"][0]["field"] == "as_of"
