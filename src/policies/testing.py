"""Tell a policy a story and see what it does: no database, no clock, the same story the same answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

from crm_core.kernel.messages import Command, Event
from crm_core.kernel.recorded import Recorded
from policies.engine.policy import Policy
from policies.engine.rehearsal import Rehearsal

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When every story begins: a Monday morning."""


def tell(policy: Policy[Any], *story: Event | Recorded | timedelta) -> list[Command]:
    """The commands that the policy gives in the course of a story.

    An event happens where the clock stands; a `timedelta` lets time pass, and alarms fire in order as
    they come due. A `Recorded` fact brings its own times and actor, so that history and the policy's
    own doing can be told too; the clock moves on to when it was recorded.
    """
    rehearsal = Rehearsal(policy, START)
    for step in story:
        match step:
            case timedelta():
                rehearsal.pass_until(rehearsal.now + step)
            case Recorded():
                rehearsal.take(step)
            case Event():
                rehearsal.happen(step, rehearsal.now, acts=True)
    return rehearsal.given
