"""Following the log: one loader reads it in order, decodes once, and feeds every view and policy."""

import importlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from crm_core.contact.events import PersonForgotten
from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.errors import CRMError, FollowerHalted, StoreError, UnknownEventType
from crm_core.kernel.foreign import barrier
from crm_core.kernel.recorded import Receipt, Recorded
from crm_core.kernel.time import SystemClock
from crm_core.store.forking import renewed
from crm_core.store.opening import Store, open_store
from crm_core.store.port import Database, StreamsMoved, Transaction, UniqueViolation, unswept
from crm_core.store.scanning import Headers, Scan, Share, Stretch
from crm_core.writing import Request

__all__ = ["Follower", "Loader", "Overtaken", "Request", "Share", "Work"]

logger: logging.Logger = logging.getLogger("crm_core.following")
PAGE = 20_000
"""How many followed facts are taken in in one transaction: the more, the fewer rows are read and written twice."""
CHUNK = 2_000
"""How many are read at a time where nothing is written between."""
STRETCH = 200_000
"""How many positions one transaction may pass at most."""


_FOR_ALL = ("person.forgotten",)
"""What every share of a view is given: whoever is forgotten may have rows anywhere."""


@dataclass(slots=True)
class Work:
    """What a follower is given in one transaction: facts in order, and the position it will have reached.

    Everything written through `transaction` commits together with the checkpoint, or not at all.
    """

    transaction: Transaction
    facts: Sequence[Recorded]
    upto: int
    now: datetime
    execute: Callable[[Sequence[Request]], list[Receipt | CRMError]]
    """Carries out commands inside this transaction, one outcome each: a receipt or the refusal."""
    switched_on_after: int = 0
    """Policies: facts at or before this position are remembered history, nothing to act on."""


