"""A form that is sent ninety-six times under one command id is one lead, and everybody gets the same receipt."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from crm_core import CRM, Receipt, Request
from crm_core.errors import CommandIdReused
from tests.faults.proxy import CuttingProxy, When
from tests.faults.rush import NAME, PROCESSES, THREADS, form, rush
from tests.postgres_server import PostgresServer

Figures = Callable[..., None]
OTHER = "Someone Else"


def is_one_lead(url: str, command_id: UUID, receipts: list[object]) -> None:
    """All got one receipt, the log holds one lead, and whoever asks later is told the same."""
    assert len(receipts) == PROCESSES * THREADS
    assert [one for one in receipts if one != receipts[0]] == []
    with CRM.open(url, follow=[]) as crm:
        again = crm.execute(form(), by="customer:web", command_id=command_id)
        [many] = crm.execute_many([Request(form(), "customer:web", command_id=command_id)])
        facts = [fact for fact in crm.log() if fact.command_id == command_id]
        assert crm.verify().intact
        asked: list[Callable[[], Receipt]] = [
            lambda: crm.execute(form(OTHER), by="customer:web", command_id=command_id),
            lambda: crm.execute(form(), by="ann", command_id=command_id),
        ]
        for ask in asked:
            with pytest.raises(CommandIdReused) as refusal:
                ask()
            assert refusal.value.command_id == command_id
            for name in (NAME, OTHER, "zebulon", "Call me"):
                assert name not in f"{refusal.value!s} {refusal.value!r} {vars(refusal.value)}"
        [other] = crm.execute_many([Request(form(OTHER), "customer:web", command_id=command_id)])
        assert isinstance(other, CommandIdReused)
    assert isinstance(many, Receipt)
    assert again.as_dict() == many.as_dict() == receipts[0]
    assert sorted(fact.type for fact in facts) == ["form.submitted", "lead.captured"]


def test_ninety_six_senders_of_one_form_make_one_lead(disk_url: str, tmp_path: Path) -> None:
    CRM.open(disk_url, follow=[]).close()
    for _ in range(3):
        command_id = uuid4()
        is_one_lead(disk_url, command_id, rush(disk_url, command_id, tmp_path))


def test_ninety_six_senders_make_one_lead_while_answers_to_their_commits_are_lost(
    own_postgres: Callable[..., PostgresServer], tmp_path: Path, figures: Figures
) -> None:
    server = own_postgres(tcp=True, settings={"max_connections": "400"})
    moments: list[When] = ["after", "barrier", "before"]
    with CuttingProxy(server.address, seed=7) as proxy:
        url = proxy.url("rush")
        CRM.open(url, follow=[]).close()
        rushes = []
        for when in moments * 2:
            command_id = uuid4()
            receipts = rush(url, command_id, tmp_path, lambda when=when: setattr(proxy, "cut", when))  # type: ignore[misc]
            proxy.cut = None
            rushes.append((command_id, receipts))
    figures(rushes=len(rushes), cuts=proxy.cuts.total(), **proxy.cuts)
    server.stop("fast")
    server.start()
    for command_id, receipts in rushes:
        is_one_lead(f"{server.dsn}&schema=rush", command_id, receipts)
    assert all(proxy.cuts[when] > 0 for when in moments)
