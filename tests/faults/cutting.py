"""Commands carried out through a proxy that loses COMMITs or their answers; what went wrong."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from crm_core import CRM, CRMError, Money, Receipt, Request
from crm_core.commands import AddContact, OpenDeal, RecordPurchase, ReviseDealAmount
from tests.faults.proxy import CuttingProxy, When
from tests.faults.workload import id_of
from tests.postgres_server import PostgresServer


@dataclass(slots=True)
class Cutting:
    """What was counted."""

    commands: int = 0
    cuts: Counter[str] = field(default_factory=Counter)
    doubled: int = 0
    lost: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, object]:
        """To be noted."""
        return {
            "commands": self.commands,
            "cuts": self.cuts.total(),
            "doubled": self.doubled,
            "lost": self.lost,
            "errors": len(self.errors),
        }

    @property
    def wrong(self) -> int:
        """Everything that should be zero."""
        return self.doubled + self.lost + len(self.errors)


Execute = Callable[[CRM, Request], list[Receipt | CRMError]]


def cut_commits(
    server: PostgresServer, when: When, *, commands: int, threads: int = 4, execute: Execute | None = None
) -> Cutting:
    """Carry out so many commands while COMMITs are cut; each adds exactly one event to a stream of its own thread."""
    found = Cutting()
    with CuttingProxy(server.address, seed=5) as proxy:
        url = proxy.url(f"cut_{uuid4().hex[:8]}")
        with CRM.open(url, follow=[]) as crm:
            work = [
                threading.Thread(target=_work, args=[crm, found, number, commands // threads, execute or _execute])
                for number in range(threads)
            ]
            crm.execute(AddContact(contact_id=id_of("cut"), name="Ada"), by="ann")
            proxy.cut = when
            for one in work:
                one.start()
            for one in work:
                one.join()
            proxy.cut = None
        found.cuts = proxy.cuts
        with CRM.open(url, follow=[]) as crm:
            facts, verdict = list(crm.log(1)), crm.verify()
    if not verdict.intact:
        found.errors.append(str(verdict))
    found.doubled = max(len(facts) - found.commands, 0)
    found.lost += max(found.commands - len(facts), 0)
    return found


def _work(crm: CRM, found: Cutting, number: int, commands: int, execute: Execute) -> None:
    for request in _requests(number, commands):
        try:
            [first] = execute(crm, request)
            [again] = _execute(crm, request) if execute is _execute else [first]
        except Exception as error:  # noqa: BLE001 - counted
            found.errors.append(f"{type(error).__name__}: {error}")
            continue
        found.commands += 1
        if not isinstance(first, Receipt):
            found.errors.append(f"{type(first).__name__}: {first}")
        elif again != first:
            found.errors.append("another receipt the second time")


def _execute(crm: CRM, request: Request) -> list[Receipt | CRMError]:
    if request.expect is not None:
        return [crm.execute(request.command, by="ann", command_id=request.command_id, expect=request.expect)]
    return list(crm.execute_many([request], by="ann"))


def _requests(number: int, commands: int) -> list[Request]:
    """A deal whose amount is raised again and again, each time from an expected version; and purchases."""
    deal = id_of("cut deal", number)
    opening: Any = OpenDeal(deal_id=deal, title="New roof", amount=Money(1, "EUR"), owner="ann")
    requests = [Request(opening, command_id=id_of("cut command", number, 0), expect={deal: 0})]
    for one in range(1, commands):
        command_id, version = id_of("cut command", number, one), 1 + one // 2
        if one % 2:
            requests.append(
                Request(
                    ReviseDealAmount(deal_id=deal, amount=Money(one + 1, "EUR")),
                    command_id=command_id,
                    expect={deal: version},
                )
            )
        else:
            requests.append(
                Request(RecordPurchase(contact_id=id_of("cut"), amount=Money(one, "EUR")), command_id=command_id)
            )
    return requests
