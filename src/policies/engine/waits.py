"""How a policy waits: it asks to be woken, thinks better of it, and learns that the time has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_core.kernel.time import to_utc


@dataclass(frozen=True, slots=True)
class Woken:
    """The wait called `name` is over. `at` is when it was due, which a late worker reaches only afterwards."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Wake:
    """Ask to be woken: `after` a while, counted from what is being answered, or `at` an instant.

    A subject has one wait of each `name`: asking again starts that wait anew.

    Raises:
        ValueError: neither or both of `after` and `at`; a wait that does not go forward; a naive instant.
    """

    after: timedelta | None = None
    at: datetime | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if (self.after is None) == (self.at is None):
            raise ValueError("a wait ends either after a while or at an instant")
        if self.after is not None and self.after <= timedelta(0):
            raise ValueError("a wait must last longer than nothing")
        if self.at is not None:
            object.__setattr__(self, "at", to_utc(self.at))

    def due(self, since: datetime) -> datetime:
        """When it ends, if it begins at `since`."""
        return since + self.after if self.after is not None else self.at or since


@dataclass(frozen=True, slots=True)
class Sleep:
    """Do not wake me for this `name` any more; nothing happens if no such wait is on."""

    name: str = ""
