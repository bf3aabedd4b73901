"""Who bought when, and how many came back: the published numbers of a real shop."""

import csv
import gzip
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from crm_core import Money
from crm_core.events import PurchaseRecorded
from crm_core.kernel.ids import ContactId, PurchaseId
from crm_core.kernel.money import total
from crm_core.kernel.recorded import Recorded
from projections import retention
from projections.reports.cohorts import Cohort, monthly, weekly_cumulative_repeat
from projections.retention import PurchaseDay
from projections.testing import AT, rows
from tests.story import ADA, EUR90, TODAY, bought

PUBLISHED = [
    Cohort(
        "1997-01",
        (7846, 1157, 964, 810, 679, 736, 720, 582, 559, 594, 673, 634, 528, 511, 664, 472, 497, 498),
    ),
    Cohort("1997-02", (8476, 1312, 980, 783, 847, 786, 626, 619, 666, 721, 661, 545, 568, 718, 545, 548, 551)),
    Cohort("1997-03", (7248, 1032, 752, 756, 674, 564, 561, 579, 634, 569, 464, 472, 678, 420, 443, 457)),
]
START = date(1997, 1, 1)


def purchases(lines: Iterable[str], customer: int, day: int) -> Iterable[Recorded]:
    """The facts of a CDNOW file, whose columns are counted from the left."""
    for position, line in enumerate(lines, start=1):
        words = line.split()
        event = PurchaseRecorded(
            purchase_id=PurchaseId(UUID(int=position)),
            contact_id=ContactId(UUID(int=int(words[customer]))),
            amount=Money(words[-1], "USD"),
            quantity=int(words[-2]),
        )
        yield Recorded.of(event, position=position, at=datetime.strptime(words[day], "%Y%m%d").replace(tzinfo=UTC))


@pytest.fixture(scope="module")
def master(shared_data: Path) -> list[PurchaseDay]:
    """The days of the full history."""
    with gzip.open(shared_data / "cdnow" / "CDNOW_master.txt.gz", "rt", encoding="ascii") as lines:
        next(lines)
        return [*retention.replay(purchases(lines, 0, 1)).values()]


@pytest.fixture(scope="module")
def sample(shared_data: Path) -> list[PurchaseDay]:
    """The days of the tenth that was published with it."""
    with (shared_data / "cdnow" / "CDNOW_sample.txt").open(encoding="ascii") as lines:
        return [*retention.replay(purchases(lines, 0, 2)).values()]


def test_a_day_adds_up_what_was_bought_on_it() -> None:
    assert rows(retention, bought, bought) == {
        (ADA, TODAY, "EUR"): PurchaseDay(ADA, TODAY, "EUR", 2, 4, Money("180.00", "EUR"))
    }


def test_currencies_and_days_are_kept_apart() -> None:
    yen = bought.model_copy(update={"amount": Money(500, "JPY")})
    later = Recorded.of(bought, at=AT.replace(day=5))
    assert [(row.day.day, str(row.spent)) for row in rows(retention, bought, yen, later).values()] == [
        (4, "90.00 EUR"),
        (4, "500 JPY"),
        (5, "90.00 EUR"),
    ]


def test_the_published_cohorts_to_the_customer_and_the_sum_to_the_cent(master: list[PurchaseDay]) -> None:
    assert monthly(master) == PUBLISHED
    assert sum(one.customers for one in PUBLISHED) == len({row.contact_id for row in master}) == 23570
    assert total(row.spent for row in master) == {"USD": Money("2500315.63", "USD")}
    assert (sum(row.purchases for row in master), sum(row.units for row in master)) == (69659, 167881)


def test_the_published_weeks_of_repeat_purchases(sample: list[PurchaseDay], shared_data: Path) -> None:
    with (shared_data / "cdnow" / "expected_weekly_cumulative_repeat.csv").open(encoding="ascii") as lines:
        published = [int(row[-1]) for row in csv.reader(lines) if row[-1].isdigit()]
    weeks = weekly_cumulative_repeat(sample, START, 78)
    assert weeks == published
    assert (weeks[38], weeks[77]) == (2457, 4339)


def _bought(customer: int, *days: date) -> list[PurchaseDay]:
    return [PurchaseDay(ContactId(UUID(int=customer)), day, "EUR", 1, 1, EUR90) for day in days]


def test_a_cohort_lasts_to_the_last_month_in_which_anybody_bought() -> None:
    days = [*_bought(1, date(2023, 11, 5), date(2024, 1, 9)), *_bought(2, date(2024, 1, 1), date(2024, 1, 2))]
    assert monthly(days) == [Cohort("2023-11", (1, 0, 1)), Cohort("2024-01", (1,))]
    assert monthly(days)[0].rates == (1.0, 0.0, 1.0)
    assert monthly([]) == []


def test_purchases_on_one_day_in_two_currencies_are_no_repeat() -> None:
    days = [*_bought(1, date(1997, 1, 1), date(1997, 1, 8)), *_bought(1, date(1997, 1, 8))]
    assert weekly_cumulative_repeat(days, START, 3) == [0, 1, 1]
    assert weekly_cumulative_repeat(days, date(1997, 1, 9), 1) == [1]
