"""The CRM object: one noun, few verbs. Opens a history, carries out commands, answers questions."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

import crm_core
from crm_core.aside import Aside
from crm_core.extending import Source, extensions, followers_with
from crm_core.following import Follower, Loader
from crm_core.forgetting import Forgetting
from crm_core.kernel import arguments
from crm_core.kernel.authorisation import Authorize, allow_all
from crm_core.kernel.errors import CRMError, FollowerHalted, SettleTimeout, ViewNotFolded
from crm_core.kernel.messages import Command
from crm_core.kernel.recorded import Actor, Receipt, Recorded
from crm_core.kernel.time import Clock, SystemClock
from crm_core.reading import AsOf, Axis, History, Reader, View, Viewable, axis_of, position_of
from crm_core.status import Status, status_of
from crm_core.store.forking import renewed
from crm_core.store.joined import require_connection
from crm_core.store.opening import Store, open_store
from crm_core.store.verify import Verdict, verify
from crm_core.writing import Request, Writer

Row = TypeVar("Row")
_POLL_S = 0.005
"""How long a running follower rests when there is nothing to read, in seconds."""
_VIEWABLE, _FOLLOWER = arguments.method_names(Viewable), arguments.method_names(Follower)
_A_VIEW = "a view, such as projections.pipeline, not its name"
_ONE_COMMAND = (Command, Request)
"""What Python could go through as if it were many."""
_MOST_WORKERS = 16
"""How many processes may share a rebuild or a verification."""


def _unwatched(_done: int, _of: int) -> None:
    """Progress that nobody looks at."""


class CRM:
    """A customer history and everything that can be asked of it.

    ```python
    with CRM.open("sqlite:///acme.db") as crm:
        receipt = crm.execute(OpenDeal(title="New roof", amount=Money("12000", "EUR"), owner="ann"), by="ann")
        print(crm.view(pipeline, after=receipt).where(status="open").total("amount"))
    ```

    Safe to share between threads. Starts no thread: views and policies are moved on by whoever asks
    (`view(after=…)`, `settle`), by `run()`, or by the one background thread of `running()`.
    """

    def __init__(
        self, store: Store, followers: Sequence[Follower], clock: Clock, authorize: Authorize, app: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._news = renewed(self, "_news", threading.Condition)
        self._writer = Writer(
            store, clock, authorize, f"crm-core/{crm_core.__version__}{' ' + app if app else ''}", self._committed
        )
        self._reader = Reader(store, clock)
        self._forgetting = Forgetting(store)
        self._loader = Loader(store, followers, self._writer, clock)
        self._aside = Aside(store, self._loader, clock)
        self._known: dict[str, Follower] = {one.name: one for one in followers}

    @classmethod
    def open(
        cls,
        url: str,
        *,
        follow: Iterable[Follower] | None = None,
        extend: Source | Iterable[Source] | None = None,
        clock: Clock | None = None,
        authorize: Authorize = allow_all,
        app: str = "",
        create: bool = True,
    ) -> Self:
        """Open the history a URL names, creating it in an empty database.

        Args:
            url: `memory://`, `sqlite:///FILE` or `postgresql://…`; options: `mode=ro` (change nothing),
                `schema=` (PostgreSQL), `prefix=` (of views' names, SQLite), `shared=yes` (SQLite: the file may
                hold tables of your own already), `keys=` (where the key store lies), `durability=test`.
            follow: the views and policies to keep up; None: all that are installed, and the extensions'.
            extend: extensions of your own to load, beside those that are installed (entry points
                `crm_core.extensions`): a module, its name, a file, or several of them.
            clock: tells the time; None: the machine's clock.
            authorize: asked before every command; the default allows all.
            app: the host's name and version, recorded with every event it writes.
            create: whether an empty database becomes a CRM; False: that is an error.

        Raises:
            Invalid: the URL, an option or an argument is wrong.
            StoreError: the database does not answer, is not ours, or is unsafe; says which.
            ExtensionError: an extension cannot be loaded.
            CatalogueError: what it declares does not fit; or a foreign module has the name of one of ours.
        """
        brought = extensions(extend)
        chosen = tuple(followers_with(brought) if follow is None else _followers(follow))
        clock = SystemClock() if clock is None else _clock(clock)
        arguments.function("authorize", authorize)
        arguments.text("app", app)
        arguments.flag("create", create)
        store = open_store(url, clock, create="where empty" if create else "no")
        crm = cls(store, chosen, clock, authorize, app)
        crm._forgetting.finish()
        return crm

    # -- writing --------------------------------------------------------------------------------

    def execute(
        self,
        command: Command,
        *,
        by: Actor | str,
        at: datetime | None = None,
        command_id: UUID | None = None,
        expect: Mapping[UUID, int] | None = None,
        on_behalf_of: Actor | str | None = None,
        correlation_id: UUID | None = None,
        causation_id: UUID | None = None,
        connection: object = None,
    ) -> Receipt:
        """Carry out a command; returns when what it recorded is durable.

        Args:
            command: the intent.
            by: who does it: an Actor, a login, or `kind:id`.
            at: when it happened in the world (aware); None: now.
            command_id: makes a retry safe: the same id gives the same receipt. None: a fresh one.
            expect: stream → version it must be at.
            on_behalf_of: for whom, where that is someone else.
            correlation_id: what started it all; None: this command.
            causation_id: the event that this command answers.
            connection: your own `sqlite3.Connection` or `psycopg.Connection` to the same database. The events
                become part of its open transaction: they commit, or roll back, with your rows, and are as
                durable as your commit; until then the log is locked, so call this last. None: a transaction
                of the command's own.

        Raises:
            Refused: a rule said no; nothing was recorded.
            Invalid: the input is wrong; names the field and the rule.
            Denied: the authorisation hook said no.
            Conflict: a stream is not at the version in `expect`, or others kept changing it.
            TransactionConflict: others are in the way of your transaction; roll it back and run it again.
            CommandIdReused: the id stands for a command with other content.
            UnknownCommand: nothing decides such a command.
        """
        self._store.require_writable("no command can be carried out")
        request = Request(
            command,
            by,
            at,
            command_id,
            expect,
            on_behalf_of,
            correlation_id,
            causation_id,
        )
        if connection is None:
            return self._writer.execute(request)
        [outcome] = self._writer.joined([request], connection)
        if isinstance(outcome, CRMError):
            raise outcome
        return outcome

    def execute_many(
        self,
        commands: Iterable[Command | Request],
        *,
        by: Actor | str | None = None,
        batch: int = 2_000,
        stop_on_refusal: bool = False,
        connection: object = None,
    ) -> Iterator[Receipt | CRMError]:
        """Carry out any number of commands, `batch` of them in a transaction, at flat memory.

        Yields one outcome for each command, in order: its receipt, or the error that refused it. A
        refusal does not stop the rest unless asked. Give command ids (`Request(command, command_id=…)`)
        and an interrupted run is simply run again. Nothing happens until the outcomes are read.

        `connection`: as for `execute`; all of them become part of your transaction.

        Raises:
            Invalid: an argument is wrong; what is wrong with a command is its outcome.
        """
        self._store.require_writable("no command can be carried out")
        actor = None if by is None else Actor.parse(by)
        arguments.whole("batch", batch, 1)
        arguments.flag("stop_on_refusal", stop_on_refusal)
        require_connection(connection)
        many = arguments.many("commands", commands, "commands, one after the other, also if it is one", _ONE_COMMAND)
        requests = (_request(one, actor) for one in many)
        return self._writer.execute_many(requests, batch, stop_on_refusal=stop_on_refusal, connection=connection)

    def _committed(self, receipts: Sequence[Receipt]) -> None:
        if any(one.type == "person.forgotten" for receipt in receipts for one in receipt.events):
            self._forgetting.finish()
        self._wake_up()

    def _wake_up(self) -> None:
        with self._news:
            self._news.notify_all()

    # -- reading --------------------------------------------------------------------------------

    def history(
        self, thing: UUID, *, as_of: datetime | int | AsOf | None = None, axis: Axis = "recorded", durable: bool = False
    ) -> History:
        """Every fact about a customer, deal or any other thing, in the order the log learnt them.

        Args:
            thing: the id of a stream; facts of other streams that regard it are included.
            as_of: only what was known at that instant or position (`axis="recorded"`), or what had
                happened by then (`axis="occurred"`). None: now.
            axis: which time `as_of` speaks of.
            durable: wait until all that is returned would survive a crash of the server.

        Raises:
            NotFound: nothing is recorded about it.
            Invalid: a naive or future time, a position beyond the log.
        """
        arguments.flag("durable", durable)
        return self._reader.history(thing, as_of, axis, durable=durable)

    def identities(self, thing: UUID) -> tuple[UUID, ...]:
        """The thing itself and what it was before: a contact, then the leads it was converted from."""
        arguments.uuid("thing", thing)
        return self._reader.identities(thing)

    def things(self, prefix: str, limit: int = 10) -> list[UUID]:
        """Whatever is on record under an id that begins with these hex digits; for people who type."""
        return self._reader.things(prefix, limit)

    def as_of(self, moment: datetime | int | AsOf | None, axis: Axis = "recorded") -> AsOf:
        """The moment in full: an instant with its position, or a position with its instant."""
        return self._reader.as_of(moment, axis)

    def log(
        self, after: int = 0, types: Sequence[str] | None = None, *, upto: int | None = None, durable: bool = False
    ) -> Iterator[Recorded]:
        """The log in order from behind a position: only these types (None: all), up to a position (None: the end).

        Raises:
            Invalid: no position, or a type that is neither known nor in the log.
        """
        arguments.flag("durable", durable)
        return self._reader.log(after, types, upto, durable=durable)

    def view(
        self,
        projection: Viewable[Row],
        *,
        after: Receipt | int | None = None,
        as_of: datetime | int | AsOf | None = None,
        axis: Axis = "recorded",
        timeout: float = 30.0,
        durable: bool = False,
    ) -> View[Row]:
        """The rows of a view.

        Args:
            projection: the view, such as `projections.pipeline`.
            after: a receipt or position that must be folded in; whatever no worker has folded yet is
                folded in this thread (views only).
            as_of: the rows as they were at an instant or position; folded from the history.
            axis: which time `as_of` speaks of.
            timeout: how long folding may take, in seconds.
            durable: wait until all that is returned would survive a crash of the server.

        Raises:
            ViewNotFolded: nobody has folded it yet, and `after` was not asked for; where nothing may be
                written it is folded in memory instead.
            SettleTimeout: not folded that far in time.
            Invalid: an argument is wrong.
        """
        arguments.thing("projection", projection, _VIEWABLE, _A_VIEW)
        arguments.seconds("timeout", timeout)
        arguments.flag("durable", durable)
        axis_of(axis)
        if as_of is not None:
            return View(self._reader, projection, self._reader.as_of(as_of, axis))
        follower = self._known.get(projection.name)
        if self._store.rights.read_only:
            position = None if after is None else _position("after", after)
            return self._aside.view(follower or projection, position, durable=durable)  # type: ignore[arg-type]
        if after is not None:
            position = _position("after", after)
            self._fold([follower or projection], position, time.monotonic() + timeout)  # type: ignore[list-item]
        elif not self._loader.positions().get(projection.checkpoint) and self._head():
            told = f"{projection.name} was never folded; ask for view(…, after=receipt), settle() or run()"
            raise ViewNotFolded(told, view=projection.name)
        if durable:
            self._store.database.barrier()
        return View(self._reader, projection, None)

    def verify(self, progress: Callable[[int], None] = lambda _: None, *, workers: int = 1) -> Verdict:
        """Recompute the whole log's chain, columns and links; see `crm verify`.

        Args:
            progress: called with the number of events read so far.
            workers: how many processes read, where other processes can open the log. A program that asks for
                more than one keeps its own start under `if __name__ == "__main__":`, as `multiprocessing` says.

        Raises:
            Invalid: no whole number of workers.
        """
        arguments.function("progress", progress)
        return verify(self._store.database, progress, arguments.whole("workers", workers, 1, _MOST_WORKERS))

    # -- following ------------------------------------------------------------------------------

    @property
    def views(self) -> list[Follower]:
        """The views this CRM keeps up."""
        return [one for one in self._loader.followers if one.kind == "view"]

    @property
    def policies(self) -> list[Follower]:
        """The policies that are installed, switched on or not."""
        return [one for one in self._loader.followers if one.kind == "policy"]

    def _active(self) -> list[Follower]:
        on = self._writer.in_force.switches()
        return [one for one in self.policies if one.name in on]

    def settle(self, position: Receipt | int | None = None, timeout: float = 30.0, *, policies: bool = False) -> int:
        """Fold, in this thread, whatever no worker has folded yet; returns the position all have reached.

        Args:
            position: how far; None: to the end of the log as it is now.
            timeout: in seconds.
            policies: also let policies that are switched on act, fire alarms that are due, and fold what follows.

        Raises:
            SettleTimeout: not done in time.
            FollowerHalted: a follower met what it must not pass.
        """
        self._store.require_writable("nothing can be folded")
        deadline = time.monotonic() + arguments.seconds("timeout", timeout)
        arguments.flag("policies", policies)
        upto = self._head() if position is None else _position("position", position)
        if policies:
            upto = self._settle_policies(upto, deadline)
        self._fold(self.views, upto, deadline)
        self._store.database.barrier()
        return upto

    def _settle_policies(self, upto: int, deadline: float) -> int:
        while True:
            active = self._active()
            self._fold(active, upto, deadline)
            fired = self._loader.wake(active)
            head = self._head()
            if head == upto and not fired:
                return upto
            if time.monotonic() > deadline:
                raise SettleTimeout(f"policies have not come to rest at position {head} in time", position=head)
            upto = head

    def _fold(self, followers: Sequence[Follower], upto: int, deadline: float) -> None:
        may, going, halted = self._store.rights.fold, list(followers), None
        while not self._loader.arrived(going, upto):
            try:
                moved = self._loader.advance(going, upto) if may else False
            except FollowerHalted as error:  # the others go on, as far as they can
                stuck, halted = error.follower.split(", "), halted or error
                going = [one for one in going if one.name not in stuck]
                continue
            if time.monotonic() > deadline and not self._loader.arrived(going, upto):
                waited = "" if may else ": this database role may not fold, and no worker did"
                raise SettleTimeout(f"not folded up to position {upto} in time{waited}", position=upto)
            if not moved:
                threading.Event().wait(_POLL_S)
        if halted is not None:
            raise halted

    def tick(self) -> int:
        """Fire the alarms that are due, of policies that are switched on; how many."""
        self._store.require_writable("no alarm can fire")
        return self._loader.wake(self._active())

    def run(self, stop: threading.Event | None = None) -> None:
        """Keep views and switched-on policies up with the log, in this thread, until `stop` is set.

        Raises:
            FollowerHalted: when nothing can go on any more; others are moved on as far as they can first.
        """
        self._store.require_writable("nothing can be folded")
        stop = threading.Event() if stop is None else arguments.thing("stop", stop, ["is_set"], "a threading.Event")
        next_tick = 0.0
        while not stop.is_set():
            moved = self._round()
            if time.monotonic() >= next_tick:
                moved |= bool(self.tick())
                next_tick = time.monotonic() + 1.0
            if not moved:
                with self._news:
                    self._news.wait(_POLL_S)

    def _round(self) -> bool:
        """One stretch for each follower that can move; a halted one does not keep the others."""
        head, moved, halted = self._head(), False, None
        followers = [*self.views, *self._active()]
        for follower in followers:
            try:
                moved |= self._loader.advance([follower], head)
            except FollowerHalted as error:
                halted = error
        if halted is not None and not moved:
            raise halted
        return moved

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Follow in one background thread for as long as the block lasts.

        What stops it (a halted follower, a lost database) is raised when the block ends.
        """
        stop = threading.Event()
        failure: list[BaseException] = []

        def follow() -> None:
            try:
                self.run(stop)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that owns the block
                failure.append(error)

        thread = threading.Thread(target=follow, name="crm-running", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            self._wake_up()
            thread.join()
        if failure:
            raise failure[0]

    def rebuild(self, projection: Any, progress: Callable[[int, int], None] = _unwatched, *, workers: int = 1) -> int:
        """Fold a view anew from the first event, beside the live one; returns the position it reached.

        Args:
            projection: the view.
            progress: called with the position reached and the position to reach.
            workers: how many processes fold, at most 16, where other processes can open the log and the view's
                rows each belong to one stream, as the pipeline's do. A program that asks for more than one keeps
                its own start under `if __name__ == "__main__":`, as `multiprocessing` says.

        Raises:
            Invalid: it is no view that can be rebuilt, or no whole number of workers.
            FollowerHalted: a fact of an unknown type, or a fold that raised; the live view stays.
            FollowError: another rebuild took over, or several workers cannot share this view.
        """
        self._store.require_writable("nothing can be rebuilt")
        arguments.thing("projection", projection, [*_VIEWABLE, "rebuild"], _A_VIEW)
        arguments.function("progress", progress)
        return int(projection.rebuild(self._loader, progress, arguments.whole("workers", workers, 1, _MOST_WORKERS)))

    def status(self) -> Status:
        """Where everything stands; for probes and `crm status`."""
        return status_of(self._store, self._loader, self._writer.in_force.switches())

    def _head(self) -> int:
        with self._store.database.looking() as transaction:
            return self._store.log.head(transaction).position

    # -- closing --------------------------------------------------------------------------------

    def close(self) -> None:
        """Give back every connection. The CRM cannot be used afterwards."""
        self._aside.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _clock(clock: Clock) -> Clock:
    what = "a clock, such as ManualClock(datetime), which has now()"
    if isinstance(clock, datetime):  # it has a now() too
        arguments.wrong("clock", f"must be {what}")
    return arguments.thing("clock", clock, ["now"], what)


def _followers(follow: Iterable[Follower]) -> Iterator[Follower]:
    what = "views and policies, such as [projections.pipeline], not their names"
    for one in arguments.many("follow", follow, what):
        yield arguments.thing("follow", one, _FOLLOWER, what)


def _position(field: str, asked: Receipt | int) -> int:
    """A position from a receipt or a number."""
    return position_of(field, asked.position if isinstance(asked, Receipt) else asked)


def _request(one: Command | Request, actor: Actor | None) -> Request:
    if isinstance(one, Request):
        return one if one.by is not None else one._replace(by=actor)
    return Request(one, actor)
