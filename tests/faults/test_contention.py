"""Many at once on the same thing: no update is lost, no command is carried out twice, no row is folded twice."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import crm_core.following
from crm_core import CRM, Conflict, Money
from crm_core.commands import AddContact, AssignDeal, OpenDeal, RecordPurchase, ReviseDealAmount
from crm_core.kernel.time import ManualClock
from projections import retention
from tests.faults.children import fork
from tests.faults.following import views_of
from tests.faults.workload import id_of

THREADS = 32
Figures = Callable[..., None]


def together(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """Run it in so many threads that start at the same moment; what each gave, or what it raised."""
    start, given = threading.Barrier(threads), [None] * threads

    def run(number: int) -> None:
        start.wait()
        try:
            given[number] = work(number)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            given[number] = error  # type: ignore[call-overload]

    running = [threading.Thread(target=run, args=[number]) for number in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return given


def test_32_threads_on_one_deal_lose_no_update(disk_url: str, figures: Figures) -> None:
    each = 4
    with CRM.open(disk_url, follow=[]) as crm:
        deal = crm.execute(OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann"), by="ann").id

        def revise(number: int) -> list[int]:
            return [
                crm.execute(
                    ReviseDealAmount(deal_id=deal, amount=Money(2 + number * each + one, "EUR")), by="ann"
                ).versions[deal]
                for one in range(each)
            ]

        versions = together(revise)
        figures(threads=THREADS, commands=THREADS * each)
        amounts = [getattr(fact.event, "amount", None) for fact in crm.log(1)]

        assert sorted(version for one in versions for version in one) == list(range(2, 2 + THREADS * each))
        assert sorted(one.minor for one in amounts if one) == [100 * amount for amount in range(2, 2 + THREADS * each)]
        assert crm.verify().intact


def test_of_32_threads_that_expect_the_same_version_one_wins_and_the_others_learn_the_new_version(
    disk_url: str,
) -> None:
    with CRM.open(disk_url, follow=[]) as crm:
        deal = crm.execute(OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann"), by="ann").id
        given = together(
            lambda number: crm.execute(AssignDeal(deal_id=deal, owner=f"user{number}"), by="ann", expect={deal: 1})
        )

        conflicts = [one for one in given if isinstance(one, Conflict)]
        assert len(conflicts) == THREADS - 1
        assert {one.versions[deal] for one in conflicts} == {2}
        assert len(list(crm.log())) == 2


def test_one_command_id_from_64_threads_of_two_processes_makes_one_deal_and_equal_receipts(
    disk_url: str, tmp_path: Path, figures: Figures
) -> None:
    ids = [uuid4() for _ in range(5)]
    CRM.open(disk_url, follow=[]).close()

    def send(crm: CRM) -> list[list[Any]]:
        def open_deal(number: int) -> list[Any]:
            command = OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann")
            return [crm.execute(command, by="ann", command_id=one).as_dict() for one in ids]

        return together(open_deal)

    def other() -> None:
        with CRM.open(disk_url, follow=[]) as crm:
            (tmp_path / "other").write_text(repr(send(crm)))

    child = fork(other, tmp_path)
    with CRM.open(disk_url, follow=[]) as crm:
        given = send(crm)
        child.join()
        facts = list(crm.log())
    receipts = {repr(one) for one in given}
    figures(commands=len(ids), attempts=2 * THREADS * len(ids), events=len(facts))

    assert (tmp_path / "other").read_text() == repr(given)
    assert len(receipts) == 1
    assert Counter(fact.type for fact in facts) == {"deal.opened": len(ids)}


def test_loaders_that_fold_the_same_views_at_once_double_nothing(
    disk_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    monkeypatch.setattr(crm_core.following, "PAGE", 10)
    with CRM.open(disk_url, follow=[]) as crm:
        ann = crm.execute(AddContact(name="Ann"), by="ann").id
        list(crm.execute_many((RecordPurchase(contact_id=ann, amount=Money(1, "EUR")) for _ in range(600)), by="ann"))

    def fold() -> None:
        with CRM.open(disk_url, follow=[retention]) as crm:
            found = together(lambda _: crm.settle(timeout=60), threads=2)
            assert found == [601, 601], found

    children = [fork(fold, tmp_path) for _ in range(3)]
    for child in children:
        child.join()
    with CRM.open(disk_url, follow=[retention]) as crm:
        [row] = crm.view(retention).rows
        figures(loaders=6, facts=600, pages=60, folded=row.purchases)
        assert (row.purchases, row.spent) == (600, Money(600, "EUR"))
        assert views_of(crm, [retention]) == views_of(crm, [retention], as_of=601)


def test_recorded_time_never_goes_back_with_clocks_an_hour_apart_and_set_back(disk_url: str, figures: Figures) -> None:
    noon = datetime(2024, 3, 4, 12, 0, tzinfo=UTC)
    fast, slow = ManualClock(noon + timedelta(hours=1)), ManualClock(noon)
    with CRM.open(disk_url, follow=[], clock=fast) as ahead, CRM.open(disk_url, follow=[], clock=slow) as behind:
        contacts: list[UUID] = []

        def add(crm: CRM, clock: ManualClock, number: int) -> None:
            for one in range(10):
                contacts.append(
                    crm.execute(AddContact(contact_id=id_of("clock", number, one), name="Ada"), by="ann").id
                )
                clock.set(clock.now() + (timedelta(seconds=1) if one != 5 else timedelta(minutes=-30)))

        together(lambda number: add(*((ahead, fast) if number % 2 else (behind, slow)), number), threads=4)
        facts = list(ahead.log())
        times = [fact.recorded_at for fact in facts]
        figures(events=len(facts), instants=len(set(times)))

        assert len(facts) == 40
        assert times == sorted(times)
        fast.set(noon + timedelta(days=1))
        for instant in {*times, noon - timedelta(hours=1), noon + timedelta(minutes=30)}:
            known = [fact.position for fact in facts if fact.recorded_at <= instant]
            assert ahead.as_of(instant).position == (known[-1] if known else 0)
            assert known == list(range(1, len(known) + 1)), "what was known at an instant is a prefix of the log"