class Follower(Protocol):
    """Anything that reads the log in order and keeps rows of its own in the same database.

    `types`: stored names of the events it follows (None: all). `opens`: whether it is given personal
    values. `kind`: views are folded by anyone who asks; a policy acts only where it was switched on.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def checkpoint(self) -> str:
        """Under which name its position is kept: the name and what makes its rows incomparable, such as a version."""
        ...

    @property
    def kind(self) -> Literal["view", "policy"]:
        """What it may do."""
        ...

    @property
    def types(self) -> tuple[str, ...] | None:
        """What it follows."""
        ...

    @property
    def opens(self) -> bool:
        """Whether it is given personal values."""
        ...

    def prepare(self, transaction: Transaction) -> None:
        """Create its tables if they are not there."""
        ...

    def fold(self, work: Work) -> None:
        """Take in the facts. Raising rolls everything back, checkpoint included."""
        ...

    def reset(self, transaction: Transaction) -> None:
        """Forget every row, as if nothing had been followed."""
        ...

    def wake(self, work: Work) -> int:
        """Policies: fire the alarms that are due at `work.now`; how many fired. Views: 0."""
        ...

    def next_alarm(self, transaction: Transaction) -> datetime | None:
        """Policies: when the earliest alarm is due; None: none is set."""
        ...


class Overtaken(Exception):
    """Another worker has moved this checkpoint meanwhile."""


class Loader:
    """Moves followers along the log. Any number of loaders, in any process, may run on one database.

    A checkpoint is moved by compare-and-set in the transaction that writes the rows: whoever comes
    second gets nothing done, and nothing doubled.
    """

    def __init__(self, store: Store, followers: Iterable[Follower], writer: Any, clock: Any) -> None:
        self.followers: list[Follower] = list(followers)
        self._store = store
        self._writer = writer
        self._clock = clock
        self._prepared: set[str] = set()
        self._enveloped: set[str] = set()
        self._noted: dict[str, str] = {}
        self._guard = renewed(self, "_guard", threading.Lock)

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process: the same log through connections of its own, for reading and for rows."""
        modules = {entry.cls.__module__ for entry in catalogue} - {"__main__"}
        return _reopened, (self._store.url, sorted(modules))

    def positions(self) -> dict[str, int]:
        """Checkpoint name → position; a follower that never began is left out."""
        with self._store.database.looking() as transaction:
            return dict(transaction.execute("SELECT name, position FROM crm_followers").fetchall())

    def standing(self, transaction: Transaction) -> dict[str, tuple[int, str | None]]:
        """Checkpoint name → position, and why it cannot pass the next one (None: nothing is known against it)."""
        rows = transaction.execute("SELECT name, position, detail FROM crm_followers").fetchall()
        halts = {name: detail.partition(" ") for name, _, detail in rows}
        return {name: (at, halts[name][2] if halts[name][0] == str(at) else None) for name, at, _ in rows}

    def _note(self, group: Sequence[Follower], since: int, halt: FollowerHalted) -> None:
        """Let every process see that these halted here; once one of them has moved on, the note is about the past."""
        names = halt.follower.split(", ")
        for follower in group:
            detail = f"{since} {halt.reason}"
            if follower.name not in names or self._noted.get(follower.checkpoint) == detail:
                continue
            logger.warning("%s halted before position %d: %s", follower.name, halt.position, halt.reason)
            with suppress(StoreError), self._store.database.writing() as transaction:
                transaction.execute(
                    "UPDATE crm_followers SET detail = ? WHERE name = ? AND position = ?",
                    [detail, follower.checkpoint, since],
                )
                self._noted[follower.checkpoint] = detail

    def advance(self, followers: Sequence[Follower], upto: int) -> bool:
        """One stretch for those that are furthest behind; False: nobody could be moved.

        Raises:
            FollowerHalted: the next event is of a type or version this code does not know, or a fold failed.
        """
        for follower in followers:
            self.prepare(follower)
        positions = self.positions()
        behind = [one for one in followers if positions[one.checkpoint] < upto]
        if not behind:
            return False
        since = min(positions[one.checkpoint] for one in behind)
        group = [one for one in behind if positions[one.checkpoint] == since]
        try:
            with unswept():
                return self._stretch(group, since, upto)
        except FollowerHalted as halt:
            self._note(group, since, halt)
            raise

    def _stretch(self, group: Sequence[Follower], since: int, upto: int) -> bool:
        with self._store.database.reading() as transaction:
            page = self._page(group, since, upto, PAGE, transaction, self._scan(group, None))
        moved = [self._folded(follower, page, since) for follower in page.group] if page.upto > since else []
        return any(moved)

    def _folded(self, follower: Follower, page: "_Page", since: int) -> bool:
        try:
            self._fold(follower, page, since)
        except Overtaken:
            logger.debug("%s was moved on by another worker", follower.name)
            return False
        return True

    def arrived(self, followers: Sequence[Follower], upto: int) -> bool:
        """Whether all of these have come so far."""
        positions = self.positions()
        return all(positions.get(one.checkpoint, -1) >= upto for one in followers)

    def _page(
        self, group: Sequence[Follower], since: int, upto: int, size: int, transaction: Transaction, scan: Scan
    ) -> "_Page":
        upto = max(since, min(upto, since + STRETCH, self._head(transaction)))
        return self._checked(group, since, scan.page(transaction, since, upto, size))

    def _scan(self, group: Sequence[Follower], share: Share | None) -> Scan:
        """What has to be read for these. Envelopes only for policies, and for a view that once looked at one."""
        everything = any(one.types is None for one in group)
        types = None if everything else sorted({name for one in group for name in one.types or ()})
        headers = any(one.kind == "policy" or one.checkpoint in self._enveloped for one in group)
        streams = share.condition(self._store.database.dialect, "stream") if share else ""
        return Scan(types, sealed=any(one.opens for one in group), headers=headers, share=streams, for_all=_FOR_ALL)

    def _checked(self, group: Sequence[Follower], since: int, stretch: Stretch) -> "_Page":
        """The page, as far as any of the group can go.

        Raises:
            FollowerHalted: none can: the next fact is one that they must not pass.
        """
        able, upto = _unhalted(group, stretch.unknown, since, stretch.upto)
        rows = stretch.rows if upto == stretch.upto else [row for row in stretch.rows if row[0] <= upto]

        def asked() -> None:
            self._enveloped.update(one.checkpoint for one in able)

        return _Page(self._store, rows, upto, able, Headers(self._store.database, rows, asked))

    def _head(self, transaction: Transaction) -> int:
        return self._store.log.head(transaction).position

    # -- reading without moving on --------------------------------------------------------------

    @property
    def database(self) -> Database:
        """Where the log and the followers' rows are."""
        return self._store.database

    def head(self) -> int:
        """The newest position."""
        with self._store.database.looking() as transaction:
            return self._head(transaction)

    def read(
        self,
        follower: Follower,
        after: int,
        upto: int,
        transaction: Transaction | None = None,
        share: Share | None = None,
    ) -> Iterator[tuple[list[Recorded], int]]:
        """What a follower would be given behind a position, page by page, with the position each reaches.

        `share`: only facts of these streams, and whoever is forgotten.

        Raises:
            FollowerHalted: the next event is of a type or version this code does not know.
        """
        while after < upto:
            reached = after
            for page in self._pages(follower, after, upto, transaction, share):
                yield page.facts(follower), page.upto
                reached = page.upto
            if reached == after:
                return
            after = reached

    def _pages(
        self, follower: Follower, after: int, upto: int, transaction: Transaction | None, share: Share | None
    ) -> Iterator["_Page"]:
        """One stretch, in one page or in several; no snapshot is held behind it."""
        database, size, scan = self._store.database, min(CHUNK, PAGE), self._scan([follower], share)
        if transaction is not None:
            yield self._page([follower], after, upto, size, transaction, scan)
        elif not database.reads_ahead:
            with database.reading() as reading:
                page = self._page([follower], after, upto, size, reading, scan)
            yield page
        else:
            with database.reading() as reading:
                upto = max(after, min(upto, after + STRETCH, self._head(reading)))
                with closing(scan.pages(reading, after, upto, size)) as pages:
                    for stretch in pages:
                        page = self._checked([follower], after, stretch)
                        yield page
                        after = page.upto
                        if after < stretch.upto:
                            return

    def hold(self, transaction: Transaction, follower: Follower) -> int:
        """Where a follower stands; nobody moves it until the transaction ends."""
        transaction.execute("UPDATE crm_followers SET position = position WHERE name = ?", [follower.checkpoint])
        [position] = transaction.execute(
            "SELECT position FROM crm_followers WHERE name = ?", [follower.checkpoint]
        ).fetchone()
        return int(position)

    def place(self, transaction: Transaction, follower: Follower, position: int) -> None:
        """Let a follower that is held stand somewhere else; its rows were brought there in the same transaction."""
        transaction.execute("UPDATE crm_followers SET position = ? WHERE name = ?", [position, follower.checkpoint])

    def _fold(self, follower: Follower, page: "_Page", since: int) -> None:
        facts = page.facts(follower)
        done: list[Receipt] = []
        with self._store.database.writing() as transaction:
            self._move(transaction, follower, since, page.upto)
            work = self._work(transaction, facts, page.upto, follower, done)
            with _halting(follower, since + 1):
                follower.fold(work)
        if done:
            self._writer.appended(done)
        if follower.opens and any(isinstance(fact.event, PersonForgotten) for fact in facts):
            self._store.database.expunge()

    def _move(self, transaction: Transaction, follower: Follower, since: int, upto: int) -> None:
        moved = transaction.execute(
            "UPDATE crm_followers SET position = ? WHERE name = ? AND position = ?", [upto, follower.checkpoint, since]
        )
        if moved.rowcount != 1:
            raise Overtaken

    def _work(
        self, transaction: Transaction, facts: Sequence[Recorded], upto: int, follower: Follower, done: list[Receipt]
    ) -> Work:
        """What the follower is given; `done` collects the receipts of what it has carried out."""
        on_after = 0
        if follower.kind == "policy":
            on = self._writer.in_force.switches(transaction)
            if follower.name not in on:
                raise Overtaken
            on_after = on[follower.name]

        def execute(requests: Sequence[Request]) -> list[Receipt | CRMError]:
            outcomes: list[Receipt | CRMError] = self._writer.inside(transaction, requests)
            done.extend(one for one in outcomes if isinstance(one, Receipt))
            return outcomes

        return Work(transaction, facts, upto, self._clock.now(), execute, on_after)

    def wake(self, policies: Sequence[Follower]) -> int:
        """Fire every due alarm of these policies; how many fired."""
        fired = 0
        for policy in policies:
            self.prepare(policy)
            done: list[Receipt] = []
            with self._store.database.writing() as transaction:
                fired += self._woken(policy, transaction, done)
            if done:
                self._writer.appended(done)
        return fired

    def _woken(self, policy: Follower, transaction: Transaction, done: list[Receipt]) -> int:
        try:
            work = self._work(transaction, [], 0, policy, done)
        except Overtaken:
            return 0
        with _halting(policy, 0):
            return policy.wake(work)

    def rewind(self, follower: Follower) -> None:
        """Begin again from nothing, rows and checkpoint in one transaction."""
        self.prepare(follower)
        with self._store.database.writing() as transaction:
            follower.reset(transaction)
            transaction.execute("UPDATE crm_followers SET position = 0 WHERE name = ?", [follower.checkpoint])

    def prepare(self, follower: Follower) -> None:
        """Create a follower's tables and its checkpoint, if they are not there."""
        if follower.checkpoint in self._prepared:
            return
        with self._guard, self._store.database.writing() as transaction:
            transaction.lock_log()
            follower.prepare(transaction)
            transaction.execute(
                "INSERT INTO crm_followers (name, position, detail) VALUES (?, 0, '') ON CONFLICT DO NOTHING",
                [follower.checkpoint],
            )
        self._prepared.add(follower.checkpoint)


