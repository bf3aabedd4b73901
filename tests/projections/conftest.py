"""A store, and something like a database's worth of business to fold."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Money
from crm_core.commands import (
    AddAccount,
    AddContact,
    AddNote,
    CaptureLead,
    ConvertLead,
    DefinePipeline,
    ForgetPerson,
    LoseDeal,
    MoveDeal,
    OpenDeal,
    OpenTicket,
    PushDealClose,
    QualifyLead,
    RecordPurchase,
    RenameContact,
    ReopenDeal,
    ReplyToTicket,
    ReviseDealAmount,
    WinDeal,
)
from crm_core.definitions.pipelines import SHIPPED
from crm_core.following import Loader, Work
from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, TicketId
from crm_core.kernel.messages import Command
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.time import ManualClock
from crm_core.store.opening import Store, open_store
from projections.engine.projection import Projection

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
DAY = date(2024, 3, 4)


@pytest.fixture
def clock() -> ManualClock:
    """The hands stand at the start."""
    return ManualClock(START)


@pytest.fixture
def store(store_url: str, clock: ManualClock) -> Iterator[Store]:
    """Each store in turn, empty."""
    opened = open_store(store_url, clock)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each store that several processes can open, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'crm.db'}"
    return str(request.getfixturevalue("postgres_url"))


def fold(store: Store, projection: Projection[Any], facts: Sequence[Recorded], page: int = 500) -> None:
    """Hand these facts to the view, page by page, as a loader would."""
    Loader(store, [], None, ManualClock(START)).prepare(projection)
    wanted = None if projection.types is None else set(projection.types)
    for start in range(0, len(facts), page):
        some = [one for one in facts[start : start + page] if wanted is None or one.type in wanted]
        with store.database.writing() as transaction:
            projection.fold(Work(transaction, some, facts[start].position, START, lambda _: []))


def kept(store: Store, projection: Projection[Any]) -> list[object]:
    """The rows in the database, by key."""
    with store.database.reading() as transaction:
        return list(projection.select(transaction, {}))


def a_lot_happens(crm: CRM, rounds: int = 40) -> None:
    """A few hundred facts about a few people, deals and tickets; two of the people are forgotten on the way."""
    dice = random.Random(1)
    for command in _business(dice, rounds):
        at = START - timedelta(days=dice.randrange(400))
        crm.execute(command, by=dice.choice(["kim", "lee", "integration:shop"]), at=at)


def _business(dice: random.Random, rounds: int) -> Iterator[Command]:
    def ids() -> UUID:
        return UUID(int=dice.getrandbits(128), version=4)

    people, deals = [ContactId(ids()) for _ in range(6)], [DealId(ids()) for _ in range(8)]
    tickets, firm = [TicketId(ids()) for _ in range(3)], AccountId(ids())
    yield AddAccount(account_id=firm, name="Fabrikam")
    yield DefinePipeline(pipeline="standard", stages=SHIPPED["standard"])
    for number, person in enumerate(people):
        email = f"p{number}@example.com" if number % 2 else None
        yield AddContact(
            contact_id=person, name=f"Person {number}", email=email, account_id=firm if number % 3 else None
        )
    for number, deal in enumerate(deals):
        amount = Money(dice.randrange(100_000), dice.choice(["EUR", "USD", "JPY"]))
        yield OpenDeal(deal_id=deal, title=f"Deal {number}", amount=amount, owner="kim", contact_id=dice.choice(people))
    for number, ticket in enumerate(tickets):
        yield OpenTicket(ticket_id=ticket, contact_id=people[number], subject=f"Ticket {number}", message="How?")
    lead = LeadId(ids())
    yield CaptureLead(lead_id=lead, name="Lea Lead", email="lea@example.com", channel="form")
    yield QualifyLead(lead_id=lead, need="critical")
    yield ConvertLead(
        lead_id=lead, name="Lea Lead", company="Lead & Co", title="First deal", amount=Money(500, "EUR"), owner="lee"
    )
    yield from _work(dice, people[:4], deals, tickets, rounds)
    yield ForgetPerson(contact_id=people[0], ground="objection")
    yield from _work(dice, people[1:4], deals, tickets[1:], rounds)
    yield ForgetPerson(contact_id=people[5], ground="consent_withdrawn")
    yield from _work(dice, people[1:4], deals, tickets[1:], rounds)


def _work(
    dice: random.Random, people: list[ContactId], deals: list[DealId], tickets: list[TicketId], rounds: int
) -> Iterator[Command]:
    for number in range(rounds):
        person, deal = dice.choice(people), deals[number % len(deals)]
        amount = Money(dice.randrange(1, 5000), dice.choice(["EUR", "EUR", "USD"]))
        yield RecordPurchase(contact_id=person, amount=amount, quantity=dice.randrange(1, 4))
        yield dice.choice([MoveDeal(deal_id=deal, stage="negotiation"), MoveDeal(deal_id=deal, stage="proposal_sent")])
        yield ReviseDealAmount(deal_id=deal, amount=amount)
        yield PushDealClose(deal_id=deal, expected_close=DAY + timedelta(days=number))
        if number % 5 == 0:
            yield RenameContact(contact_id=person, name=f"Other {number}")
            yield AddNote(contact_id=person, text="Called and talked.")
            yield ReplyToTicket(ticket_id=dice.choice(tickets), body="Like this.")
    for deal in deals[:3]:
        yield WinDeal(deal_id=deal, closed_on=DAY)
        yield ReopenDeal(deal_id=deal)
        yield LoseDeal(deal_id=deal, closed_on=DAY, reason="price")
        yield ReopenDeal(deal_id=deal)
    yield WinDeal(deal_id=deals[0], closed_on=DAY, amount=Money("99.90", "EUR"))
    yield ReopenDeal(deal_id=deals[0])
