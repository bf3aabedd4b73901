"""A time names one prefix of the log, however wrong the clocks of those who wrote it were."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Invalid, Money, NotFound
from crm_core.commands import AddContact, AddNote, OpenDeal, ReviseDealAmount
from crm_core.kernel.ids import DealId
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.time import ManualClock
from projections import pipeline, timeline

NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
INSTANTS = 1_000
COMMANDS = 60


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each database that several CRMs can open."""
    return f"sqlite:///{tmp_path}/crm.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def crm(url: str) -> Iterator[CRM]:
    """A history written by three CRMs whose clocks are hours apart and now and then set back; read by a fourth."""
    dice, true = random.Random(20260328), NOON
    wrong = [timedelta(hours=ahead) for ahead in (-7, 0, 5)]
    with ExitStack() as stack:
        clocks = [ManualClock(true) for _ in wrong]
        writers = [stack.enter_context(CRM.open(url, follow=[], clock=clock)) for clock in clocks]
        person = writers[0].execute(AddContact(name="Ada"), by="ann").id
        deals: list[DealId] = []
        for _ in range(COMMANDS):
            true += timedelta(minutes=dice.choice([0, 1, 20, 240]))
            number = dice.randrange(len(writers))
            if dice.random() < 0.15:
                wrong[number] = timedelta(minutes=dice.randrange(-180, 180))
            clocks[number].set(true + wrong[number])
            writers[number].execute(command(dice, person, deals), by="ann")
        yield stack.enter_context(CRM.open(url, follow=[pipeline], clock=ManualClock(NOON + timedelta(days=30))))


def command(dice: random.Random, person: Any, deals: list[DealId]) -> Any:
    """A note, a deal, or another amount for one of the deals."""
    amount = Money(dice.randrange(1, 10_000), "EUR")
    if deals and dice.random() < 0.5:
        return ReviseDealAmount(deal_id=dice.choice(deals), amount=amount)
    if dice.random() < 0.5:
        return AddNote(contact_id=person, text="called")
    deals.append(DealId(UUID(int=dice.getrandbits(128), version=4)))
    return OpenDeal(deal_id=deals[-1], title="Roof", amount=amount, owner="ann", contact_id=person)


def instants(facts: list[Recorded]) -> list[datetime]:
    """A thousand: on the very microsecond of a fact, just before, just after, and anywhere, in any zone."""
    dice, recorded = random.Random(7), [fact.recorded_at for fact in facts]
    first, last = recorded[0], recorded[-1]
    found = []
    for number in range(INSTANTS):
        at = dice.choice(recorded) if number % 2 else first + (last - first) * dice.uniform(-0.1, 1.1)
        nudge = timedelta(microseconds=dice.choice([-1, 0, 1]))
        found.append((at + nudge).astimezone(timezone(timedelta(minutes=dice.randrange(-720, 841, 15)))))
    return found


def test_as_of_a_time_is_the_prefix_that_the_time_names(crm: CRM) -> None:
    facts = list(crm.log())
    recorded = [fact.recorded_at for fact in facts]
    assert recorded == sorted(recorded), "recorded time never goes back, whatever the clocks did"
    assert len(set(recorded)) < len(recorded), "clocks that were set back share an instant with others"
    person = facts[0].stream

    known: dict[int, list[Recorded]] = {}

    for instant in instants(facts):
        position = sum(one <= instant for one in recorded)
        moment = crm.as_of(instant)
        assert (moment.position, moment.instant) == (position, instant)
        if position not in known:
            assert list(crm.log(upto=moment.position)) == facts[:position]
            known[position] = [] if position == 0 else list(crm.history(person, as_of=position))
            assert known[position] == facts_about(person, facts[:position])
        if position:
            history = crm.history(person, as_of=instant)
            assert (history.as_of.position, list(history)) == (position, known[position])
        else:
            with pytest.raises(NotFound):
                crm.history(person, as_of=instant)
    assert len(known) > COMMANDS // 3, "the instants name many different prefixes"


def test_a_view_as_of_a_time_is_the_fold_of_that_prefix(crm: CRM) -> None:
    facts = list(crm.log())
    recorded = [fact.recorded_at for fact in facts]
    folded: dict[int, list[Any]] = {}

    for instant in instants(facts):
        position = sum(one <= instant for one in recorded)
        if position not in folded:
            folded[position] = list(pipeline.replay(facts[:position]).values())
            assert crm.view(timeline, as_of=instant).rows == list(timeline.replay(facts[:position]).values())
        view = crm.view(pipeline, as_of=instant)
        assert (view.position, view.rows) == (position, folded[position])
    assert len(folded) > COMMANDS // 3, "the instants name many different prefixes"


def facts_about(person: UUID, facts: list[Recorded]) -> list[Recorded]:
    return [fact for fact in facts if fact.stream == person or any(ref.id == person for ref in fact.regards)]


@pytest.mark.parametrize(
    ("moment", "rule"),
    [
        (datetime(2026, 3, 28, 12), "without a time zone"),  # noqa: DTZ001 - the very mistake
        (NOON + timedelta(days=30, microseconds=1), "lies in the future"),
        (datetime.max.replace(tzinfo=UTC), "lies in the future"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "outside the years"),
        (10**9, "the log ends at position"),
        (-1, "the log ends at position"),
        (True, "must be an aware datetime or a position"),
        ("2026-03-28", "must be an aware datetime or a position"),
        (NOON.date(), "must be an aware datetime or a position"),
    ],
    ids=str,
)
@pytest.mark.parametrize("axis", ["recorded", "occurred"])
def test_a_naive_or_future_time_is_refused_by_everything_that_takes_one(moment: Any, rule: str, axis: Any) -> None:
    with CRM.open("memory://", clock=ManualClock(NOON + timedelta(days=30))) as crm:
        person = crm.execute(AddContact(name="Ada"), by="ann").id
        for ask in (
            lambda: crm.as_of(moment, axis),
            lambda: crm.history(person, as_of=moment, axis=axis),
            lambda: crm.view(pipeline, as_of=moment, axis=axis),
        ):
            with pytest.raises(Invalid, match=rule) as refused:
                ask()
            assert refused.value.field == "as_of"
