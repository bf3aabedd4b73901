"""A host's own event, command, rule, view and policy, in a file of at most 60 lines, without an edit to the library."""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Foreign, Invalid, Refused, Status
from crm_core.commands import AddContact, ForgetPerson, SwitchOnPolicy
from crm_core.events import TaskAdded
from crm_core.kernel.ids import ContactId
from projections import Projection, directory, pipeline, retention, timeline
from tests.extending.apart import VISITS, apart, program

ADA = ContactId(UUID("00000000-0000-4000-8000-0000000000ad"))
SAID = "Her daughter Grace opened the door"


def loaded() -> Any:
    """The example, which is loaded."""
    return sys.modules["crm_extensions.visits"]


def visited(url: str) -> None:
    """Ada is visited twice, and thanked."""
    with CRM.open(url, extend=str(VISITS)) as crm:
        crm.execute(AddContact(contact_id=ADA, name="Ada"), by="ann")
        crm.execute(SwitchOnPolicy(policy="say_thanks"), by="ann")
        for minutes in (20, 50):
            crm.execute(loaded().RecordVisit(contact_id=ADA, owner="kim", minutes=minutes, notes=SAID), by="kim")
        crm.settle(policies=True)


def check_everything(url: str) -> None:
    visited(url)
    with CRM.open(url, extend=[VISITS, loaded()]) as crm:
        facts = [fact for fact in crm.history(ADA) if fact.type == "acme.visit.recorded"]
        assert [str(fact) for fact in facts] == [f"visited by kim: {SAID}"] * 2
        assert [fact.event.minutes for fact in facts] == [20, 50]  # type: ignore[attr-defined]
        view = loaded().visits
        assert [(row.owner, row.minutes) for row in crm.view(view)] == [("kim", 70)]
        assert [(row.owner, row.minutes) for row in crm.view(view, as_of=facts[0].position)] == [("kim", 20)]
        [task] = [fact for fact in crm.log() if isinstance(fact.event, TaskAdded)]
        assert (str(task.by), task.causation_id) == ("policy:say_thanks", facts[1].id)
        assert {"visits", "say_thanks", "pipeline"} <= lags(crm.status()).keys()
        assert "visits" in [one.name for one in crm.views]
        assert "say_thanks" in [one.name for one in crm.policies]
        with pytest.raises(Invalid, match="minutes"):
            loaded().RecordVisit(contact_id=ADA, owner="kim", minutes=0)
        with pytest.raises(Refused, match="not on record"):
            crm.execute(loaded().RecordVisit(contact_id=UUID(int=7), owner="kim", minutes=1), by="kim")
        assert crm.verify().intact


def lags(status: Status) -> dict[str, int]:
    return {one.name: one.lag for one in status.followers}


def check_without(url: str) -> None:
    """The same log, in a process that has never heard of visits."""
    with CRM.open(url) as crm:
        crm.settle(policies=True)
        assert [one.lag for one in crm.status().followers if one.on] == [0] * 4
        fact = next(fact for fact in crm.history(ADA) if fact.type == "acme.visit.recorded")
        assert isinstance(fact.event, Foreign)
        assert fact.event.fields == {"contact_id": str(ADA), "owner": "kim", "minutes": 20}
        assert json.loads(fact.event.public) == fact.event.fields
        assert (fact.event.type, fact.event.type_version, fact.event.sealed) == (fact.type, 1, ("notes",))
        assert (str(fact.by), fact.stream, fact.version) == ("user:kim", ADA, 2)
        assert SAID not in f"{fact} {fact!r} {fact.event!r} {fact.as_dict()}"
        assert fact.as_dict()["event"]["public"]["minutes"] == 20
        assert [one.type for one in crm.log(types=["acme.visit.recorded"])] == ["acme.visit.recorded"] * 2
        assert len(list(crm.log())) == crm.status().position
        views: list[Projection[Any]] = [directory, pipeline, retention]
        for view in views:
            assert crm.view(view, as_of=crm.status().position).rows == list(crm.view(view))
        assert {row.about for row in crm.view(timeline) if row.type == "acme.visit.recorded"} == {ADA}
        assert crm.verify().intact


def test_the_example_has_at_most_60_lines() -> None:
    assert len(VISITS.read_text(encoding="utf-8").splitlines()) <= 60


def test_a_file_of_a_hosts_own_works_like_the_library(url: str) -> None:
    apart(check_everything, url)


def test_without_the_extension_everything_else_goes_on(url: str) -> None:
    apart(visited, url)
    apart(check_without, url)
    facts = json.loads(program("history", str(ADA), "--url", url, "--json"))["facts"]
    assert facts[1]["says"] == "acme visit recorded (known to an extension that is not loaded)"
    assert facts[1]["event"] == {
        "type": "acme.visit.recorded",
        "type_version": 1,
        "public": {"contact_id": str(ADA), "owner": "kim", "minutes": 20},
        "sealed": ["notes"],
    }
    assert "intact" in program("verify", "--url", url)


