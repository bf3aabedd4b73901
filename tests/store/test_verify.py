"""Whatever is altered in the log, verification names the first position that differs, and what differs there."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import crm_core.store.verify
from crm_core import CRM, Money
from crm_core.commands import (
    AddContact,
    AssignDeal,
    ConvertLead,
    ForgetPerson,
    OpenDeal,
    QualifyLead,
    RecordPurchase,
    SubmitForm,
)
from crm_core.ledger.chain import GENESIS, chained
from crm_core.store.port import Transaction
from tests.faults.workload import id_of

LEAD, ADA, DEAL = id_of("lead"), id_of("ada"), id_of("deal")
NOBODY = UUID("00000000-0000-4000-8000-ffffffffffff")
CHAIN = "the chain does not follow"
Alter = Callable[[Transaction], object]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CRM]:
    """Twelve events of nine commands; the triggers that would stop an accident are gone."""
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'crm.db'}"}.get(request.param)
    with CRM.open(url or request.getfixturevalue("postgres_url"), follow=[]) as opened:
        commands = [
            SubmitForm(lead_id=LEAD, form="demo_request", name="Ada"),  # 1, 2
            QualifyLead(lead_id=LEAD),  # 3
            ConvertLead(lead_id=LEAD, contact_id=ADA, name="Ada", company="Fabrikam", owner="ann"),  # 4, 5, 6, 7
            OpenDeal(deal_id=DEAL, title="New roof", amount=Money(1, "EUR"), owner="ann", contact_id=ADA),  # 8
            AssignDeal(deal_id=DEAL, owner="kim"),  # 9
            AssignDeal(deal_id=DEAL, owner="kim"),  # nothing
            RecordPurchase(contact_id=ADA, amount=Money(1, "EUR")),  # 10
            AssignDeal(deal_id=DEAL, owner="lee"),  # 11
            AddContact(name="Grace"),  # 12
        ]
        for number, command in enumerate(commands):
            opened.execute(command, by="ann", command_id=id_of("verify", number))
        with opened._store.database.writing() as transaction:  # noqa: SLF001 - an attacker's way in
            _without_triggers(transaction)
        yield opened


def _without_triggers(transaction: Transaction) -> None:
    if transaction.dialect.name == "sqlite":
        for (name,) in transaction.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            transaction.execute(f"DROP TRIGGER {name}")
    else:
        for table in ("crm_events", "crm_links", "crm_commands"):
            transaction.execute(f"DROP TRIGGER append_only ON {table}")


def alter(crm: CRM, how: Alter) -> None:
    """Change the stored rows behind the library's back."""
    with crm._store.database.writing() as transaction:  # noqa: SLF001 - as above
        how(transaction)


def sql(statement: str, *values: Any) -> Alter:
    return lambda transaction: transaction.execute(statement, list(values))


def several(*steps: Alter) -> Alter:
    return lambda transaction: [step(transaction) for step in steps]


def rewritten(position: int, change: Callable[[dict[str, Any]], object], *, columns: bool = False) -> Alter:
    """A clever attacker: the header is changed and the chain of this and all later rows recomputed."""

    def rewrite(transaction: Transaction) -> None:
        rows = transaction.execute(
            "SELECT position, header, public, sealed FROM crm_events ORDER BY position"
        ).fetchall()
        chain = GENESIS
        for place, text, public, sealed in rows:
            header = json.loads(text)
            if place == position:
                change(header)
                if columns:
                    _set(transaction, place, recorded_at=header["recorded_at"], version=header["version"])
            written = text if place != position else json.dumps(header, separators=(",", ":"))
            chain = chained(chain, written.encode(), public.encode(), bytes(sealed))
            _set(transaction, place, header=written, chain=chain)

    return rewrite


def _set(transaction: Transaction, position: int, **columns: Any) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    transaction.execute(f"UPDATE crm_events SET {names} WHERE position = ?", [*columns.values(), position])


