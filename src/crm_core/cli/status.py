"""`crm status`: where everything stands."""

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import heading, stack, table
from crm_core.status import FollowerStatus

_DURABILITY = {
    "full": "every receipt is on disk before it is given",
    "test": "unsafe: acknowledged events may be lost",
    "memory": "gone when the process ends",
}


def status(desk: Desk) -> Answer:
    """Which database it is, how long its log, and how far each view and policy has come."""
    found = desk.crm.status()
    facts = [
        ("database", found.database),
        ("durability", f"{found.durability}: {_DURABILITY.get(found.durability, '')}"),
        ("schema", str(found.schema)),
        ("log", f"{found.position:,} events"),
    ]
    followers = [(one.kind, one.name, _place(one), one.lag, "on" if one.on else "off") for one in found.followers]
    return Answer(
        found,
        stack(
            heading("status"), table(["", ""], facts), table(["kind", "name", "position", "behind by", "is"], followers)
        ),
    )


def _place(one: FollowerStatus) -> int | str:
    return "never began" if one.position is None else one.position
