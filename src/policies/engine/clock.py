"""A tick for hosts that want one: APScheduler calls `crm.tick()` every so often."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any, Protocol

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger


class Ticks(Protocol):
    """Whatever does what is due when asked: a CRM."""

    def tick(self) -> Any:
        """Follow the log a little and fire the alarms that are due."""
        ...


@contextmanager
def ticking(crm: Ticks, seconds: float = 1.0) -> Iterator[BackgroundScheduler]:
    """Call `crm.tick()` every `seconds`, in the background, until the block ends.

    Alarms are rows in the database; APScheduler keeps none of them and only supplies the tick. A tick
    that is missed, doubled or late loses and doubles nothing: the next one does what is due. Ticks
    never overlap, and leaving the block waits for the one under way. While the machine's clock is set
    back, APScheduler may pause until it has caught up; `crm.running()` does not.
    """
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(
        crm.tick, IntervalTrigger(seconds=seconds), coalesce=True, max_instances=1, misfire_grace_time=None
    )
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=True)
