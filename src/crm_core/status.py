"""Where everything stands, for probes and for people."""

from dataclasses import dataclass
from typing import Any

from crm_core.kernel.plain import as_dict


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """How far one follower has come. `position` None: it never began. `lag` counts positions."""

    name: str
    kind: str
    on: bool
    position: int | None
    lag: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return as_dict(self)


@dataclass(frozen=True, slots=True)
class Status:
    """What a probe wants to know. `durability` is `full`, `test` (unsafe, asked for) or `memory`."""

    database: str
    durability: str
    schema: int
    position: int
    followers: tuple[FollowerStatus, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return as_dict(self)
