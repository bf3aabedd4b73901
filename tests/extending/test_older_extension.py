"""An extension that is older than the log halts what follows its own types, and nothing else."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Foreign, Money
from crm_core.commands import AddContact, OpenDeal, SwitchOnPolicy
from crm_core.errors import FollowerHalted, UnknownEventType
from crm_core.kernel.ids import ContactId
from projections import Projection, directory, pipeline, retention, timeline
from tests.extending.apart import VISITS, apart

ADA = ContactId(UUID("00000000-0000-4000-8000-0000000000ad"))


def written_later(url: str, what: str) -> None:
    """A newer Acme records something at position 3; more happens behind it."""
    from tests.extending import later

    command = later.RecordVisit if what == "version" else later.PlanVisit
    with CRM.open(url, follow=[]) as crm:
        crm.execute(AddContact(contact_id=ADA, name="Ada"), by="ann")
        crm.execute(SwitchOnPolicy(policy="say_thanks"), by="ann")
        crm.execute(command(contact_id=ADA), by="kim")
        crm.execute(OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann", contact_id=ADA), by="ann")


def halted(url: str) -> None:
    with CRM.open(url, extend=VISITS) as crm:
        for _ in range(2):
            with pytest.raises(FollowerHalted, match=r"^visits halted before position 3: unknown .* acme\.visit"):
                crm.settle()
            assert {one.name: one.position for one in crm.status().followers if one.kind == "view"} == {
                "directory": 4, "pipeline": 4, "retention": 4, "timeline": 4, "visits": 2,
            }  # fmt: skip
        with pytest.raises(FollowerHalted, match=r"^say_thanks halted before position 3"):
            crm.settle(policies=True)
        with pytest.raises(FollowerHalted):
            crm.run()
        visits = sys.modules["crm_extensions.visits"].visits
        assert len(crm.view(pipeline, after=4)) == 1
        assert {row.position for row in crm.view(timeline, after=4) if row.about == ADA} == {1, 3, 4}
        views: list[Projection[Any]] = [directory, pipeline, retention, timeline]
        for view in views:
            assert crm.view(view, as_of=4).rows == crm.view(view, after=4).rows
        assert crm.view(visits, as_of=2).rows == []
        for ask in (lambda: crm.view(visits, as_of=4).rows, lambda: visits.replay(crm.log())):
            with pytest.raises(UnknownEventType, match="position 3"):
                ask()
        assert isinstance(crm.history(ADA)[1].event, Foreign)
        assert crm.verify().intact


@pytest.mark.parametrize("what", ["version", "type"])
def test_what_a_newer_extension_wrote_halts_only_what_follows_that_extension(what: str, url: str) -> None:
    apart(written_later, url, what)
    apart(halted, url)


@dataclass(frozen=True, slots=True)
class Visited:
    """How often."""

    times: int = 0


def undecided(url: str) -> None:
    """A rule of Acme's own, which looks at visits, on a stream with one that it cannot read."""
    from crm_core.commands import Command
    from crm_core.events import Event
    from crm_core.kernel.decider import Decider
    from crm_core.kernel.personal import Public

    class VisitRecorded(Event, type="acme.visit.recorded", stream="contact_id"):
        contact_id: Public[ContactId]

    class CountVisit(Command):
        contact_id: Public[ContactId]

        @property
        def visited_id(self) -> UUID:
            return self.contact_id

    def evolve(visited: Visited, event: VisitRecorded) -> Visited:
        return Visited(visited.times + 1)

    decider = Decider("visited", initial=Visited(), evolve=evolve)

    @decider.decision
    def count(visited: Visited, command: CountVisit) -> Iterator[VisitRecorded]:
        yield VisitRecorded(contact_id=command.contact_id)

    with CRM.open(url, follow=[]) as crm:
        with pytest.raises(UnknownEventType, match=r"acme\.visit\.recorded v2"):
            crm.execute(CountVisit(contact_id=ADA), by="kim")
        assert crm.status().position == 4


def test_no_rule_decides_on_a_fact_that_it_cannot_read(url: str) -> None:
    apart(written_later, url, "version")
    apart(undecided, url)
