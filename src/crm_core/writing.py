"""The one door for writing: a command is decided, stamped and appended, or refused, and never twice."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

from crm_core.in_force import InForce
from crm_core.kernel.authorisation import Authorize, Deny
from crm_core.kernel.decider import Decision, decision_for
from crm_core.kernel.errors import (
    CommandIdReused,
    Conflict,
    CRMError,
    DatabaseUnavailable,
    Denied,
    Invalid,
    Refused,
    TooManyConflicts,
)
from crm_core.kernel.messages import Command
from crm_core.kernel.recorded import Actor, Context, Receipt
from crm_core.kernel.time import Clock, stamp, to_utc
from crm_core.session import Session
from crm_core.store.log import Entry, StreamsMoved
from crm_core.store.opening import Store
from crm_core.store.port import Transaction, UniqueViolation

ATTEMPTS = 60
"""How often a command is decided anew when others keep changing its streams."""
_RECONNECTS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """A command and what belongs in its envelope. What is None is filled in when it is carried out."""

    command: Command
    by: Actor | str | None = None
    at: datetime | None = None
    command_id: UUID | None = None
    expect: dict[UUID, int] | None = None
    on_behalf_of: Actor | str | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that has passed every check that needs no history."""

    command: Command
    decision: Decision
    context: Context
    fingerprint: bytes
    expect: dict[UUID, int]
    named: bool
    """Whether the caller gave the command id: only then can it have been carried out before."""


