"""`crm status`: where everything stands."""

import re
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import RenderableType

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.failures import BEHIND, DONE
from crm_core.cli.look import heading, note, stack, table
from crm_core.kernel.errors import Invalid
from crm_core.status import FollowerStatus, Status

_DURABILITY = {
    "full": "every receipt is on disk before it is given",
    "test": "unsafe: acknowledged events may be lost",
    "memory": "gone when the process ends",
    "read-only": "nothing can be recorded",
}
_UNITS = {"s": 1, "m": 60, "h": 3600}

Check = Annotated[bool, typer.Option("--check", help="Exit code 8 if a view or policy lags too far or is halted.")]
MaxLag = Annotated[
    str, typer.Option("--max-lag", metavar="TIME", help="With --check: how far it may lag, such as 30s, 5m or 1h.")
]


def status(desk: Desk, check: Check = False, max_lag: MaxLag = "30s") -> Answer:
    """Which database it is, how long its log, and how far each view and policy has come."""
    most = _time_of(max_lag)
    found = desk.crm.status()
    behind = found.behind(most) if check else ()
    document = {
        **{name: getattr(found, name) for name in Status.__dataclass_fields__},
        **({"behind": [one.name for one in behind]} if check else {}),
    }
    return Answer(document, _shown(found, behind), code=BEHIND if behind else DONE)


def _shown(found: Status, behind: tuple[FollowerStatus, ...]) -> RenderableType:
    facts = [
        ("database", found.database),
        ("durability", f"{found.durability}: {_DURABILITY.get(found.durability, '')}"),
        ("schema", str(found.schema)),
        ("log", f"{found.position:,} events"),
    ]
    followers = [
        (one.kind, one.name, _place(one), one.lag, f"{one.seconds:.0f} s", "on" if one.on else "off", one.halted or "")
        for one in found.followers
    ]
    columns = ["kind", "name", "position", "behind by", "since", "is", "halted"]
    if not any(one.halted for one in found.followers):
        columns, followers = columns[:-1], [row[:-1] for row in followers]  # type: ignore[misc]
    parts: list[RenderableType] = [
        heading("status"),
        table(["", ""], facts),
        table(columns, followers, wraps=["halted"]),
    ]
    if behind:
        parts.append(note(f"too far behind: {', '.join(one.name for one in behind)}", "red"))
    return stack(*parts)


def _place(one: FollowerStatus) -> int | str:
    return "never began" if one.position is None else one.position


def _time_of(text: str) -> timedelta:
    """A length of time as people type it.

    Raises:
        Invalid: it is none.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([smh])", text.strip())
    if found is None:
        raise Invalid("command line", [("max_lag", "must be a time such as 30s, 5m or 1h")])
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])
