"""A whole CRM for a test: in memory unless asked otherwise, and its time passes only when the test says so."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from crm_core.app import CRM
from crm_core.commands import SwitchOnPolicy
from crm_core.extending import installed_followers
from crm_core.following import Follower
from crm_core.kernel.authorisation import Authorize, allow_all
from crm_core.kernel.errors import Invalid, NotFound
from crm_core.kernel.time import to_utc

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""Where a clock's hands stand if nobody says otherwise: a Monday morning."""
_BY = "machine:test"


class MovableClock:
    """A clock that stands still until it is moved on; then the CRMs that live by it do what is due.

    Several CRMs may live by one clock, also on one database.
    """

    def __init__(self, start: datetime = MONDAY) -> None:
        """Let the hands stand at an instant.

        Raises:
            Invalid: a naive time.
        """
        self._now = _instant("start", start)
        self._crms: list[StagedCRM] = []

    def now(self) -> datetime:
        """Where the hands stand, UTC."""
        return self._now

    def advance(self, by: timedelta | None = None, /, **amount: float) -> datetime:
        """Let time pass: `advance(days=14)`, or a `timedelta`; returns where the hands stand then.

        Alarms fire one after the other as they come due, the hands standing where each is due, so that an
        alarm that sets the next one rings as often as it would have. Views are folded too; all in this thread.

        Raises:
            Invalid: backwards, or what is no amount of time.
            FollowerHalted, SettleTimeout: a view or policy cannot go on; the hands stand where it stopped.
        """
        try:
            passing = timedelta(**amount) if by is None else by + timedelta(**amount)
            until = self._now + passing
        except (TypeError, ValueError, OverflowError):
            raise Invalid("clock", [("advance", "takes days, hours, minutes … or a timedelta, within 9999")]) from None
        return self.advance_to(until)

    def advance_to(self, instant: datetime) -> datetime:
        """Let time pass until an instant; otherwise as `advance`.

        Raises:
            Invalid: a naive time, or one that is over.
        """
        until = _instant("instant", instant)
        if until < self._now:
            raise Invalid("clock", [("instant", "lies behind the hands: time passes forwards only")])
        self._settle()
        while (due := self._next_alarm()) is not None and due <= until:
            self._now = due
            self._settle()
        self._now = until
        self._settle()
        return until

    def drives(self, crm: "StagedCRM") -> None:
        """From now on this CRM does what is due when the hands move."""
        self._crms.append(crm)

    def leaves(self, crm: "StagedCRM") -> None:
        """This CRM is closed, or lives on without."""
        self._crms = [one for one in self._crms if one is not crm]

    def _settle(self) -> None:
        for crm in self._crms:
            crm.settle(policies=True)

    def _next_alarm(self) -> datetime | None:
        alarms = (crm.next_alarm() for crm in self._crms)
        return min((due for due in alarms if due is not None and due > self._now), default=None)


class StagedCRM(CRM):
    """A CRM as any other, but for its `clock`. Made by `a_crm`."""

    @property
    def clock(self) -> MovableClock:
        """What its time is told by: `crm.clock.advance(days=14)`."""
        return cast("MovableClock", self._clock)

    def next_alarm(self) -> datetime | None:
        """When the earliest alarm of a policy that is switched on is due; None: none is set."""
        active = self._active()
        for policy in active:
            self._loader.prepare(policy)
        with self._store.database.looking() as transaction:
            found = [policy.next_alarm(transaction) for policy in active]
        return min((due for due in found if due is not None), default=None)

    def close(self) -> None:
        """Give back every connection; the clock goes on without it."""
        self.clock.leaves(self)
        super().close()


def a_crm(
    url: str = "memory://",
    *,
    clock: MovableClock | None = None,
    policies: Iterable[Follower | str] = (),
    follow: Iterable[Follower] | None = None,
    authorize: Authorize = allow_all,
    app: str = "",
) -> StagedCRM:
    """A CRM to be used as a context manager or closed, whose time passes only when its clock is moved.

    Args:
        url: where the history is kept; `memory://` is gone with the CRM.
        clock: None: one of its own, whose hands stand at `MONDAY`.
        policies: what is switched on, policies or names of installed ones; it answers what happens from
            then on, when the clock moves or `settle(policies=True)` is called.
        follow: views and policies to keep up; None: all that are installed. Policies named above join them.
        authorize: asked before every command; the default allows all.
        app: the host's name and version.

    Raises:
        NotFound: a policy is named that is not installed.
        Invalid: `policies` is a single name, or the URL is wrong.
    """
    if isinstance(policies, str):
        raise Invalid("policies", [("policies", "must be a list of policies or their names")])
    wanted = tuple(policies)
    given = {one.name: one for one in wanted if not isinstance(one, str)}
    known = {one.name: one for one in (installed_followers() if follow is None else follow)} | given
    names = [one if isinstance(one, str) else one.name for one in wanted]
    there = sorted(name for name, one in known.items() if one.kind == "policy")
    for name in names:
        if name not in there:
            raise NotFound(f"no policy {name} is installed; there are {', '.join(there) or 'none'}")
    crm = StagedCRM.open(url, follow=known.values(), clock=clock or MovableClock(), authorize=authorize, app=app)
    try:
        for name in names:
            crm.execute(SwitchOnPolicy(policy=name), by=_BY)
    except BaseException:
        crm.close()
        raise
    crm.clock.drives(crm)
    return crm


def _instant(field: str, value: object) -> datetime:
    """An aware datetime in UTC."""
    if not isinstance(value, datetime):
        raise Invalid("clock", [(field, "must be an aware datetime")])
    try:
        return to_utc(value)
    except ValueError as error:
        raise Invalid("clock", [(field, str(error))]) from None
