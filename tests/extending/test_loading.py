"""What cannot be loaded is said by name, and why."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM, Invalid
from crm_core.errors import CatalogueError, ExtensionError, WiringError
from crm_core.events import Event
from crm_core.extending import extensions, followers_with
from crm_core.kernel.decider import Decider
from crm_core.kernel.personal import Public
from projections import pipeline
from tests.extending.apart import program

PRIVATE = "hunter2-at-home"


def declared(name: str) -> None:
    class Odd(Event, type=name):
        """Something odd."""

        visit_id: Public[UUID]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("visit.recorded", r"must begin with a prefix of your own, such as 'acme\.visit\.recorded'"),
        ("crm.visit.recorded", "must not begin with 'crm'"),
        ("crm_core.visit.recorded", "must not begin with 'crm_core'"),
        ("acme.eu.visit.recorded", "must be 'noun.participle', or 'host.noun.participle'"),
        ("Acme.visit.recorded", "must be 'noun.participle', or"),
        ("acme..recorded", "must be 'noun.participle', or"),
        ("recorded", "must be 'noun.participle', or"),
        ("", "must be 'noun.participle', or"),
    ],
)
def test_a_hosts_type_has_a_prefix_a_noun_and_a_participle(name: str, why: str) -> None:
    with pytest.raises(CatalogueError, match=rf"test_loading\.py:\d+ Odd: type {why}"):
        declared(name)


def test_the_librarys_own_types_have_no_prefix() -> None:
    with pytest.raises(CatalogueError, match="only a host's types have a prefix"):

        class Odd(Event, type="acme.visit.recorded"):
            """Something odd."""

            __module__ = "crm_core.deal.events"
            visit_id: Public[UUID]


def test_a_noun_has_one_decider() -> None:
    from crm_core.deal.deal import Deal
    from crm_core.events import DealOpened

    def evolve(deal: Deal, event: DealOpened) -> Deal:
        return deal

    with pytest.raises(WiringError, match=r"test_loading\.py:\d+ .*the noun 'deal' has a decider already, at crm_core"):
        Decider("deal", initial=Deal(), evolve=evolve)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no such file"),
        ("", "declares no event, command, view or policy"),
        ("import no_such_module_xyz", "importing it raised ModuleNotFoundError: No module named 'no_such_module_xyz'"),
        ("def f(:", "importing it raised SyntaxError"),
        (f"raise ValueError('{PRIVATE}')", "importing it raised ValueError$"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named_with_the_reason(content: str | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    if content is not None:
        file.write_text(content)
    for source in (file, str(file), [str(file)]):
        with pytest.raises(ExtensionError, match=why) as caught:
            CRM.open("memory://", extend=source)
        assert PRIVATE not in str(caught.value)
    sys.modules.pop("crm_extensions.odd", None)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("no_such_package.visits", "there is no module no_such_package; a file is named with its .py"),
        ("crm_core.no_such_module", "there is no module crm_core.no_such_module"),
        ("../visits", "must be a file of Python, x.py"),
        (Path("package") / "__init__.py", "a package is named as it is imported"),
        (ModuleType("nothing"), "extension nothing: declares no event, command, view or policy"),
    ],
)
def test_a_module_that_is_not_there_is_named(source: Any, why: str) -> None:
    with pytest.raises(ExtensionError, match=why):
        CRM.open("memory://", extend=source)


@pytest.mark.parametrize("source", [7, [7], "", [""], b"visits"])
def test_what_names_no_module_is_refused(source: Any) -> None:
    with pytest.raises(Invalid, match="extend: must be a module, its name, a file, or several of them"):
        CRM.open("memory://", extend=source)


def test_a_wiring_error_in_an_extension_stays_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "unwired.py"
    file.write_text(
        "from projections import projection\n@projection('x', key=lambda e: 1)\ndef x(row, event, seen): ...\n"
    )
    with pytest.raises(WiringError, match=r"unwired\.py:2 x: no annotation on row, event, seen, return"):
        CRM.open("memory://", extend=file)


def test_two_followers_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "twin.py"
    file.write_text(
        "from projections import pipeline as ours, projection\n"
        "pipeline = projection('pipeline', key=lambda event: event.deal_id)(ours.function)\n"
    )
    with pytest.raises(WiringError, match=r"the name pipeline is taken by the view at projections/pipeline\.py"):
        CRM.open("memory://", extend=file)
    sys.modules.pop("crm_extensions.twin", None)


def test_a_view_of_ours_that_an_extension_imports_is_still_one_view(tmp_path: Path) -> None:
    file = tmp_path / "borrowing.py"
    file.write_text("from projections import pipeline\n")
    found = followers_with(extensions(file))
    assert found.count(pipeline) == 1
    assert len(found) == len(followers_with([]))


def test_a_file_is_loaded_once_and_its_namesake_beside_it(tmp_path: Path) -> None:
    files = [tmp_path / folder / "same.py" for folder in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_text("from projections import pipeline\n")
    names = [one.name for file in files for one in extensions([file, str(file)])]
    assert names[0] == "crm_extensions.same"
    assert names[1].startswith("crm_extensions.same_")
    assert len(names) == 2


@pytest.mark.parametrize("arguments", [("--load", "no_such.py", "status"), ("status", "--load", "no_such.py")])
def test_the_program_says_in_a_sentence_what_it_cannot_load(arguments: tuple[str, ...]) -> None:
    assert program(*arguments, "--url", "memory://", code=2) == ("crm: extension no_such.py: there is no such file\n")
