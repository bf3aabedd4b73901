"""The fixtures that pytest has once the library is installed: there when asked for, and not felt otherwise."""

import importlib.metadata
import sys

import pytest

import crm_core
import crm_core.surface

pytest_plugins = ["pytester"]

ALONE = ("-p", "no:cacheprovider", "-p", "no:randomly")


def run(pytester: pytest.Pytester, code: str) -> pytest.RunResult:
    """Another pytest on a file of these tests."""
    pytester.makepyfile(code)
    return pytester.runpytest_inprocess(*ALONE)


def run_apart(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    """The same in another process, which has imported nothing yet."""
    pytester.makepyfile(code)
    return pytester.runpytest_subprocess(*ALONE, *arguments, timeout=60)


def test_it_is_found_by_pytest() -> None:
    found = {one.name: one.value for one in importlib.metadata.entry_points(group="pytest11")}
    assert found.get("crm_core") == "crm_core.pytest_plugin", "install the project again: pip install --no-deps -e ."


def test_fixtures_share_one_clock_and_fire_what_is_due(pytester: pytest.Pytester) -> None:
    run(
        pytester,
        """
        import pytest
        from crm_core.commands import AssignLead, CaptureLead, SubmitForm
        from policies import follow_up_on_demo_request
        from projections import timeline

        @pytest.fixture
        def crm_policies():
            return [follow_up_on_demo_request]

        def test_two_weeks(crm, sqlite_crm, clock, tmp_path):
            for one in (crm, sqlite_crm):
                lead = one.execute(CaptureLead(name="Ada", channel="form"), by="ann").id
                one.execute(AssignLead(lead_id=lead, owner="kim"), by="ann")
                one.execute(SubmitForm(form="demo_request", name="Ada", lead_id=lead), by="customer:web")
            clock.advance(days=14)
            for one in (crm, sqlite_crm):
                assert one.clock is clock
                assert len(list(one.log(types=["task.added"]))) == 2
                assert len(one.view(timeline)) > 4
            assert (tmp_path / "crm.db").is_file()
            assert sqlite_crm.status().position == crm.status().position

        def test_the_next_test_begins_anew(crm, clock):
            assert clock.now().isoformat() == "2026-03-02T09:00:00+00:00"
            assert list(crm.log(types=["task.added"])) == []
        """,
    ).assert_outcomes(passed=2)


def test_followers_can_be_chosen(pytester: pytest.Pytester) -> None:
    run(
        pytester,
        """
        import pytest
        from projections import pipeline

        @pytest.fixture
        def crm_follow():
            return [pipeline]

        def test_one_view(crm):
            assert crm.views == [pipeline]
            assert crm.policies == []
        """,
    ).assert_outcomes(passed=1)


def test_nothing_of_the_library_is_imported_until_a_fixture_is_used(pytester: pytest.Pytester) -> None:
    result = run_apart(
        pytester,
        """
        import sys, threading

        def test_imports():
            ours = {name for name in sys.modules if name.partition(".")[0] in {"crm_core", "projections", "policies"}}
            assert ours == {"crm_core", "crm_core.pytest_plugin"}
            assert not {"pydantic", "eventsourcing", "cryptography", "hypothesis.strategies"} & sys.modules.keys()
            assert threading.active_count() == 1
        """,
        "-p",
        "no:hypothesispytest",
    )
    result.assert_outcomes(passed=1)


def test_it_says_nothing_and_its_fixtures_say_what_they_are(pytester: pytest.Pytester) -> None:
    result = run_apart(pytester, "def test_nothing(): pass", "-q", "-W", "error")
    result.assert_outcomes(passed=1)
    assert "crm" not in "\n".join(line for line in result.outlines if "plugins:" not in line)
    listed = pytester.runpytest_inprocess(*ALONE, "--fixtures", "-q").stdout.str()
    for name in ("crm", "sqlite_crm", "clock", "crm_policies", "crm_follow"):
        assert f"\n{name} -- " in listed
    assert "no docstring" not in listed.partition("crm_core")[2].partition("=====")[0]


def test_a_fixture_of_the_host_goes_first(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def crm():
            return "mine"
        """
    )
    run(pytester, "def test_mine(crm): assert crm == 'mine'").assert_outcomes(passed=1)


def test_importing_the_core_imports_what_is_asked_for(pytester: pytest.Pytester) -> None:
    code = (
        "import sys, crm_core\n"
        "assert 'pydantic' not in sys.modules\n"
        "import crm_core.pytest_plugin\n"
        "assert 'pydantic' not in sys.modules\n"
        "from crm_core import CRM\n"
        "assert CRM is sys.modules['crm_core.app'].CRM\n"
    )
    assert pytester.run(sys.executable, "-c", code).ret == 0


def test_the_surface_is_sorted_and_all_of_it_is_there() -> None:
    offered = crm_core.surface.__all__
    assert vars(importlib.import_module("crm_core")).get("__all__", offered) is offered
    assert offered == sorted(offered, key=lambda name: (not name.isupper(), name))
    for name in offered:
        assert getattr(crm_core, name) is getattr(crm_core.surface, name)
    assert set(offered) <= set(dir(crm_core))
    with pytest.raises(AttributeError, match="has no attribute 'Nope'"):
        _ = crm_core.Nope  # type: ignore[attr-defined]