@dataclass(slots=True)
class Writer:
    """Carries out commands against one store. Safe to share between threads."""

    store: Store
    clock: Clock
    authorize: Authorize
    name: str
    appended: Callable[[int], None]
    """Called with the newest position after every append."""
    new_id: Callable[[], UUID] = uuid4
    in_force: InForce = field(init=False)
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.in_force = InForce(self.store)

    # -- one command ----------------------------------------------------------------------------

    def execute(self, request: Request) -> Receipt:
        """Carry out one command; returns when what it recorded is durable."""
        prepared = self.prepare(request)
        if prepared.named:
            receipt = self._receipt_of(prepared)
            if receipt is not None:
                return receipt
        reconnects = 0
        for attempt in range(ATTEMPTS):
            try:
                return self._attempt(prepared)
            except (UniqueViolation, StreamsMoved):
                receipt = self._receipt_of(prepared)
                if receipt is not None:
                    return receipt
                self._pause(attempt)
            except DatabaseUnavailable:
                reconnects += 1
                receipt = self._resolve(prepared)
                if receipt is not None:
                    return receipt
                if reconnects > _RECONNECTS:
                    raise
            except Refused:
                self.store.database.barrier()
                raise
        raise TooManyConflicts(f"{type(prepared.command).__name__} met other writers {ATTEMPTS} times", {})

    def _attempt(self, prepared: Prepared) -> Receipt:
        session = Session(self.store, self.in_force, self.name)
        entry = session.draft(prepared)
        session.flush_keys()
        with self.store.database.appending() as transaction:
            [receipt] = self.store.log.append(transaction, [entry])
        self.appended(receipt.position)
        return receipt

    def _receipt_of(self, prepared: Prepared) -> Receipt | None:
        with self.store.database.looking() as transaction:
            receipt = self.store.log.receipt(transaction, prepared.context.command_id, prepared.fingerprint)
        if receipt is not None:
            self.store.database.barrier()
        return receipt

    def _resolve(self, prepared: Prepared) -> Receipt | None:
        """After a lost answer: was it committed? Asked under the append lock, which a commit still under way holds."""
        with self.store.database.writing() as transaction:
            transaction.lock_log()
            receipt = self.store.log.receipt(transaction, prepared.context.command_id, prepared.fingerprint)
        if receipt is not None:
            self.store.database.barrier()
        return receipt

    def _pause(self, attempt: int) -> None:
        """Back off by chance, up to 50 ms, so that rivals stop meeting."""
        threading.Event().wait(self._random.random() * min(0.05, 0.001 * 2**attempt))

    # -- checks that need no history ------------------------------------------------------------

    def prepare(self, request: Request) -> Prepared:
        """Check everything that can be checked without the history.

        Raises:
            UnknownCommand: nothing decides it.
            Invalid: no actor, a naive time, text that cannot be stored.
            Denied: the authorisation hook said no.
        """
        decision = decision_for(request.command)
        if request.by is None:
            raise Invalid("by", [("by", "every command names its actor")])
        by = Actor.parse(request.by)
        behalf = None if request.on_behalf_of is None else Actor.parse(request.on_behalf_of)
        at = None if request.at is None else _aware(request.at)
        command_id = self.new_id() if request.command_id is None else _command_id(request.command_id)
        said = request.command.content()
        envelope = f"\n{by}\n{behalf or ''}\n{stamp(at) if at else ''}".encode()
        verdict = self.authorize(by, type(request.command).__name__, request.command, tuple(request.command.model_fields_set))
        if isinstance(verdict, Deny):
            raise Denied(f"{by} may not {type(request.command).__name__}: {verdict.reason}")
        context = Context(by, at, command_id, request.correlation_id or command_id, request.causation_id, behalf)
        return Prepared(
            request.command.completed(command_id), decision, context, self.store.keys.fingerprint(said + envelope),
            dict(request.expect or {}), request.command_id is not None,
        )  # fmt: skip

    # -- many commands --------------------------------------------------------------------------

    def execute_many(self, requests: Iterable[Request], batch: int, *, stop_on_refusal: bool) -> Iterator[Receipt | CRMError]:
        """Carry out any number of commands in order, `batch` of them in a transaction; one outcome each."""
        source = iter(requests)
        while chunk := list(islice(source, batch)):
            for outcome in self._chunk(chunk, stop_on_refusal=stop_on_refusal):
                yield outcome
                if stop_on_refusal and isinstance(outcome, CRMError):
                    return

    def _chunk(self, chunk: list[Request], *, stop_on_refusal: bool) -> list[Receipt | CRMError]:
        chunk = [one if one.command_id else replace(one, command_id=self.new_id()) for one in chunk]
        for attempt in range(_RECONNECTS + 1):
            try:
                return self._chunk_once(chunk, stop_on_refusal=stop_on_refusal)
            except (UniqueViolation, StreamsMoved):
                self._pause(attempt)
            except DatabaseUnavailable:
                if attempt == _RECONNECTS:
                    raise
        return [self._one_by_one(one) for one in chunk]

    def _chunk_once(self, chunk: list[Request], *, stop_on_refusal: bool) -> list[Receipt | CRMError]:
        with self.store.database.appending() as transaction:
            outcomes = self.inside(transaction, chunk, stop_on_refusal=stop_on_refusal)
        newest = max((one.position for one in outcomes if isinstance(one, Receipt)), default=0)
        if any(isinstance(one, CRMError) for one in outcomes):
            self.store.database.barrier()
        if newest:
            self.appended(newest)
        return outcomes

    def _one_by_one(self, request: Request) -> Receipt | CRMError:
        try:
            return self.execute(request)
        except (Refused, Invalid, Denied, Conflict, CommandIdReused) as error:
            return error

    def inside(self, transaction: Transaction, requests: Sequence[Request], *, stop_on_refusal: bool = False) -> list[Receipt | CRMError]:
        """Carry out commands within a transaction that is already open; each later one sees the earlier ones."""
        outcomes: list[Receipt | CRMError | None] = []
        ready: list[Prepared | None] = []
        for request in requests:
            try:
                ready.append(self.prepare(request))
                outcomes.append(None)
            except (Invalid, Denied) as error:
                ready.append(None)
                outcomes.append(error)
        known = self.store.log.known(transaction, [one.context.command_id for one in ready if one and one.named])
        session = Session(self.store, self.in_force, self.name, transaction)
        session.prefetch([one for one in ready if one and one.context.command_id not in known])
        entries: list[tuple[int, Entry]] = []
        seen: dict[UUID, tuple[int, bytes]] = {}
        for number, prepared in enumerate(ready):
            if prepared is not None:
                outcome = self._one_inside(session, prepared, known, seen, number)
                if isinstance(outcome, Entry):
                    entries.append((number, outcome))
                else:
                    outcomes[number] = outcome
            if stop_on_refusal and isinstance(outcomes[number], CRMError):
                del outcomes[number + 1 :]
                break
        if entries:
            session.flush_keys()
            receipts = self.store.log.append(transaction, [entry for _, entry in entries])
            for (number, _), receipt in zip(entries, receipts, strict=True):
                outcomes[number] = receipt
        return _with_repeats(outcomes, ready, seen)

    def _one_inside(
        self, session: Session, prepared: Prepared, known: dict[UUID, Any], seen: dict[UUID, tuple[int, bytes]], number: int
    ) -> Entry | Receipt | CRMError | None:
        command_id = prepared.context.command_id
        before = known.get(command_id)
        if before is not None:
            return before.receipt if before.fingerprint == prepared.fingerprint else CommandIdReused(command_id)
        if command_id in seen:
            return None if seen[command_id][1] == prepared.fingerprint else CommandIdReused(command_id)
        try:
            entry = session.draft(prepared)
        except (Refused, Invalid, Conflict) as error:
            return error
        seen[command_id] = (number, prepared.fingerprint)
        return entry


def _with_repeats(
    outcomes: list[Receipt | CRMError | None], ready: list[Prepared | None], seen: dict[UUID, tuple[int, bytes]]
) -> list[Receipt | CRMError]:
    """The same command twice in one batch gets the receipt of its first time."""
    complete: list[Receipt | CRMError] = []
    for number, outcome in enumerate(outcomes):
        prepared = ready[number]
        if outcome is None and prepared is not None:
            outcome = complete[seen[prepared.context.command_id][0]]
        complete.append(outcome)  # type: ignore[arg-type]
    return complete


def _aware(at: datetime) -> datetime:
    try:
        return to_utc(at)
    except (ValueError, AttributeError) as error:
        raise Invalid("at", [("at", str(error) if isinstance(error, ValueError) else "must be a datetime")]) from None


def _command_id(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    raise Invalid("command_id", [("command_id", "must be a UUID")])
