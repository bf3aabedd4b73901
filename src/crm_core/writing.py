"""The one door for writing: a command is decided, stamped and appended, or refused, and never twice."""

import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from crm_core import telling
from crm_core.in_force import InForce
from crm_core.kernel.authorisation import Authorize, Deny, allow_all
from crm_core.kernel.decider import decision_for
from crm_core.kernel.errors import (
    CommandIdReused,
    Conflict,
    CRMError,
    DatabaseUnavailable,
    Denied,
    Invalid,
    Refused,
    TooManyConflicts,
    TransactionConflict,
    UnknownCommand,
)
from crm_core.kernel.ids import made_id
from crm_core.kernel.messages import Command
from crm_core.kernel.recorded import Actor, Context, Receipt
from crm_core.kernel.time import Clock, stamp, to_utc
from crm_core.session import Prepared, Session
from crm_core.store.joined import joining
from crm_core.store.mapper import Entry
from crm_core.store.opening import Store
from crm_core.store.port import StreamsMoved, Transaction, UniqueViolation, unswept

ATTEMPTS = 60
"""How often a command is decided anew when others keep changing its streams."""
_CHUNK_ATTEMPTS = 4
"""How often many commands are decided anew together, before each is on its own."""
_RECONNECTS = 8
"""How many lost connections one call gets over, before the caller is told."""


def random_id() -> UUID:
    """A fresh random id (RFC 4122, version 4)."""
    return made_id(int.from_bytes(os.urandom(16), "big"), 4)


class Request(NamedTuple):
    """A command and what belongs in its envelope. What is None is filled in when it is carried out."""

    command: Command
    by: Actor | str | None = None
    at: datetime | None = None
    command_id: UUID | None = None
    expect: Mapping[UUID, int] | None = None
    on_behalf_of: Actor | str | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None


