"""The optional tick."""

import threading

from policies.engine.clock import ticking


class Counts:
    """Something that ticks."""

    def __init__(self) -> None:
        self.ticks = 0
        self.three = threading.Event()

    def tick(self) -> int:
        self.ticks += 1
        if self.ticks == 3:
            self.three.set()
        if self.ticks == 1:
            raise RuntimeError("the first one fails")
        return 0


def test_it_ticks_until_the_block_ends_and_a_failing_tick_does_not_stop_it() -> None:
    crm = Counts()
    with ticking(crm, seconds=0.01):
        assert crm.three.wait(10)
    assert not [one for one in threading.enumerate() if one.name.startswith("APScheduler")]