ALTERED: dict[str, tuple[Alter, int, str]] = {
    # each column of an event
    "position": (sql("UPDATE crm_events SET position = 99 WHERE position = 3"), 3, "position 3 is missing"),
    "stream": (sql("UPDATE crm_events SET stream = ? WHERE position = 3", NOBODY), 3, "column stream differs"),
    "version": (sql("UPDATE crm_events SET version = 7 WHERE position = 3"), 3, "column version differs"),
    "type": (sql("UPDATE crm_events SET type = 'deal.lost' WHERE position = 9"), 9, "column type differs"),
    "type_version": (
        sql("UPDATE crm_events SET type_version = 2 WHERE position = 9"),
        9,
        "column type_version differs",
    ),
    "at": (sql("UPDATE crm_events SET at = '2024' WHERE position = 9"), 9, "column at differs"),
    "recorded_at": (
        sql("UPDATE crm_events SET recorded_at = '2024' WHERE position = 9"),
        9,
        "column recorded_at differs",
    ),
    "header": (
        sql("UPDATE crm_events SET header = replace(header, 'user:ann', 'user:eve') WHERE position = 8"),
        8,
        CHAIN,
    ),
    "public": (sql("UPDATE crm_events SET public = replace(public, 'kim', 'eve') WHERE position = 9"), 9, CHAIN),
    "sealed": (sql("UPDATE crm_events SET sealed = ? WHERE position = 8", b"nothing"), 8, CHAIN),
    "chain": (sql("UPDATE crm_events SET chain = ? WHERE position = 4", bytes(32)), 4, CHAIN),
    "the first chain": (sql("UPDATE crm_events SET chain = ? WHERE position = 1", bytes(32)), 1, CHAIN),
    # rows
    "the first row deleted": (sql("DELETE FROM crm_events WHERE position = 1"), 1, "position 1 is missing"),
    "a row deleted": (sql("DELETE FROM crm_events WHERE position = 5"), 5, "position 5 is missing"),
    "the last row deleted": (sql("DELETE FROM crm_events WHERE position = 12"), 12, "points beyond the log"),
    "two rows swapped": (
        several(
            sql("UPDATE crm_events SET position = 99 WHERE position = 9"),
            sql("UPDATE crm_events SET position = 9 WHERE position = 11"),
            sql("UPDATE crm_events SET position = 11 WHERE position = 99"),
        ),
        9,
        CHAIN,
    ),
    "a row put between": (
        several(
            sql("UPDATE crm_events SET position = position + 100 WHERE position > 8"),
            sql("UPDATE crm_events SET position = position - 99 WHERE position > 100"),
            sql(
                "INSERT INTO crm_events SELECT 9, ?, 1, type, type_version, at, recorded_at, header, public, sealed, "
                "chain FROM crm_events WHERE position = 8",
                NOBODY,
            ),
        ),
        9,
        CHAIN,
    ),
    # links
    "a link deleted": (
        sql("DELETE FROM crm_links WHERE position = 8 AND thing = ?", ADA),
        8,
        f"the link to {ADA} is missing",
    ),
    "a link added": (
        sql("INSERT INTO crm_links (thing, position) VALUES (?, 3)", NOBODY),
        3,
        f"the link to {NOBODY} does not belong",
    ),
    "a link moved on": (
        sql("UPDATE crm_links SET position = 12 WHERE position = 10 AND thing = ?", ADA),
        10,
        f"the link to {ADA} is missing",
    ),
    "a link moved to nowhere": (
        sql("INSERT INTO crm_links (thing, position) VALUES (?, 99)", ADA),
        99,
        "does not exist",
    ),
    "a link to nowhere": (sql("INSERT INTO crm_links (thing, position) VALUES (?, 0)", ADA), 0, "does not exist"),
    # commands
    "a command deleted": (
        sql("DELETE FROM crm_commands WHERE command_id = ?", id_of("verify", 2)),
        4,
        "does not stand for exactly its events",
    ),
    "a command's position": (
        sql("UPDATE crm_commands SET position = 3 WHERE command_id = ?", id_of("verify", 2)),
        4,
        "does not stand for exactly",
    ),
    "a command's position before the log": (
        sql("UPDATE crm_commands SET position = 0 WHERE command_id = ?", id_of("verify", 1)),
        3,
        "does not stand for",
    ),
    "a command's count": (
        sql("UPDATE crm_commands SET events = 1 WHERE command_id = ?", id_of("verify", 0)),
        1,
        "does not stand for exactly",
    ),
    "two commands' counts": (
        several(
            sql("UPDATE crm_commands SET events = 1 WHERE command_id = ?", id_of("verify", 0)),
            sql("UPDATE crm_commands SET events = 2 WHERE command_id = ?", id_of("verify", 1)),
        ),
        1,
        "does not stand for exactly",
    ),
    "a command that claims what others recorded": (
        sql("UPDATE crm_commands SET events = 1 WHERE command_id = ?", id_of("verify", 5)),
        12,
        "1 command ids stand for events that they did not",
    ),
    "a command beyond the log": (
        sql("UPDATE crm_commands SET position = 99 WHERE command_id = ?", id_of("verify", 5)),
        13,
        "beyond the log",
    ),
    # a chain that was recomputed, but not what it speaks of
    "another actor, columns left": (
        rewritten(9, lambda header: header.update(stream=str(NOBODY))),
        9,
        "column stream differs",
    ),
    "a person dropped": (rewritten(8, lambda header: header["regards"].clear()), 8, "does not belong"),
    "an earlier instant": (
        rewritten(9, lambda header: header.update(recorded_at="2000-01-01T00:00:00.000000Z"), columns=True),
        9,
        "recorded time goes back",
    ),
    "a version skipped": (
        rewritten(9, lambda header: header.update(version=7), columns=True),
        9,
        "version 7 of its stream follows 1",
    ),
    "another command": (
        rewritten(9, lambda header: header.update(command=str(NOBODY))),
        9,
        "does not stand for exactly",
    ),
    "no command": (rewritten(9, lambda header: header.pop("command")), 9, "the header is no envelope"),
    "no envelope": (rewritten(9, lambda header: header.clear()), 9, "the header is no envelope"),
    "regards of another form": (rewritten(9, lambda header: header.update(regards=7)), 9, "the header is no envelope"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_an_altered_log_is_found_at_its_first_difference(what: str, crm: CRM) -> None:
    how, position, found = ALTERED[what]
    before = crm.verify()
    assert before.intact
    assert before.events == 12
    alter(crm, how)
    verdict = crm.verify()

    assert (verdict.position, found in (verdict.what or "")) == (position, True), verdict


def test_every_byte_of_the_stored_parts_counts(crm: CRM) -> None:
    [header, public, sealed] = _parts(crm, 8)
    for column, stored in (("header", header), ("public", public), ("sealed", sealed)):
        for place in range(0, len(stored), 7):
            altered = stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :]
            value = altered if column == "sealed" else altered.decode()
            with suppress(_Undone), crm._store.database.writing() as transaction:  # noqa: SLF001 - as above
                _set(transaction, 8, **{column: value})
                after = transaction.execute(
                    "SELECT header, public, sealed, chain FROM crm_events WHERE position = 8"
                ).fetchone()
                before = transaction.execute("SELECT chain FROM crm_events WHERE position = 7").fetchone()
                assert chained(bytes(before[0]), after[0].encode(), after[1].encode(), bytes(after[2])) != bytes(
                    after[3]
                )
                raise _Undone
    assert crm.verify().intact


class _Undone(Exception):
    """Rolls a change back."""


def _parts(crm: CRM, position: int) -> list[bytes]:
    with crm._store.database.looking() as transaction:  # noqa: SLF001 - as above
        row = transaction.execute(
            "SELECT header, public, sealed FROM crm_events WHERE position = ?", [position]
        ).fetchone()
    return [row[0].encode(), row[1].encode(), bytes(row[2])]


def test_forgetting_a_person_leaves_the_log_intact(crm: CRM) -> None:
    before = crm.verify()
    crm.execute(ForgetPerson(contact_id=ADA, ground="consent_withdrawn"), by="ann")
    after = crm.verify()

    assert after.intact
    assert after.events > before.events


def test_an_empty_log_is_intact(store_url: str) -> None:
    with CRM.open(store_url, follow=[]) as crm:
        verdict = crm.verify()
    assert (verdict.intact, verdict.events, verdict.chain) == (True, 0, GENESIS.hex())


def test_verification_tells_how_far_it_is_and_does_not_mind_writers(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crm_core.store.verify, "_PAGE", 3)
    with CRM.open(store_url, follow=[]) as crm:
        list(crm.execute_many((OpenDeal(title="x", amount=Money(1, "EUR"), owner="ann") for _ in range(10)), by="ann"))
        told: list[int] = []

        def progress(done: int) -> None:
            told.append(done)
            if len(told) < 5:
                crm.execute(AddContact(name="Ada"), by="ann")

        verdict = crm.verify(progress)
    assert verdict.intact
    assert told == [3, 6, 9, 12, 14]