@dataclass(slots=True)
class Writer:
    """Carries out commands against one store. Safe to share between threads."""

    store: Store
    clock: Clock
    authorize: Authorize
    name: str
    appended: Callable[[Sequence[Receipt]], None]
    """Called with the receipts after every commit that carried out commands, and for those given again."""
    new_id: Callable[[], UUID] = random_id
    in_force: InForce = field(init=False)
    _random: random.Random = field(default_factory=random.SystemRandom)

    def __post_init__(self) -> None:
        self.in_force = InForce(self.store)

    # -- one command ----------------------------------------------------------------------------

    def execute(self, request: Request) -> Receipt:
        """Carry out one command; returns when what it recorded is durable."""
        return self._carry_out(self.prepare(request))

    def _carry_out(self, prepared: Prepared) -> Receipt:
        probe = self._receipt_of if prepared.named else None
        attempt = lost = 0
        while attempt < ATTEMPTS:
            try:
                return self._answer(prepared, probe)
            except (UniqueViolation, StreamsMoved):
                attempt, probe = attempt + 1, self._receipt_of
                telling.met_others(prepared, attempt)
                self._pause(attempt)
            except DatabaseUnavailable:
                lost, probe = lost + 1, self._resolve
                telling.lost_answer(prepared, lost)
                if lost > _RECONNECTS:
                    raise
                self._pause(lost)
        raise TooManyConflicts(f"{type(prepared.command).__name__} met other writers {ATTEMPTS} times", {})

    def _answer(self, prepared: Prepared, probe: Callable[[Prepared], Receipt | None] | None) -> Receipt:
        """The receipt it got before, if there is any reason to look for one, or else the one it gets now."""
        try:
            receipt = (None if probe is None else probe(prepared)) or self._attempt(prepared)
        except (Refused, Conflict, CommandIdReused) as error:
            self.store.database.barrier()  # what the log says against it is told only once it is durable
            telling.refused(prepared, error)
            raise
        telling.executed(prepared, receipt)
        self.appended([receipt])
        return receipt

    def _attempt(self, prepared: Prepared) -> Receipt:
        session = Session(self.store, self.in_force, self.name)
        entry = session.draft(prepared)
        session.flush_keys()
        receipt = self.store.log.append_alone(entry)
        if receipt is None:
            with self.store.database.appending() as transaction:
                [receipt] = self.store.log.append(transaction, [entry])
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
            Invalid: no command, no actor, a naive time, text that cannot be stored.
            Denied: the authorisation hook said no.
        """
        command = request.command
        if not isinstance(command, Command):
            raise Invalid("command", [("command", f"must be a command such as OpenDeal(…), not {_kind(command)}")])
        decision = decision_for(command)
        if request.by is None:
            raise Invalid("by", [("by", "every command names its actor")])
        by = Actor.parse(request.by)
        behalf = None if request.on_behalf_of is None else Actor.parse(request.on_behalf_of, "on_behalf_of")
        at = None if request.at is None else _aware(request.at)
        command_id = self.new_id() if request.command_id is None else _uuid("command_id", request.command_id)
        correlation = command_id if request.correlation_id is None else _uuid("correlation_id", request.correlation_id)
        causation = None if request.causation_id is None else _uuid("causation_id", request.causation_id)
        expect = None if request.expect is None else _expected(request.expect)
        said = command.content()
        if self.authorize is not allow_all:
            verdict = self.authorize(by, type(command).__name__, command, tuple(command.model_fields_set))
            if isinstance(verdict, Deny):
                action = type(command).__name__
                raise Denied(f"{by} may not {action}: {verdict.reason}", by=str(by), action=action)
        fingerprint = self.store.keys.fingerprint(said + _said_around(by, behalf, at))
        context = Context(by, at, command_id, correlation, causation, behalf)
        fresh = command.left_out()
        complete = command.completed(command_id) if fresh else command
        return Prepared(complete, decision, context, fingerprint, expect, request.command_id is not None, fresh)

    # -- many commands --------------------------------------------------------------------------

    def execute_many(
        self, requests: Iterable[Request], batch: int, *, stop_on_refusal: bool, connection: object = None
    ) -> Iterator[Receipt | CRMError]:
        """Carry out any number of commands in order, `batch` of them in a transaction; one outcome each."""
        if batch < 1:
            raise Invalid("batch", [("batch", "must be a whole number from 1")])
        source = iter(requests)
        while chunk := list(islice(source, batch)):
            with unswept():
                if connection is None:
                    outcomes = self._chunk(chunk, stop_on_refusal=stop_on_refusal)
                else:
                    outcomes = self.joined(chunk, connection, stop_on_refusal=stop_on_refusal)
            for outcome in outcomes:
                yield outcome
                if stop_on_refusal and isinstance(outcome, CRMError):
                    return

    def _chunk(self, chunk: list[Request], *, stop_on_refusal: bool) -> list[Receipt | CRMError]:
        ready = [self._checked(one) for one in chunk]
        attempt = lost = 0
        while attempt < _CHUNK_ATTEMPTS:
            try:
                return self._chunk_once(ready, stop_on_refusal=stop_on_refusal)
            except (UniqueViolation, StreamsMoved):
                attempt += 1
                self._pause(attempt)
            except DatabaseUnavailable:
                lost += 1
                if lost > _RECONNECTS:
                    raise
                self._pause(lost)
                ready = [one._replace(named=True) if isinstance(one, Prepared) else one for one in ready]
        outcomes: list[Receipt | CRMError] = []
        for one in ready:
            outcomes.append(self._one_by_one(one))
            if stop_on_refusal and isinstance(outcomes[-1], CRMError):
                break
        return outcomes

    def _checked(self, request: Request) -> Prepared | CRMError:
        try:
            return self.prepare(request)
        except (Invalid, Denied, UnknownCommand) as error:
            return error

    def _chunk_once(self, ready: Sequence[Prepared | CRMError], *, stop_on_refusal: bool) -> list[Receipt | CRMError]:
        with self.store.database.appending() as transaction:
            outcomes = self._inside(transaction, ready, stop_on_refusal=stop_on_refusal)
        self.store.database.barrier()
        telling.many(ready, outcomes)
        self.appended([one for one in outcomes if isinstance(one, Receipt)])
        return outcomes

    def _one_by_one(self, prepared: Prepared | CRMError) -> Receipt | CRMError:
        if isinstance(prepared, CRMError):
            return prepared
        try:
            return self._carry_out(prepared)
        except (Refused, Invalid, Conflict, CommandIdReused) as error:
            return error

    def joined(
        self, requests: Sequence[Request], connection: object, *, stop_on_refusal: bool = False
    ) -> list[Receipt | CRMError]:
        """Carry out commands within the caller's own transaction, which the caller commits or rolls back.

        Nobody is told of what was appended, and no memory is kept of it: it is not committed yet.

        Raises:
            Invalid: the connection cannot be used; or a command forgets a person.
            TransactionConflict: others are in the way.
        """
        ready = [self._checked(one) for one in requests]
        apart = copy(self)
        apart.in_force = self.in_force.apart()
        for _ in range(_CHUNK_ATTEMPTS):
            with suppress(StreamsMoved):
                with joining(self.store.database, connection) as transaction:
                    outcomes = apart._inside(transaction, ready, stop_on_refusal=stop_on_refusal)  # noqa: SLF001 - a copy
                    _refuse_forgetting(outcomes)
                if len(outcomes) > 1 or not transaction.appended:
                    self.store.database.barrier()  # it may tell what others appended: only once that is durable
                telling.many(ready, outcomes)
                return outcomes
        raise TransactionConflict("stale", "others kept making keys for the same people")

    def inside(self, transaction: Transaction, requests: Sequence[Request]) -> list[Receipt | CRMError]:
        """Carry out commands within a transaction that is already open; each later one sees the earlier ones."""
        return self._inside(transaction, [self._checked(one) for one in requests], stop_on_refusal=False)

    def _inside(
        self, transaction: Transaction, ready: Sequence[Prepared | CRMError], *, stop_on_refusal: bool
    ) -> list[Receipt | CRMError]:
        named = [one.context.command_id for one in ready if isinstance(one, Prepared) and one.named]
        known = self.store.log.known(transaction, named) if named else {}
        session = Session(self.store, self.in_force, self.name, transaction)
        session.prefetch([one for one in ready if isinstance(one, Prepared) and one.context.command_id not in known])
        outcomes: list[Receipt | CRMError | None] = []
        entries: list[Entry] = []
        places: list[int] = []
        seen: dict[UUID, tuple[int, bytes]] = {}
        for number, prepared in enumerate(ready):
            outcome = (
                prepared if isinstance(prepared, CRMError) else self._one_inside(session, prepared, known, seen, number)
            )
            if isinstance(outcome, Entry):
                entries.append(outcome)
                places.append(number)
                outcome = None
            outcomes.append(outcome)
            if stop_on_refusal and isinstance(outcome, CRMError):
                break
        if entries:
            session.flush_keys()
            for number, receipt in zip(places, self.store.log.append(transaction, entries), strict=True):
                outcomes[number] = receipt
        return [_first_time(one, ready[number], outcomes, seen) for number, one in enumerate(outcomes)]

    def _one_inside(
        self,
        session: Session,
        prepared: Prepared,
        known: dict[UUID, Any],
        seen: dict[UUID, tuple[int, bytes]],
        number: int,
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


def _refuse_forgetting(outcomes: Sequence[Receipt | CRMError]) -> None:
    """Keys are destroyed once their forgetting is committed, and nobody tells us when the caller commits."""
    if any(one.type == "person.forgotten" for done in outcomes if isinstance(done, Receipt) for one in done.events):
        raise Invalid("execute", [("connection", "cannot be given with a command that forgets a person")])


def _first_time(
    outcome: Receipt | CRMError | None,
    prepared: Prepared | CRMError,
    outcomes: Sequence[Receipt | CRMError | None],
    seen: dict[UUID, tuple[int, bytes]],
) -> Receipt | CRMError:
    """The outcome; the same command a second time in one batch has that of its first time."""
    if outcome is None and isinstance(prepared, Prepared):
        outcome = outcomes[seen[prepared.context.command_id][0]]
    assert outcome is not None  # noqa: S101 - every place was filled by a receipt or an error
    return outcome


@lru_cache(maxsize=1024)
def _said_around(by: Actor, behalf: Actor | None, at: datetime | None) -> bytes:
    """The part of a command's content that its envelope holds."""
    return f"\n{by}\n{behalf or ''}\n{stamp(at) if at else ''}".encode()


def _aware(at: datetime) -> datetime:
    try:
        return to_utc(at)
    except (ValueError, AttributeError) as error:
        raise Invalid("at", [("at", str(error) if isinstance(error, ValueError) else "must be a datetime")]) from None


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a value of type {type(value).__name__}"


def _uuid(field: str, value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    raise Invalid(field, [(field, "must be a UUID")])


def _expected(expect: object) -> dict[UUID, int]:
    if isinstance(expect, Mapping) and all(
        isinstance(stream, UUID) and type(version) is int and version >= 0 for stream, version in expect.items()
    ):
        return dict(expect)
    raise Invalid("expect", [("expect", "must map stream ids (UUID) to versions (whole numbers from 0)")])
