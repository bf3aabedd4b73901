"""What a probe is told: how far behind everything is, in positions and seconds, and what cannot go on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_core import CRM, FollowerStatus, Money, Recorded
from crm_core.commands import OpenDeal, SwitchOffPolicy, SwitchOnPolicy
from crm_core.errors import FollowerHalted
from crm_core.events import DealOpened
from crm_core.kernel.time import ManualClock
from policies import thank_on_purchase
from projections import pipeline, projection, timeline
from projections.pipeline import PipelineRow

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HALF_A_MINUTE = timedelta(seconds=30)


def deal(amount: str = "1") -> OpenDeal:
    return OpenDeal(title="New roof", amount=Money(amount, "EUR"), owner="ann")


@projection("choosy", version=1, key=lambda event: event.deal_id)
def choosy(row: PipelineRow | None, event: DealOpened, seen: Recorded) -> PipelineRow | None:
    """A view whose author did not think of everything."""
    if event.amount == Money("2", "EUR"):
        raise ZeroDivisionError
    return None


def _takes_anything(view: object, work: object) -> None:
    """Nothing is made of it."""


def of(crm: CRM, name: str) -> FollowerStatus:
    [found] = [one for one in crm.status().followers if one.name == name]
    return found


def test_lag_is_told_in_positions_and_in_the_age_of_the_oldest_event_not_taken_in(store_url: str) -> None:
    clock = ManualClock(NOON)
    with CRM.open(store_url, follow=[pipeline, timeline], clock=clock) as crm:
        assert [(one.lag, one.seconds) for one in crm.status().followers] == [(0, 0.0), (0, 0.0)]
        crm.execute(deal(), by="ann")
        clock.advance(seconds=20)
        second = crm.execute(deal(), by="ann")
        clock.advance(seconds=25)
        assert (of(crm, "pipeline").position, of(crm, "pipeline").lag, of(crm, "pipeline").seconds) == (None, 2, 45.0)
        crm.view(pipeline, after=1)
        assert (of(crm, "pipeline").position, of(crm, "pipeline").lag, of(crm, "pipeline").seconds) == (1, 1, 25.0)
        assert [one.name for one in crm.status().behind(HALF_A_MINUTE)] == ["timeline"]
        crm.view(pipeline, after=second)
        crm.view(timeline, after=second)
        assert [(one.lag, one.seconds, one.parked) for one in crm.status().followers] == [(0, 0.0, 0), (0, 0.0, 0)]
        assert crm.status().behind(timedelta(0)) == ()


def test_a_clock_that_was_set_back_makes_nobody_lag_less_than_not_at_all() -> None:
    clock = ManualClock(NOON)
    with CRM.open("memory://", follow=[pipeline], clock=clock) as crm:
        crm.execute(deal(), by="ann")
        clock.advance(hours=-1)
        assert of(crm, "pipeline").seconds == 0.0


def test_a_policy_that_is_switched_off_is_not_behind(store_url: str) -> None:
    clock = ManualClock(NOON)
    with CRM.open(store_url, follow=[thank_on_purchase], clock=clock) as crm:
        crm.execute(deal(), by="ann")
        clock.advance(hours=1)
        assert crm.status().behind(HALF_A_MINUTE) == ()
        crm.execute(SwitchOnPolicy(policy=thank_on_purchase.name), by="ann")
        assert [one.name for one in crm.status().behind(HALF_A_MINUTE)] == [thank_on_purchase.name]
        crm.execute(SwitchOffPolicy(policy=thank_on_purchase.name), by="ann")
        assert crm.status().behind(HALF_A_MINUTE) == ()


def test_a_halted_view_is_seen_by_every_process_until_it_has_moved_on(disk_url: str, monkeypatch: Any) -> None:
    with (
        CRM.open(disk_url, follow=[choosy, pipeline]) as worker,
        CRM.open(disk_url, follow=[choosy, pipeline]) as probe,
    ):
        worker.execute(deal(), by="ann")
        worker.settle()
        worker.execute(deal("2"), by="ann")
        assert of(probe, "choosy").halted is None
        with pytest.raises(FollowerHalted):
            worker.settle()
        halted = of(probe, "choosy")
        assert (halted.position, halted.lag, halted.halted) == (1, 1, "its fold raised ZeroDivisionError")
        assert of(probe, "pipeline").halted is None
        assert "choosy" in [one.name for one in probe.status().behind(timedelta(hours=1))]
        monkeypatch.setattr(type(choosy), "fold", _takes_anything)  # the author thought again
        worker.settle()
        assert of(probe, "choosy").halted is None
        assert probe.status().behind(timedelta(hours=1)) == ()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def disk_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each store that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'crm.db'}"
    return str(request.getfixturevalue("postgres_url"))
