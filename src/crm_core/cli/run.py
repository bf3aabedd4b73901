"""`crm run`: keep views and policies up with the log."""

import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import note

Once = Annotated[bool, typer.Option("--once", help="Catch up with the log as it is now, fire what is due, and end.")]


def run(desk: Desk, once: Once = False) -> Answer:
    """Follow the log until interrupted: fold views, let switched-on policies act, fire their alarms."""
    if once:
        desk.crm.settle(timeout=float("inf"), policies=True)
    else:
        stop = threading.Event()
        _stop_on_signals(stop)
        desk.tell(f"following {desk.crm.status().database}; interrupt to end")
        desk.crm.run(stop)
    found = desk.crm.status()
    behind = max((one.lag for one in found.followers if one.on), default=0)
    return Answer(found, note(f"position {found.position}, behind by {behind}"))


def _stop_on_signals(stop: threading.Event) -> None:
    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, ask)