@dataclass(slots=True)
class _Page:
    """Rows read once, decoded once for readers that may see personal values and once for those that may not."""

    store: Store
    rows: list[Any]
    upto: int
    group: Sequence[Follower]
    headers: Headers
    _decoded: dict[bool, list[Recorded]] = field(default_factory=dict)

    def facts(self, follower: Follower) -> list[Recorded]:
        """What this follower gets of the page."""
        rows = self.rows
        if follower.opens not in self._decoded:
            self._decoded[follower.opens] = self.store.mapper(opens=follower.opens).recorded(rows, self.headers)
        facts = self._decoded[follower.opens]
        if follower.types is None:
            return facts
        wanted = frozenset(follower.types)
        return [fact for fact, row in zip(facts, rows, strict=True) if row[1] in wanted]


def _reopened(url: str, modules: Sequence[str]) -> Loader:
    """A loader for a process that was just started, which knows the same events."""
    for module in modules:
        importlib.import_module(module)
    clock = SystemClock()
    return Loader(open_store(url, clock), [], None, clock)


def _unhalted(
    group: Sequence[Follower], unknown: Sequence[UnknownEventType], since: int, upto: int
) -> tuple[Sequence[Follower], int]:
    """Those that can go on from here, and how far all of them can go.

    Raises:
        FollowerHalted: none can: the next fact is one that they must not pass.
    """
    if not unknown:
        return group, upto
    stops = {one.name: stop for one in group if (stop := barrier(unknown, one.types)) is not None}
    here = [name for name, stop in stops.items() if stop.position == since + 1]
    if len(here) == len(group):
        raise FollowerHalted(", ".join(here), since + 1, str(stops[here[0]]))
    able = [one for one in group if one.name not in here]
    return able, min([upto, *((stops[one.name].position or 1) - 1 for one in able if one.name in stops)])


@contextmanager
def _halting(follower: Follower, position: int) -> Iterator[None]:
    """What goes wrong in a follower's own code halts it; what the database refuses is the database's."""
    try:
        yield
    except (StoreError, FollowerHalted, UniqueViolation, StreamsMoved):
        raise
    except Exception as error:
        if not position:
            logger.warning("%s failed at an alarm: %s", follower.name, type(error).__name__)
        raise FollowerHalted(follower.name, position, f"its code raised {type(error).__name__}") from error
