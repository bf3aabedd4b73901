"""`crm retention`: of the customers who came in a month, how many bought again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import heading, moment, stack, table
from crm_core.cli.moments import zone_of
from crm_core.cli.options import Axis, Moment, Zone
from crm_core.kernel.errors import Invalid
from crm_core.kernel.money import total
from projections.reports.cohorts import Cohort, monthly, weekly_cumulative_repeat
from projections.retention import PurchaseDay
from projections.retention import retention as view
from projections.verbs.rows import rows_of

Month = Annotated[
    str | None,
    typer.Option(
        metavar="YYYY-MM",
        help="Only customers whose first purchase was in or after (or up to) that month.",
        show_default=False,
    ),
]
Months = Annotated[int, typer.Option(min=1, help="At most so many months beside each other.")]
_SHADES = ((50, "bold green"), (15, "green"), (8, "yellow"), (0, "red"))
_LEFT, _EACH = 21, 4
"""Columns that month and newcomers take, and a month of returning customers."""


def retention(
    desk: Desk,
    since: Month = None,
    until: Month = None,
    months: Months = 18,
    as_of: Moment = None,
    tz: Zone = "UTC",
    axis: Axis = "recorded",
) -> Answer:
    """Customers by month of their first purchase, and which share of them bought in each month after."""
    first, last = _month("since", since), _month("until", until)
    at = desk.moment(as_of, tz, axis)
    rows = _came_between(rows_of(desk, view, at, past=as_of is not None), first, last)
    numbers, cohorts = _numbers(rows), monthly(rows)
    spent = " + ".join(map(str, numbers["spent"])) or "nothing spent"
    return Answer(
        {
            "as_of": at.as_dict(),
            **numbers,
            "cohorts": [{"month": one.month, "customers": one.customers, "active": one.active} for one in cohorts],
        },
        stack(
            heading("retention", f"{numbers['customers']:,} customers · {numbers['purchases']:,} purchases · {spent}"),
            Cohorts(cohorts, months),
            Text("% of each month's new customers who bought, by months since", style="dim"),
        ),
        moment(at, zone_of(tz)),
    )


def _numbers(rows: Sequence[PurchaseDay]) -> dict[str, Any]:
    """What is counted over all of them; weeks begin with the first month in which anybody bought."""
    days = [row.day for row in rows]
    begins = min(days).replace(day=1) if days else None
    weeks = (max(days) - begins).days // 7 + 1 if begins else 0
    return {
        "customers": len({row.contact_id for row in rows}),
        "purchases": sum(row.purchases for row in rows),
        "spent": list(total(row.spent for row in rows).values()),
        "weeks_begin": begins,
        "weekly_cumulative_repeat": weekly_cumulative_repeat(rows, begins, weeks) if begins else [],
    }


@dataclass(frozen=True, slots=True)
class Cohorts:
    """A row for each month of first purchases, and as many months after as the terminal has room for."""

    cohorts: Sequence[Cohort]
    months: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table."""
        longest = max((len(one.active) for one in self.cohorts), default=0)
        wide = min(self.months, longest, max(1, (options.max_width - _LEFT) // _EACH + 1))
        rows = [
            (one.month, f"{one.customers:,}", *(_share(one, month) for month in range(wide))) for one in self.cohorts
        ]
        made = table(["month", "new", *map(str, range(wide))], rows)
        for column in made.columns[1:]:
            column.justify = "right"
        yield made


def _came_between(rows: Iterable[PurchaseDay], since: date | None, until: date | None) -> list[PurchaseDay]:
    """The rows of customers whose first day lies in these months."""
    whose: dict[UUID, list[PurchaseDay]] = defaultdict(list)
    for row in rows:
        whose[row.contact_id].append(row)
    chosen = []
    for theirs in whose.values():
        first = min(row.day for row in theirs).replace(day=1)
        if (since is None or first >= since) and (until is None or first <= until):
            chosen += theirs
    return chosen


def _month(name: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Invalid("command line", [(name, "must be a month such as 1997-01")]) from None


def _share(cohort: Cohort, month: int) -> Text:
    if month >= len(cohort.active):
        return Text()
    share = 100 * cohort.rates[month]
    return Text(f"{share:.0f}", next(style for least, style in _SHADES if share >= least))
