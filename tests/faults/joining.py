"""A host that is killed again and again while its transactions hold rows of its own and events; what does not match."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crm_core import CRM, Money
from crm_core.commands import AddContact, RecordPurchase
from tests.faults.children import LOG, STARTED, Board, Kills, kill_in_a_loop
from tests.faults.workload import id_of
from tests.hosts import Host

_COUNTER = 5
"""The slot of the board that counts transactions, so that every one of every life has a number of its own."""
Plant = Callable[[], None]


@dataclass(slots=True)
class Joined:
    """What was counted, and everything that should not be."""

    killed: Kills
    committed: int = 0
    acknowledged: int = 0
    torn: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, object]:
        """To be noted."""
        return {
            **self.killed.figures, "committed": self.committed, "acknowledged": self.acknowledged,
            "torn": self.torn, "wrong": len(self.wrong),
        }  # fmt: skip


def join_under_kills(host: Host, folder: Path, *, kills: int, plant: Plant = lambda: None) -> Joined:
    """Kill the host so often; then compare its rows, its events and what it was told."""
    board, told = Board(), folder / "committed"
    CRM.open(host.url, follow=[]).close()
    host.prepare()

    def work() -> None:
        plant()
        board.show_transactions()
        acknowledged = os.open(told, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        dice = random.Random(board[_COUNTER])
        with CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
            while True:
                board[_COUNTER] += 1
                board[LOG] = 1
                commits = _transaction(crm, host, connection, board[_COUNTER], dice)
                board[LOG] = 0
                if commits:
                    os.write(acknowledged, f"{board[_COUNTER]}\n".encode())
                board[STARTED] = 1  # only now: the first transaction takes long, and kills would fall into nothing else

    found = Joined(kill_in_a_loop(work, board, folder, kills=kills, seed=6, life_s=0.03))
    _compare(found, host, told)
    return found


def _transaction(crm: CRM, host: Host, connection: Any, number: int, dice: random.Random) -> bool:
    """A row and one or several events; False: it was rolled back."""
    contact = id_of("joined", number)
    host.begin(connection)
    host.insert(connection, str(contact))
    crm.execute(AddContact(contact_id=contact, name=f"Ada {number}"), by="ann", connection=connection)
    purchases = [RecordPurchase(contact_id=contact, amount=Money("5", "EUR"))] * dice.choice([0, 0, 1, 30])
    list(crm.execute_many(purchases, by="ann", connection=connection))
    commits = dice.random() < 0.8
    if commits:
        connection.commit()
    else:
        connection.rollback()
    return commits


def _compare(found: Joined, host: Host, told: Path) -> None:
    with CRM.open(host.url, follow=[]) as crm:
        crm.execute(AddContact(name="Last"), by="ann")  # waits for whoever still holds the log
        facts, verdict = list(crm.log()), crm.verify()
    rows = set(host.rows())
    added = {str(fact.stream) for fact in facts[:-1] if fact.type == "contact.added"}
    acknowledged = {str(id_of("joined", int(line))) for line in told.read_text().split()}
    found.committed, found.acknowledged, found.torn = len(rows), len(acknowledged), len(rows ^ added)
    if acknowledged - rows:
        found.wrong.append(f"{len(acknowledged - rows)} rows that were committed are gone")
    if [fact.position for fact in facts] != list(range(1, len(facts) + 1)):
        found.wrong.append("positions have gaps")
    if not verdict.intact:
        found.wrong.append(str(verdict))
