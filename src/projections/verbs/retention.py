"""`crm retention`: of the customers who came in a month, how many bought again."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Optional
from uuid import UUID

import typer
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
    Optional[str],  # noqa: UP045 - older typers know only this spelling
    typer.Option(
        metavar="YYYY-MM",
        help="Only customers whose first purchase was in or after (or up to) that month.",
        show_default=False,
    ),
]
Months = Annotated[int, typer.Option(min=1, help="How many months to show beside each other.")]
_SHADES = ((50, "bold green"), (15, "green"), (8, "yellow"), (0, "red"))


def retention(
    desk: Desk,
    since: Month = None,
    until: Month = None,
    months: Months = 12,
    as_of: Moment = None,
    tz: Zone = "UTC",
    axis: Axis = "recorded",
) -> Answer:
    """Customers by month of their first purchase, and which share of them bought in each month after."""
    at = desk.moment(as_of, tz, axis)
    rows = _came_between(
        rows_of(desk, view, at, past=as_of is not None), _month("since", since), _month("until", until)
    )
    cohorts = monthly(rows)
    days = [row.day for row in rows]
    begins = min(days).replace(day=1) if days else None
    weeks = (max(days) - begins).days // 7 + 1 if begins else 0
    repeats = weekly_cumulative_repeat(rows, begins, weeks) if begins else []
    customers, spent = sum(one.customers for one in cohorts), total(row.spent for row in rows)
    aside = f"{customers:,} customers · {sum(row.purchases for row in rows):,} purchases · {' + '.join(map(str, spent.values())) or 'nothing spent'}"
    return Answer(
        {
            "as_of": at.as_dict(),
            "customers": customers,
            "purchases": sum(row.purchases for row in rows),
            "spent": list(spent.values()),
            "cohorts": [{"month": one.month, "customers": one.customers, "active": one.active} for one in cohorts],
            "weeks_begin": begins,
            "weekly_cumulative_repeat": repeats,
        },
        stack(
            heading("retention", aside),
            _table(cohorts, months),
            Text("% of each month's new customers who bought, by months since", style="dim"),
        ),
        moment(at, zone_of(tz)),
    )


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
        raise Invalid(name, [(name, "must be a month such as 1997-01")]) from None


def _table(cohorts: list[Cohort], months: int) -> Any:
    wide = min(months, max((len(one.active) for one in cohorts), default=0))
    rows = [(one.month, f"{one.customers:,}", *(_share(one, month) for month in range(wide))) for one in cohorts]
    made = table(["month", "new", *map(str, range(wide))], rows)
    for column in made.columns[1:]:
        column.justify = "right"
    return made


def _share(cohort: Cohort, month: int) -> Text:
    if month >= len(cohort.active):
        return Text()
    share = 100 * cohort.rates[month]
    return Text(f"{share:.0f}", next(style for least, style in _SHADES if share >= least))
