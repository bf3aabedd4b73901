"""`crm show`: the rows of any view."""

import csv
import io
from typing import Annotated, Any

import typer

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.failures import BadUsage
from crm_core.cli.look import Records, heading, moment, stack
from crm_core.cli.moments import zone_of
from crm_core.cli.options import Axis, Moment, Zone
from projections.engine.projection import Projection
from projections.verbs.rows import rows_of, view_named

Name = Annotated[str, typer.Argument(metavar="VIEW", help="Which view.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FIELD=VALUE",
        help="Only rows with that value; may be said several times.",
        show_default=False,
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.", show_default=False)]
Csv = Annotated[bool, typer.Option("--csv", help="As CSV, columns named as in SQL.")]


def show(
    desk: Desk, view: Name, where: Where = None, limit: Limit = None, csv: Csv = False,
    as_of: Moment = None, tz: Zone = "UTC", axis: Axis = "recorded",
) -> Answer:  # fmt: skip
    """The rows of a view, now or as they were."""
    chosen = view_named(desk, view)
    at = desk.moment(as_of, tz, axis)
    rows = rows_of(desk, chosen, at, past=as_of is not None, where=_conditions(where or []), limit=limit)
    plain = [chosen.table.plain(row) for row in rows]
    if csv and not desk.as_json:
        return Answer(plain, _csv(chosen, plain))
    names = [field.name for field in chosen.table.fields]
    shown = Records(names, [[getattr(row, name) for name in names] for row in rows], zone_of(tz))
    return Answer(
        {"view": view, "as_of": at.as_dict(), "rows": plain},
        stack(heading(view, f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}"), shown),
        moment(at, zone_of(tz)),
    )


def _conditions(where: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in where]
    if any(not name or not equals for name, equals, _ in pairs):
        raise BadUsage("--where takes FIELD=VALUE")
    return {name: value for name, _, value in pairs}


def _csv(view: Projection[Any], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [column.name for column in view.table.columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
