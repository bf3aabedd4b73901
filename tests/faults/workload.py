"""What the tests do to a CRM: the same plan of commands on every run, and a journal of what was acknowledged."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from crm_core import CRM, CRMError, Money, Receipt, Recorded, Request
from crm_core.commands import (
    AddContact,
    AssignLead,
    ConvertLead,
    HandOffDeal,
    MoveDeal,
    QualifyLead,
    RecordPurchase,
    SubmitForm,
    WinDeal,
)
from crm_core.kernel.ids import derived
from crm_core.kernel.messages import Command

NAMESPACE = UUID("d1ce0000-0000-4000-8000-000000000000")
START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
UNITS = 11
"""How many units make one customer's story."""
BATCH = 7


@dataclass(frozen=True, slots=True)
class Unit:
    """One call: `execute` of one command, or `execute_many` of several."""

    requests: tuple[Request, ...]

    @property
    def is_many(self) -> bool:
        """Whether it goes through `execute_many`."""
        return len(self.requests) > 1


def id_of(*parts: object) -> Any:
    """The same parts give the same id."""
    return derived(NAMESPACE, *parts)


def unit(number: int) -> Unit:
    """The unit of this number, from 0: several kinds of command, several streams and new people among them."""
    story, step = divmod(number, UNITS)
    commands = _purchases(story) if step == 5 else [_step(story, step)]
    at = START + timedelta(minutes=number)
    return Unit(
        tuple(Request(one, "user:ann", at, id_of("command", number, place)) for place, one in enumerate(commands))
    )


def _step(story: int, step: int) -> Command:
    lead, contact, deal = id_of("lead", story), id_of("contact", story), id_of("deal", story)
    match step:
        case 0:
            return SubmitForm(
                submission_id=id_of("form", story),
                lead_id=lead,
                form="demo_request",
                name=f"Ada {story}",
                email="ada@example.com",
            )
        case 1 | 2:
            return AssignLead(lead_id=lead, owner="kim")  # the second time records nothing
        case 3:
            return QualifyLead(lead_id=lead, need="critical")
        case 4:
            return ConvertLead(
                lead_id=lead,
                contact_id=contact,
                name=f"Ada {story}",
                company="Fabrikam",
                account_id=id_of("account", story),
                deal_id=deal,
                title=f"Deal {story}",
                amount=Money(100 + story, "EUR"),
            )
        case 6:
            return MoveDeal(deal_id=deal, stage="proposal_sent")
        case 7:
            return WinDeal(deal_id=deal, closed_on=date(2024, 3, 4))
        case 8:
            return HandOffDeal(deal_id=deal, to_team="onboarding", assignee="lee", title=f"Welcome Ada {story}")
        case 9:
            return MoveDeal(deal_id=deal, stage="negotiation")  # refused: it is won
        case _:
            return RecordPurchase(
                contact_id=contact, amount=Money("12.34", "EUR"), quantity=2, order_ref=f"order {story}"
            )


def _purchases(story: int) -> list[Command]:
    commands: list[Command] = []
    for number in range(6):
        buyer = id_of("buyer", story, number)
        commands += [
            AddContact(contact_id=buyer, name=f"Buyer {story}.{number}"),
            RecordPurchase(contact_id=buyer, amount=Money("5.55", "EUR")),
        ]
    return commands


def carry_out(crm: CRM, one: Unit) -> Iterator[tuple[UUID, Receipt | CRMError]]:
    """The outcomes of a unit, each as soon as it is known."""
    if one.is_many:
        for request, outcome in zip(one.requests, crm.execute_many(one.requests, batch=BATCH), strict=True):
            yield _id(request), outcome
        return
    [request] = one.requests
    try:
        yield (
            _id(request),
            crm.execute(request.command, by=request.by or "", at=request.at, command_id=request.command_id),
        )
    except CRMError as error:
        yield _id(request), error


def _id(request: Request) -> UUID:
    assert request.command_id is not None
    return request.command_id


class Journal:
    """What was acknowledged, on disk before the next command: one line an outcome, appended in one write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> int:
        """A file descriptor to write with."""
        return os.open(self.path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)

    @staticmethod
    def note(descriptor: int, number: int, command_id: UUID, outcome: Receipt | CRMError) -> None:
        """Write down one outcome."""
        said = outcome.as_dict() if isinstance(outcome, Receipt) else type(outcome).__name__
        os.write(descriptor, f"{json.dumps([number, str(command_id), said])}\n".encode())

    def lines(self) -> list[tuple[int, str, Any]]:
        """Unit, command id, receipt or refusal; a torn last line was acknowledged to nobody."""
        if not self.path.exists():
            return []
        text = self.path.read_text()
        return [
            (number, command, said)
            for number, command, said in map(json.loads, text[: text.rfind("\n") + 1].splitlines())
        ]

    def next_unit(self) -> int:
        """The first unit that was not acknowledged in full."""
        seen: dict[int, set[str]] = {}
        for number, command, _ in self.lines():
            seen.setdefault(number, set()).add(command)
        last = max(seen, default=0)
        return last if len(seen.get(last, ())) < len(unit(last).requests) else last + 1


def work_on(crm: CRM, journal: Journal, upto: int | None = None) -> None:
    """Go on with the plan where the journal ends, but first say again what was said last."""
    number = max(journal.next_unit() - 2, 0)
    descriptor = journal.open()
    while upto is None or number < upto:
        for command_id, outcome in carry_out(crm, unit(number)):
            journal.note(descriptor, number, command_id, outcome)
        number += 1


def undisturbed(units: int) -> list[Any]:
    """The log of a run that nothing disturbed, as far as it does not depend on the clock."""
    with CRM.open("memory://", follow=[]) as crm:
        for number in range(units):
            list(carry_out(crm, unit(number)))
        return essence(crm.log())


def essence(facts: Iterator[Recorded] | Sequence[Recorded]) -> list[Any]:
    """What of a log does not depend on when it was recorded."""
    return [
        (fact.position, fact.id, fact.type, fact.stream, fact.version, fact.command_id, fact.at, fact.event)
        for fact in facts
    ]


def acknowledged(journal: Journal, facts: Sequence[Recorded]) -> tuple[int, list[str]]:
    """How many receipts were handed out, and every one that is lost, doubled or not like its twin."""
    by_command: dict[str, list[Recorded]] = {}
    for fact in facts:
        by_command.setdefault(str(fact.command_id), []).append(fact)
    wrong: list[str] = []
    first: dict[str, Any] = {}
    for number, command, said in journal.lines():
        if first.setdefault(command, said) != said:
            wrong.append(f"unit {number}: command {command} was answered in two ways")
        found = [[str(one.id), one.position] for one in by_command.get(command, [])]
        if isinstance(said, dict) and found != [[one["id"], one["position"]] for one in said["events"]]:
            wrong.append(f"unit {number}: command {command} was acknowledged with other events than the log holds")
    return len(first), wrong
