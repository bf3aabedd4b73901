"""Who carries out commands on deals: we, the stock library, and SQL without anything around it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, Self
from uuid import UUID, uuid4

from crm_core import CRM, CRMError
from tests.benchmarks import stock
from tests.benchmarks.bare import Bare, BarePostgres, BareSqlite
from tests.benchmarks.deals import TITLE, Change, opening
from tests.benchmarks.places import Site

Kind = Literal["crm-core", "stock", "limit", "inserts"]
Script = Sequence[Change]
_TOGETHER = 500


class Contender(ABC):
    """Safe to share between threads."""

    @abstractmethod
    def fill(self, streams: int, script: Script) -> list[UUID]:
        """New streams: an opened deal and what the script says happened to it. Not timed."""

    @abstractmethod
    def command(self, stream: UUID, change: Change) -> None:
        """Load, decide, append one event; returns when it is durable."""

    @abstractmethod
    def close(self) -> None:
        """Give every connection back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Ours(Contender):
    """`CRM.execute`."""

    def __init__(self, site: Site) -> None:
        self.crm = CRM.open(site.url, follow=[])

    def fill(self, streams: int, script: Script) -> list[UUID]:
        """Step by step, so that the deals' events lie between each other's in the log."""
        ids = [uuid4() for _ in range(streams)]
        done(self.crm, (opening(one) for one in ids))
        done(self.crm, (change.command(one) for change in script for one in ids))
        return ids

    def command(self, stream: UUID, change: Change) -> None:
        self.crm.execute(change.command(stream), by="ann")

    def close(self) -> None:
        self.crm.close()


class Stock(Contender):
    """Repository, method, save."""

    def __init__(self, site: Site) -> None:
        self.app = stock.Sales(site.stock)

    def fill(self, streams: int, script: Script) -> list[UUID]:
        """Some hundred events a transaction: of 2,000 its PostgreSQL recorder never returns (psycopg 3.3.9)."""
        ids, unsaved, events = [], [], 0
        for _ in range(streams):
            deal = stock.opened(TITLE, Decimal("12000.00"))
            ids.append(deal.id)
            unsaved.append(deal)
            for change in script:
                getattr(deal, change.verb)(*change.values)
                events += 1
                if events >= _TOGETHER:
                    self.app.save(*unsaved)
                    unsaved, events = [deal], 0
        self.app.save(*unsaved)
        return ids

    def command(self, stream: UUID, change: Change) -> None:
        self.app.change(stream, change.verb, change.values)

    def close(self) -> None:
        self.app.close()


class Limit(Contender):
    """Select the stream's rows, insert one: no program that stores one row an event can do less."""

    def __init__(self, site: Site, *, selects: bool = True) -> None:
        self._bare: Bare = BareSqlite(site.bare) if site.database == "sqlite" else BarePostgres(site.bare)
        self._selects = selects
        self._versions: dict[UUID, int] = {}

    def fill(self, streams: int, script: Script) -> list[UUID]:
        """Rows of about the size of ours."""
        ids = [uuid4() for _ in range(streams)]
        self._bare.fill(ids, len(script) + 1)
        self._versions.update(dict.fromkeys(ids, len(script) + 1))
        return ids

    def command(self, stream: UUID, change: Change) -> None:
        """The change is of no interest."""
        if self._selects:
            self._bare.select(stream)
        version = self._versions.get(stream, 1_000_000) + 1
        self._versions[stream] = version
        self._bare.insert(stream, version)

    def close(self) -> None:
        self._bare.close()


def contender(kind: Kind, site: Site) -> Contender:
    """One of these, on a site."""
    match kind:
        case "crm-core":
            return Ours(site)
        case "stock":
            return Stock(site)
        case "limit":
            return Limit(site)
        case "inserts":
            return Limit(site, selects=False)


def done(crm: CRM, commands: Iterable[object]) -> int:
    """Carry out commands that no rule refuses; how many."""
    count = 0
    for outcome in crm.execute_many(commands, by="import:bench"):  # type: ignore[arg-type]
        if isinstance(outcome, CRMError):
            raise outcome
        count += 1
    return count
