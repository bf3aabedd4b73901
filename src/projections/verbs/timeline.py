"""`crm timeline`: what happened with a customer, on every channel."""

from typing import Annotated

import typer

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import heading, moment, stack, table, who
from crm_core.cli.moments import zone_of
from crm_core.cli.options import Axis, Moment, Zone
from crm_core.cli.plain import readable, tidy
from crm_core.kernel.errors import NotFound
from projections.timeline import TimelineRow
from projections.timeline import timeline as view
from projections.verbs.rows import names_of, rows_of

Thing = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A contact, lead, account, deal or ticket: its id, or its first six or more digits."
    ),
]


def timeline(desk: Desk, thing: Thing, as_of: Moment = None, tz: Zone = "UTC", axis: Axis = "recorded") -> Answer:
    """Everything that happened with a customer, an account, a deal or a ticket, as it happened."""
    zone, at, past = zone_of(tz), desk.moment(as_of, tz, axis), as_of is not None
    meant = desk.thing(thing)
    same = desk.crm.identities(meant)
    found: dict[int, TimelineRow] = {}
    for one in same:
        found.update((row.position, row) for row in rows_of(desk, view, at, past=past, where={"about": str(one)}))
    if not found:
        raise NotFound(f"nothing happened with {meant}")
    rows = sorted(found.values(), key=lambda row: (row.at, row.position))
    names = names_of(desk, same, at, past=past)
    name = next((names[one] for one in same if one in names), None)
    shown = [(row.at, row.type.partition(".")[0], tidy(str(row.says)), who(row.done_by)) for row in rows]
    return Answer(
        {
            "thing": meant,
            "name": name,
            "identities": same,
            "as_of": at.as_dict(),
            "rows": [view.table.plain(row) for row in rows],
        },
        stack(
            heading("timeline", f"{readable(name)} {readable(meant)}".strip()),
            table(["when", "on", "what", "by"], shown, zone, wraps=["what"], short="by"),
        ),
        moment(at, zone),
    )
