"""Eight writers that often roll back, beside a reader that follows the log as it grows; what the reader got wrong."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import crm_core.store.postgres
from crm_core import CRM, Money, Receipt, Recorded, Request
from crm_core.commands import AddContact, MoveDeal, OpenDeal
from crm_core.errors import StoreError
from crm_core.store.log import EventLog
from crm_core.store.postgres import PostgresDatabase
from crm_core.writing import Writer
from tests.faults.children import Child, fork, pause, replace
from tests.faults.workload import id_of

WRITERS = 8
Plant = Callable[[], None]


class RolledBack(Exception):
    """A transaction is given up after its rows were written."""


@dataclass(slots=True)
class Tailing:
    """What was counted, and every way in which the reader was misled."""

    appends: int = 0
    rollbacks: int = 0
    transactions: int = 0
    looks: int = 0
    waits: int = 0
    missed: int = 0
    gaps: int = 0
    disorder: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, object]:
        """To be noted."""
        return {
            "appends": self.appends, "transactions": self.transactions, "rolled back": self.rollbacks,
            "looks": self.looks, "missed": self.missed, "gaps": self.gaps, "out of order": self.disorder,
            "needless retries": self.waits, "errors": len(self.errors),
        }  # fmt: skip

    @property
    def wrong(self) -> int:
        """Everything that should be zero. No writer touches another's streams, so nobody has to try again."""
        return self.missed + self.gaps + self.disorder + self.waits + len(self.errors)


def tail(url: str, folder: Path, *, appends: int, plant: Plant = lambda: None) -> Tailing:
    """Let the writers append so many events altogether, and follow them."""
    CRM.open(url, follow=[]).close()
    children = [fork(_writer(url, folder, number, appends // WRITERS + 1, plant), folder) for number in range(WRITERS)]
    found = Tailing()
    seen: list[Recorded] = []
    with CRM.open(url, follow=[]) as crm:
        while True:
            ended = all(_ended(folder, number) for number in range(WRITERS))
            after, found.looks = seen[-1].position if seen else 0, found.looks + 1
            seen += crm.log(after=after)
            if ended:
                break
            pause(0.001)
        final = list(crm.log())
        verdict = crm.verify()
    _join(children)
    _compare(found, seen, final)
    if not verdict.intact:
        found.errors.append(str(verdict))
    acknowledged: Counter[str] = Counter()
    for number in range(WRITERS):
        said = json.loads((folder / f"writer-{number}").read_text())
        acknowledged.update(said["events"])
        found.errors += said["errors"]
        found.rollbacks, found.waits = found.rollbacks + said["rollbacks"], found.waits + said["waits"]
        found.transactions += said["transactions"]
    if not found.errors and acknowledged != Counter(str(fact.id) for fact in final):
        found.errors.append("the log does not hold what was acknowledged")
    return found


def _compare(found: Tailing, seen: list[Recorded], final: list[Recorded]) -> None:
    found.appends = len(final)
    found.missed = len({fact.id for fact in final} - {fact.id for fact in seen})
    positions = [fact.position for fact in final]
    found.gaps = max(positions, default=0) - len(positions)
    read = [fact.position for fact in seen]
    found.disorder = sum(later <= earlier for earlier, later in pairwise(read))
    versions: dict[UUID, int] = {}
    for fact in final:
        found.disorder += fact.version != versions.get(fact.stream, 0) + 1
        versions[fact.stream] = fact.version


def _ended(folder: Path, number: int) -> bool:
    return (folder / f"writer-{number}").exists()


def _join(children: list[Child]) -> None:
    for child in children:
        child.join()


def _writer(url: str, folder: Path, number: int, share: int, plant: Plant) -> Callable[[], None]:
    """A writer that appends its share and leaves a file that says how it went."""

    def write() -> None:
        said: dict[str, Any] = {"events": [], "errors": [], "rollbacks": 0, "waits": 0, "transactions": 0}
        dice = random.Random(number)
        plant()
        _roll_back_some(dice, said)
        try:
            with CRM.open(url, follow=[]) as crm:
                for requests in _requests(number, dice):
                    said["events"] += _insist(crm, requests)
                    if len(said["events"]) >= share:
                        break
        except Exception as error:  # noqa: BLE001 - counted by the parent
            said["errors"].append(f"{type(error).__name__}: {error}")
        (folder / f"unfinished-{number}").write_text(json.dumps(said))
        (folder / f"unfinished-{number}").rename(folder / f"writer-{number}")

    return write


def _roll_back_some(dice: random.Random, said: dict[str, Any]) -> None:
    append, wait = EventLog.append, Writer._pause  # noqa: SLF001 - the test looks on

    def appending(log: EventLog, transaction: Any, entries: Any) -> list[Receipt]:
        receipts = append(log, transaction, entries)
        said["transactions"] += 1
        if dice.random() < 0.2:
            said["rollbacks"] += 1
            raise RolledBack
        return receipts

    def waiting(writer: Writer, attempt: int) -> None:
        said["waits"] += 1
        wait(writer, attempt)

    alone, call = PostgresDatabase.append_alone, crm_core.store.postgres._APPEND  # noqa: SLF001

    failing = call.replace("*", "last / (last - last), recorded, early", 1)

    def appending_alone(*arguments: Any) -> Any:
        said["transactions"] += 1
        fails = dice.random() < 0.2
        crm_core.store.postgres._APPEND = failing if fails else call  # noqa: SLF001
        try:
            return alone(*arguments)
        except StoreError as error:
            if not fails or "22012" not in str(error):
                raise
            said["rollbacks"] += 1
            raise RolledBack from None

    replace(EventLog, append=appending)
    replace(Writer, _pause=waiting)
    replace(PostgresDatabase, append_alone=appending_alone)


def _requests(number: int, dice: random.Random) -> Iterator[list[Request]]:
    """Single commands and small batches, new streams and known ones."""
    made = 0
    while True:
        size = 1 if dice.random() < 0.5 else dice.randrange(20, 100)
        commands: list[Any] = []
        for _ in range(size):
            made += 1
            deal = id_of("deal", number, made - made % 3)
            if made % 3 == 0:
                commands.append(OpenDeal(deal_id=deal, title="New roof", amount=Money("1", "EUR"), owner="ann"))
            elif made < 3:
                commands.append(AddContact(name="Ada"))
            else:
                commands.append(MoveDeal(deal_id=deal, stage=("proposal_sent", "negotiation")[made % 3 - 1]))
        yield [Request(one, "ann", command_id=id_of("tail", number, made, place)) for place, one in enumerate(commands)]


def _insist(crm: CRM, requests: list[Request]) -> list[str]:
    """Until it is not rolled back."""
    while True:
        try:
            if len(requests) == 1:
                outcomes: list[Any] = [crm.execute(requests[0].command, by="ann", command_id=requests[0].command_id)]
            else:
                outcomes = list(crm.execute_many(requests))
        except RolledBack:
            continue
        for one in outcomes:
            if not isinstance(one, Receipt):
                raise one
        return [str(line.id) for one in outcomes for line in one.events]