def forgotten_without(url: str) -> None:
    with CRM.open(url) as crm:
        crm.execute(ForgetPerson(contact_id=ADA, ground="consent_withdrawn"), by="ann")
        crm.settle()


def forgotten_with(url: str) -> None:
    with CRM.open(url, extend=VISITS) as crm:
        told = [str(fact) for fact in crm.history(ADA) if fact.type == "acme.visit.recorded"]
        assert told == ["visited by kim: [erased]"] * 2


def test_a_person_who_is_forgotten_without_the_extension_is_forgotten_by_the_extension(url: str) -> None:
    apart(visited, url)
    apart(forgotten_without, url)
    apart(forgotten_with, url)


def test_a_timeline_shows_the_name_of_a_foreign_fact_and_after_a_rebuild_its_words(url: str) -> None:
    apart(visited_unseen, url)
    assert "acme visit recorded" in program("timeline", str(ADA), "--url", url)
    program("rebuild", "timeline", "--url", url, "--load", str(VISITS))
    assert "visited by kim" in program("timeline", str(ADA), "--url", url)


def visited_unseen(url: str) -> None:
    """Visited, and nobody has folded anything yet."""
    with CRM.open(url, extend=VISITS, follow=[]) as crm:
        crm.execute(AddContact(contact_id=ADA, name="Ada"), by="ann")
        crm.execute(loaded().RecordVisit(contact_id=ADA, owner="kim", minutes=20), by="kim")


# -- through the program ------------------------------------------------------------------------------


def test_the_program_knows_what_it_is_told_to_load(url: str) -> None:
    apart(visited, url)
    load = ("--load", str(VISITS))
    shown = json.loads(program("show", "visits", "--url", url, "--json", *load))
    assert shown["rows"] == [{"owner": "kim", "minutes": 70}]
    followers = json.loads(program(*load, "--url", url, "--json", "status"))["followers"]
    assert {"visits", "say_thanks"} <= {one["name"] for one in followers}
    assert "say_thanks is off" in program("policies", "off", "say_thanks", "--by", "ann", "--url", url, *load)
    listed = json.loads(program("policies", "--url", url, "--json", CRM_LOAD=str(VISITS)))["policies"]
    assert [one["on"] for one in listed if one["name"] == "say_thanks"] == [False]
    assert json.loads(program("run", "--once", "--url", url, "--json", *load))["followers"][-1]["name"] == "say_thanks"


def test_the_program_explains_what_is_loaded_without_a_database() -> None:
    told = json.loads(program("explain", "acme.visit.recorded", "--json", "--load", str(VISITS)))
    assert [one["name"] for one in told["recorded_when"]] == ["RecordVisit"]
    assert {"visits", "timeline"} == {one["name"] for one in told["shown_in"]}
    assert [one["name"] for one in told["answered_by"]] == ["say_thanks"]
    line = VISITS.read_text(encoding="utf-8").splitlines()[int(told["place"].rpartition(":")[2]) - 1]
    assert line.startswith("class VisitRecorded")
    for name in ("RecordVisit", "visits", "say_thanks"):
        assert json.loads(program("explain", name, "--json", "--load", str(VISITS)))["name"] == name
    assert "nothing is called" in program("explain", "RecordVisit", code=5)


# -- through an entry point ---------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """A folder on the path with a distribution in it that offers the example as an extension."""
    site = tmp_path / "site"
    package = site / "acme_visits"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""Acme\'s part of the domain."""\n')
    (package / "domain.py").write_text(VISITS.read_text(encoding="utf-8"))
    info = site / "acme_visits-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-visits\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[crm_core.extensions]\nacme = acme_visits\n")
    return str(site)


def visited_as_installed(url: str) -> None:
    from acme_visits import domain  # type: ignore[import-not-found]

    with CRM.open(url) as crm:
        crm.execute(AddContact(contact_id=ADA, name="Ada"), by="ann")
        crm.execute(SwitchOnPolicy(policy="say_thanks"), by="ann")
        receipt = crm.execute(domain.RecordVisit(contact_id=ADA, owner="kim", minutes=90), by="kim")
        crm.settle(policies=True)
        assert [row.minutes for row in crm.view(domain.visits, after=receipt)] == [90]
        assert [fact.type for fact in crm.history(ADA)][-1] == "task.added"


def test_an_installed_extension_is_there_without_a_word(url: str, installed: str) -> None:
    apart(visited_as_installed, url, PYTHONPATH=installed)
    shown = json.loads(program("show", "visits", "--url", url, "--json", PYTHONPATH=installed))
    assert shown["rows"] == [{"owner": "kim", "minutes": 90}]
    assert "acme_visits/domain.py:" in program("explain", "say_thanks", PYTHONPATH=installed)
    apart(check_foreign, url)


def check_foreign(url: str) -> None:
    with CRM.open(url) as crm:
        assert [type(fact.event) for fact in crm.log(types=["acme.visit.recorded"])] == [Foreign]
