"""What holds for each policy there is, found by looking."""

import inspect
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policies
from crm_core.kernel.catalogue import catalogue, erased_copy
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import WITHHELD
from crm_core.testing import example
from policies import Policy, standard
from policies.testing import tell

every_policy = pytest.mark.parametrize("policy", standard(), ids=lambda policy: policy.name)
LONG = timedelta(days=365)
PAUSES = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3))


def withheld_copy(event: Event) -> Event:
    """The event as a reader sees it who may not see personal values."""
    return event.model_copy(update=dict.fromkeys(catalogue.of(event).personal, WITHHELD))


def test_policies_are_found_without_a_list() -> None:
    files = {path.name for path in __import__("pathlib").Path(policies.__path__[0]).glob("*.py")}
    names = {f"{policy.name}.py" for policy in standard()}
    assert names == files - {"__init__.py", "testing.py"}


def test_what_the_package_offers_by_name_is_there() -> None:
    assert policies.__all__ == sorted(policies.__all__)
    assert all(hasattr(policies, name) for name in policies.__all__)
    for policy in standard():
        assert getattr(policies, policy.name, policy) is policy


@every_policy
def test_its_file_is_one_sentence(policy: Policy[Any]) -> None:
    assert policy.meaning.endswith(".")
    assert set(policy.name.split("_")) & {"on", "when", "before"}
    assert policy.place.file == f"policies/{policy.name}.py"
    assert len(inspect.getsource(__import__("sys").modules[policy.module]).splitlines()) <= 120


@every_policy
def test_it_is_given_no_personal_value_and_gives_none(policy: Policy[Any]) -> None:
    assert policy.opens is False
    for event in map(example, policy.behaviour.follows):
        open_eyed = tell(policy, event, LONG)
        assert tell(policy, withheld_copy(event), LONG) == open_eyed
        assert tell(policy, erased_copy(event), LONG) == open_eyed


@every_policy
@given(data=st.data())
def test_the_same_story_gives_the_same_answers(policy: Policy[Any], data: st.DataObject) -> None:
    events = st.sampled_from(policy.behaviour.follows).map(example)
    story = data.draw(st.lists(events | PAUSES, max_size=12))
    said = tell(policy, *story, LONG)
    assert tell(policy, *story, LONG) == said
    assert tell(policy, *[erased_copy(one) if isinstance(one, Event) else one for one in story], LONG) == said
    assert {type(command) for command in said} <= set(policy.behaviour.gives)
