"""Cohorts: of the customers who first bought in a month, how many bought again in each month after."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from projections.retention import PurchaseDay

_DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Cohort:
    """The customers whose first purchase was in one month.

    `month` is that month as `1997-01`; `active` how many of them bought in the month, in the one
    after, and so on, up to the last month in which anybody bought. The last may not be over yet.
    """

    month: str
    active: tuple[int, ...]

    @property
    def customers(self) -> int:
        """How many they are."""
        return self.active[0]

    @property
    def rates(self) -> tuple[float, ...]:
        """The share of them that bought in each month, from 1.0 down."""
        return tuple(active / self.customers for active in self.active)


def monthly(rows: Iterable[PurchaseDay]) -> list[Cohort]:
    """The cohorts by month of the first purchase, in order; months in which nobody came first are left out."""
    first: dict[UUID, int] = {}
    bought: dict[UUID, set[int]] = defaultdict(set)
    for row in rows:
        month = row.day.year * 12 + row.day.month - 1
        first[row.contact_id] = min(month, first.get(row.contact_id, month))
        bought[row.contact_id].add(month)
    last = max((max(months) for months in bought.values()), default=0)
    active: dict[int, Counter[int]] = defaultdict(Counter)
    for customer, months in bought.items():
        active[first[customer]].update(month - first[customer] for month in months)
    return [
        Cohort(
            f"{month // 12:04}-{month % 12 + 1:02}", tuple(active[month][offset] for offset in range(last - month + 1))
        )
        for month in sorted(active)
    ]


def weekly_cumulative_repeat(rows: Iterable[PurchaseDay], start: date, weeks: int) -> list[int]:
    """How often customers came back, added up week by week.

    A repeat is a day on which somebody buys who bought on an earlier day; week 1 begins at `start`.

    Args:
        rows: the days on which customers bought, in any order and any currency.
        start: the first day of the first week.
        weeks: how many weeks to tell.
    """
    days = {(row.contact_id, row.day) for row in rows}
    first: dict[UUID, date] = {}
    for customer, day in days:
        first[customer] = min(day, first.get(customer, day))
    repeats = Counter((day - start).days // _DAYS_A_WEEK for customer, day in days if day > first[customer])
    told, sum_ = [], sum(number for week, number in repeats.items() if week < 0)
    for week in range(weeks):
        sum_ += repeats[week]
        told.append(sum_)
    return told
