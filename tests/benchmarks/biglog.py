"""A big log, written in big batches: deals, what happened to them, and notes and calls about them."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import crm_core
from crm_core.events import (
    CallLogged,
    ContactAdded,
    DealAssigned,
    DealOpened,
    DealRevalued,
    DealStageChanged,
    NoteAdded,
)
from crm_core.kernel.catalogue import catalogue, discover
from crm_core.kernel.ids import ContactId, DealId, derived
from crm_core.kernel.messages import Event
from crm_core.kernel.money import Money
from crm_core.kernel.recorded import Actor, Context, context_text, header_open
from crm_core.kernel.time import SystemClock, stamp
from crm_core.store.mapper import Drafted, Entry, EventMapper
from crm_core.store.opening import open_store
from tests.benchmarks.deals import STAGES, TEXT, TITLE
from tests.benchmarks.places import Site

DEALS_EACH = 10
"""How many deals a contact has."""
BATCH = 10_000
_START = datetime(2025, 1, 1, tzinfo=UTC)
_ANN = Actor("user", "ann")
_CHANGES = {3: "stage", 7: "stage", 11: "amount", 14: "owner", 18: "stage"}
"""Which of every twenty events of a deal the pipeline view follows, besides the opening; others are notes and calls."""


@dataclass(frozen=True, slots=True)
class BigLog:
    """Where it is, and what is in it. `contacts`: people with an event each besides those of their deals."""

    site: Site
    events: int
    followed: int
    contacts: Sequence[UUID]

    @property
    def said(self) -> str:
        """For the table."""
        return f"{self.events:,} events, {self.followed / self.events:.0%} followed"


def build(site: Site, events: int, deals: int) -> BigLog:
    """A log of about so many events; the deals' events lie between each other's."""
    discover(crm_core)
    contacts = [uuid4() for _ in range(max(deals // DEALS_EACH, 1))]
    of_deals = [(uuid4(), contacts[number % len(contacts)]) for number in range(deals)]
    rounds = max((events - len(contacts)) // deals, 1)
    store = open_store(site.url, SystemClock())
    try:
        sealer = store.keys.sealer()
        mapper = store.open_mapper.sealing_with(sealer)
        entries = _entries(mapper, contacts, of_deals, rounds)
        while batch := list(islice(entries, BATCH)):
            sealer.flush()
            with store.database.writing() as transaction:
                store.log.append(transaction, batch)
    finally:
        store.close()
    site.filled()
    followed = sum(version == 0 or version % 20 in _CHANGES for version in range(rounds)) * deals
    return BigLog(site, len(contacts) + rounds * deals, followed, contacts)


def _entries(
    mapper: EventMapper, contacts: Sequence[UUID], deals: Sequence[tuple[UUID, UUID]], rounds: int
) -> Iterator[Entry]:
    for contact in contacts:
        yield entry(mapper, ContactAdded(contact_id=ContactId(contact), name="Ada Okafor"), contact, 1, contact)
    for version in range(rounds):
        make = _maker(version)
        for deal, contact in deals:
            yield entry(mapper, make(DealId(deal), ContactId(contact)), deal, version + 1, contact)


def _maker(version: int) -> Callable[[DealId, ContactId], Event]:
    """The event of this version of every deal."""
    (before, _), (stage, probability) = STAGES[version % 3], STAGES[(version + 1) % 3]
    amount, previous = Money(10_000 + version, "EUR"), Money(9_000 + version, "EUR")
    if version == 0:
        return lambda deal, contact: DealOpened(
            deal_id=deal, contact_id=contact, title=TITLE, amount=amount, pipeline="standard",
            stage="new_lead", probability=10, owner="ann",
        )  # fmt: skip
    match _CHANGES.get(version % 20):
        case "stage":
            return lambda deal, _: DealStageChanged(
                deal_id=deal, from_stage=before, to_stage=stage, probability=probability
            )
        case "amount":
            return lambda deal, _: DealRevalued(deal_id=deal, amount=amount, previous=previous)
        case "owner":
            return lambda deal, _: DealAssigned(deal_id=deal, owner=f"kim{version}", previous="ann")
        case _ if version % 4 == 1:
            return lambda deal, contact: CallLogged(
                deal_id=deal,
                contact_id=contact,
                direction="outbound",
                outcome="connected",
                duration_s=240,
                summary=TEXT,
            )
        case _:
            return lambda deal, contact: NoteAdded(deal_id=deal, contact_id=contact, text=TEXT)


def entry(mapper: EventMapper, event: Event, stream: UUID, version: int, contact: UUID) -> Entry:
    """One command's worth of log: the event as the CRM would have drafted it, regarding its contact."""
    known, command_id = catalogue.of(event), uuid4()
    at, event_id, text = stamp(_START + timedelta(minutes=version)), derived(command_id, 0), str(stream)
    links = () if stream == contact else (str(contact),)
    subjects: dict[str, Any] = {name: contact for name in known.personal if getattr(event, name) is not None}
    shared = context_text(Context(_ANN, None, command_id, command_id), at, "crm-core/bench")
    regards, subject = [("contact", link) for link in links], str(contact) if subjects else None
    opened = header_open(shared, event_id, known.name, known.version, text, version, regards, subject, None)
    row = mapper.to_stored_event(Drafted(stream, version, text, known, event, event_id, at, opened, subjects, links))
    return Entry(command_id, os.urandom(32), stream, [row], {})
