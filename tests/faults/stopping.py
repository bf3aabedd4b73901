"""PostgreSQL stopped at once under load, again and again; which of the answers it gave are lost afterwards."""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import psycopg

import crm_core.writing
from crm_core import CRM, Conflict, Money, Receipt, Request
from crm_core.commands import AddContact, AssignDeal, OpenDeal, RenameContact
from crm_core.errors import AlreadyOnRecord, CommandIdReused, DatabaseUnavailable
from crm_core.writing import Writer
from tests.faults.children import pause
from tests.faults.workload import id_of
from tests.postgres_server import PostgresServer

THREADS = 16
SHARED = 5
"""So many threads send the same commands, so that most of what they get is replayed."""


@dataclass(slots=True)
class Stopping:
    """What was answered, and which answers the restarted server knows nothing of."""

    stops: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, object]:
        """To be noted."""
        lost = dict(self.lost) or 0
        return {
            "stops": self.stops,
            **{f"answers {kind}": number for kind, number in sorted(self.answers.items())},
            "lost": lost,
        }


@dataclass(slots=True)
class _Answer:
    kind: str
    receipt: Receipt | None = None
    thing: UUID | None = None


class _Load:
    """Sixteen threads that send commands for as long as a server answers."""

    def __init__(self, crm: CRM) -> None:
        self._crm = crm
        self._shared = count()
        self._kind = threading.local()
        self.answers: list[_Answer] = []
        self.errors: list[str] = []
        self.up = threading.Event()
        self.over = threading.Event()
        self.waiting = threading.Semaphore(0)
        self.deals = [id_of("stop deal", number) for number in range(3)]
        self.threads = [threading.Thread(target=self._run, args=[number], daemon=True) for number in range(THREADS)]

    def _run(self, number: int) -> None:
        dice, last = random.Random(number), None
        while not self.over.is_set():
            self._kind.name = "new"
            request = last or self._next(number, dice)
            try:
                self._send(request)
                last = None
            except DatabaseUnavailable:
                last = request  # its id is asked for again when there is a server
                if not self.up.is_set():
                    self.waiting.release()
                    self.up.wait()
            except Exception as error:  # noqa: BLE001 - counted
                self.errors.append(f"{type(error).__name__}: {error}")
                return

    def _next(self, number: int, dice: random.Random) -> list[Request]:
        if number < SHARED:
            shared = next(self._shared) // SHARED
            command: Any = AddContact(contact_id=id_of("shared", shared), name="Ada")
            return [Request(command, "ann", command_id=id_of("stop", shared))]
        if number < SHARED + 3:
            command = AssignDeal(deal_id=self.deals[dice.randrange(3)], owner=("kim", "lee")[dice.randrange(2)])
            return [Request(command, "ann", command_id=uuid4())]
        if number < SHARED + 6:
            return [
                Request(
                    AddContact(contact_id=id_of("contended", next(self._shared) // 3), name="Ada"),
                    "ann",
                    command_id=uuid4(),
                )
            ]
        size = 1 if number < THREADS - 2 else dice.randrange(1, 5)
        return [
            Request(OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann"), "ann", command_id=uuid4())
            for _ in range(size)
        ]

    def _send(self, requests: list[Request]) -> None:
        if len(requests) > 1:
            for one in self._crm.execute_many(requests):
                self._note(one)
            return
        [request] = requests
        try:
            self._note(self._crm.execute(request.command, by="ann", command_id=request.command_id))
        except AlreadyOnRecord as refusal:
            self._note(refusal)

    def _note(self, outcome: Any) -> None:
        if isinstance(outcome, AlreadyOnRecord):
            self.answers.append(_Answer("refused", thing=outcome.id))
        elif isinstance(outcome, Receipt):
            kind = self._kind.name if outcome.events or self._kind.name != "new" else "nothing to record"
            self.answers.append(_Answer(kind, outcome))
        else:
            self.errors.append(f"{type(outcome).__name__}: {outcome}")

    def telling_kinds(self) -> Any:
        """Notes whether a receipt was replayed or probed."""
        receipt_of, resolve = Writer._receipt_of, Writer._resolve  # noqa: SLF001 - the test looks on

        def replayed(writer: Writer, prepared: Any) -> Receipt | None:
            found = receipt_of(writer, prepared)
            self._kind.name = "new" if found is None else "replayed"
            return found

        def probed(writer: Writer, prepared: Any) -> Receipt | None:
            found = resolve(writer, prepared)
            self._kind.name = "new" if found is None else "probed"
            return found

        return patch.multiple(Writer, _receipt_of=replayed, _resolve=probed)


def stop_under_load(
    server: PostgresServer,
    *,
    stops: int,
    load_s: float = 0.4,
    seed: int = 4,
    enough: Callable[[Stopping], bool] = lambda _: False,
) -> Stopping:
    """Stop the server so often while sixteen threads get answers, some of whose connections break; check every answer.

    `enough`: no further stop is needed.
    """
    found, dice = Stopping(), random.Random(seed)
    schema = f"stop_{uuid4().hex[:8]}"
    url = f"{server.dsn}&schema={schema}"
    with CRM.open(url, follow=[]) as crm:
        load = _Load(crm)
        for deal in load.deals:
            crm.execute(OpenDeal(deal_id=deal, title="New roof", amount=Money(1, "EUR"), owner="ann"), by="ann")
        with load.telling_kinds():
            load.up.set()
            for thread in load.threads:
                thread.start()
            for _ in range(stops):
                _break_connections(server, load_s * (0.5 + dice.random()))
                load.up.clear()
                server.stop("immediate")
                for _ in range(THREADS - len(load.errors)):
                    load.waiting.acquire(timeout=5)
                found.stops += 1
                answers, load.answers = load.answers, []
                server.start()
                _check(found, url, schema, server, answers)
                if enough(found):
                    break
                load.up.set()
            load.over.set()
            load.up.set()
            for thread in load.threads:
                thread.join(20)
    found.errors += load.errors
    return found


def _break_connections(server: PostgresServer, seconds: float) -> None:
    """Let the load run, and break a connection now and then, so that the outcome of its command has to be probed."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for _ in range(int(seconds / 0.02)):
            pause(0.02)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crm' "
                "AND (wait_event = 'WalSync' OR query LIKE 'COMMIT%' OR wait_event_type IS NULL) "
                "ORDER BY random() LIMIT 1"
            )


def _check(found: Stopping, url: str, schema: str, server: PostgresServer, answers: list[_Answer]) -> None:
    with CRM.open(url, follow=[]) as crm:
        facts = {fact.position: fact.id for fact in crm.log()}
        verdict = crm.verify()
    with psycopg.connect(server.dsn) as connection:
        streams = {row[0] for row in connection.execute(f"SELECT DISTINCT stream FROM {schema}.crm_events")}
        commands = {row[0] for row in connection.execute(f"SELECT command_id FROM {schema}.crm_commands")}
    if not verdict.intact:
        found.errors.append(str(verdict))
    for answer in answers:
        found.answers[answer.kind] += 1
        receipt = answer.receipt
        if receipt is None:
            found.lost[answer.kind] += answer.thing not in streams
        else:
            known = receipt.command_id in commands and all(facts.get(one.position) == one.id for one in receipt.events)
            found.lost[answer.kind] += not known or receipt.position > max(facts, default=0)
    found.lost = +found.lost


def survives(server: PostgresServer, ask: Callable[[CRM, Request], object]) -> bool:
    """Whether what `ask` is told about a contact who was just added is still true after a stop that comes at once."""
    request = Request(AddContact(contact_id=id_of("early"), name="Ada"), "ann", command_id=uuid4())
    with told_early(server, request, ask) as url, CRM.open(url, follow=[]) as crm:
        return any(fact.stream == id_of("early") for fact in crm.log())


@contextmanager
def told_early(server: PostgresServer, request: Request, ask: Callable[[CRM, Request], object]) -> Iterator[str]:
    """A writer appends and waits for the disk, which takes long; its rows can be read already.

    A reader asks about them, and the moment it has its answer the server stops at once. Gives the database
    after the restart, where the rows are there again or not; the reader, which may still be used, is closed last.
    """
    url = f"{server.dsn}&schema=early_{uuid4().hex[:8]}"
    with CRM.open(url, follow=[]) as writer, CRM.open(url, follow=[]) as reader:
        reader.execute(OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann"), by="ann")
        slow = threading.Thread(target=_ignoring_its_end, args=[writer, request])
        with patch.object(crm_core.writing, "_RECONNECTS", -1):
            with psycopg.connect(server.dsn) as holder:
                holder.execute("SELECT pg_advisory_xact_lock(%s)", [writer._store.database.lock_key])  # type: ignore[attr-defined]  # noqa: SLF001
                slow.start()
                _until(
                    server, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND application_name = 'crm'"
                )
            _until(server, f"SELECT 1 FROM {url.rpartition('=')[2]}.crm_events WHERE position = 2")
            ask(reader, request)
            kill_at_once(server)
            slow.join()
        server.start()
        yield url


def _ignoring_its_end(crm: CRM, request: Request) -> None:
    with suppress(DatabaseUnavailable):
        crm.execute(request.command, by="ann", command_id=request.command_id)


def _until(server: PostgresServer, question: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for _ in range(5_000):
            if connection.execute(question).fetchone():
                return
            pause(0.001)
    raise AssertionError(f"never: {question}")


def kill_at_once(server: PostgresServer) -> None:
    """As `stop("immediate")` does, without starting a program first; returns when the server is gone."""
    file = server.data / "postmaster.pid"
    os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)
    while file.exists():
        pause(0.002)


def _refused(kind: type[Exception], ask: Callable[[CRM, Request], object]) -> Callable[[CRM, Request], object]:
    def asked(crm: CRM, request: Request) -> None:
        try:
            ask(crm, request)
        except kind:
            return
        raise AssertionError(f"no {kind.__name__}")

    return asked


EARLY: dict[str, Callable[[CRM, Request], object]] = {
    "a replayed receipt": lambda crm, request: crm.execute(request.command, by="ann", command_id=request.command_id),
    "a replayed receipt of many": lambda crm, request: list(crm.execute_many([request])),
    "a probed receipt": lambda crm, request: crm._writer._resolve(crm._writer.prepare(request)),  # noqa: SLF001 - by itself
    "a refusal": _refused(AlreadyOnRecord, lambda crm, request: crm.execute(request.command, by="ann")),
    "a refusal among many": lambda crm, request: list(crm.execute_many([request._replace(command_id=uuid4())])),
    "a conflict": _refused(Conflict, lambda crm, _: crm.execute(_rename(), by="ann", expect={id_of("early"): 0})),
    "a used command id": _refused(
        CommandIdReused, lambda crm, request: crm.execute(_rename(), by="ann", command_id=request.command_id)
    ),
    "settled": lambda crm, _: crm.settle(),
    "a durable history": lambda crm, _: crm.history(id_of("early"), durable=True),
    "a durable log": lambda crm, _: list(crm.log(durable=True)),
}
"""Ways to learn of an event that another process has just appended."""


def _rename() -> RenameContact:
    return RenameContact(contact_id=id_of("early"), name="Ada Okafor")
