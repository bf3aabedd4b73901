"""Promises of the CRM object that are easily broken at the edges: forgetting, past views, clocks, positions."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest

from crm_core import CRM, Erased, Invalid, Money, Receipt, Refused, Request
from crm_core.commands import AddContact, ForgetPerson, MoveDeal, OpenDeal
from crm_core.errors import ViewNotFolded
from crm_core.events import ContactAdded, DealWon
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.ids import DealId
from crm_core.kernel.time import ManualClock
from crm_core.store.port import StreamsMoved
from crm_core.writing import Writer
from projections import directory, pipeline, timeline

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAME = "Zebulon Quix"


def name_of(crm: CRM, contact: Any) -> Any:
    event = crm.history(contact)[0].event
    assert isinstance(event, ContactAdded)
    return event.name


def deal(title: str = "New roof") -> OpenDeal:
    return OpenDeal(title=title, amount=Money("1", "EUR"), owner="ann")


def test_a_person_forgotten_in_a_batch_is_forgotten_even_if_nobody_reads_the_outcome(store_url: str) -> None:
    with CRM.open(store_url) as crm:
        contact = crm.execute(AddContact(name=NAME), by="ann").id
        outcomes = crm.execute_many([deal(), ForgetPerson(contact_id=contact, ground="child")], by="ann")
        next(outcomes)
        del outcomes
        assert isinstance(name_of(crm, contact), Erased)


def test_after_a_forgetting_no_file_holds_the_name_or_the_key_even_while_the_crm_is_open(tmp_path: Path) -> None:
    with CRM.open(f"sqlite:///{tmp_path}/acme.db") as crm:
        contact = crm.execute(AddContact(name=NAME), by="ann").id
        crm.settle()
        with crm._store.keys._database.looking() as transaction:  # noqa: SLF001 - the very bytes that must be gone
            [key] = transaction.execute("SELECT key FROM crm_keys").fetchone()
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert NAME.encode() in held
        assert key in held
        crm.execute(ForgetPerson(contact_id=contact, ground="child"), by="ann")
        crm.settle()
        left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert NAME.encode() not in left
        assert key not in left
        assert [row.says for row in crm.view(timeline).where(about=contact)][:1] != [f"added {NAME}"]


def test_a_batch_that_falls_back_to_single_commands_still_stops_at_the_first_refusal(store_url: str) -> None:
    refused = MoveDeal(deal_id=DealId(uuid4()), stage="negotiation")
    with CRM.open(store_url, follow=[]) as crm, patch.object(Writer, "_chunk_once", side_effect=StreamsMoved):
        outcomes = list(crm.execute_many([deal(), refused, deal(), deal()], by="ann", stop_on_refusal=True))
        assert [type(one) for one in outcomes[:1]] == [Receipt]
        assert isinstance(outcomes[1], Refused)
        assert (len(outcomes), crm.status().position) == (2, 1)


def test_a_past_view_is_narrowed_as_the_live_one_is(store_url: str) -> None:
    with CRM.open(store_url, follow=[pipeline]) as crm:
        receipt = crm.execute(deal(), by="ann")
        crm.execute(deal(), by="ann")
        crm.settle()
        for asked in ({"deal_id": str(receipt.id)}, {"deal_id": receipt.id}, {"amount_minor": 100, "status": "open"}):
            past = crm.view(pipeline, as_of=crm.status().position).where(**asked)
            assert past.rows == crm.view(pipeline).where(**asked).rows != []
        with pytest.raises(Invalid, match="nosuch"):
            _ = crm.view(pipeline, as_of=1).where(nosuch=1).rows


def test_a_time_outside_the_calendar_is_refused_and_spares_the_rest_of_a_batch(store_url: str) -> None:
    beyond = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))
    with CRM.open(store_url, follow=[]) as crm:
        outcomes = list(crm.execute_many([Request(deal(), "ann"), Request(deal(), "ann", at=beyond)]))
        assert isinstance(outcomes[0], Receipt)
        assert isinstance(outcomes[1], Invalid)
        assert outcomes[1].field == "at"


def test_what_was_recorded_while_the_clock_was_ahead_can_be_asked_for_when_it_is_set_back() -> None:
    clock = ManualClock(NOON)
    with CRM.open("memory://", follow=[], clock=clock) as crm:
        crm.execute(deal(), by="ann")
        clock.advance(hours=-1)
        receipt = crm.execute(deal(), by="ann")
        assert receipt.recorded_at == NOON
        assert len(crm.history(receipt.id, as_of=receipt.recorded_at)) == 1
        with pytest.raises(Invalid, match="future"):
            crm.history(receipt.id, as_of=NOON + timedelta(seconds=1))


@pytest.mark.parametrize("position", ["x", 1.5, -1, True])
def test_what_is_no_position_is_refused(position: Any) -> None:
    with CRM.open("memory://") as crm:
        for ask in (crm.settle, lambda one: crm.view(pipeline, after=one)):
            with pytest.raises(Invalid, match="position"):
                ask(position)


def test_a_view_that_was_only_prepared_is_still_unknown_not_empty(store_url: str) -> None:
    with CRM.open(store_url) as crm:
        crm.execute(deal(), by="ann")
        crm.view(pipeline, after=0)
        with pytest.raises(ViewNotFolded):
            crm.view(pipeline)
        crm.settle()
        assert len(crm.view(pipeline)) == len(crm.view(directory)) == 1


@pytest.mark.parametrize("url", ["memory://x", "memory:///x", "memory://?keys=k.db", "sqlite:///a.db#f"])
def test_a_url_that_says_more_than_is_heard_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        CRM.open(url)


def test_keys_and_log_never_share_a_file(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="another file"):
        CRM.open(f"sqlite:///{tmp_path}/a.db?keys={tmp_path}/a.db")
    assert list(tmp_path.iterdir()) == []


def test_an_older_version_of_an_event_is_brought_up_step_by_step() -> None:
    entry = catalogue.of(DealWon)
    today = DealWon(
        deal_id=DealId(uuid4()), amount=Money("5", "EUR"), closed_on=NOON.date(), stage="won", from_stage="negotiation"
    )
    old = today.model_dump_json().replace('"amount":{', '"value":{', 1)
    with patch.dict(entry.upcasts):

        @catalogue.upcaster("deal.won", 0)
        def renamed(state: dict[str, Any]) -> dict[str, Any]:
            amount = state.pop("value")
            return {**state, "amount": amount}

        assert catalogue.knows("deal.won", 0)
        assert entry.read(0, old, "{}") == today
    assert not catalogue.knows("deal.won", 0)
