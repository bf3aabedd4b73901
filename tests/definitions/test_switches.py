"""Policy switches: no policy acts until somebody says so, and it is on record who did."""

from typing import Any

import pytest

from crm_core.commands import SwitchOffPolicy, SwitchOnPolicy
from crm_core.definitions.switches import PolicySwitch, PolicySwitches, switches
from crm_core.errors import Invalid
from crm_core.events import PolicySwitchedOff, PolicySwitchedOn
from crm_core.kernel.messages import Event
from crm_core.testing import given

THANKS = "thank_on_purchase"
on = PolicySwitchedOn(policy=THANKS)
on_from_start = PolicySwitchedOn(policy=THANKS, after=0)
off = PolicySwitchedOff(policy=THANKS)


def switch(*events: Event) -> PolicySwitch:
    folded: PolicySwitches = given(*events).state(switches.fold)
    return folded.of(THANKS)


def test_a_policy_is_off_until_it_is_switched_on() -> None:
    assert switch() == PolicySwitch(on=False, after=None)
    assert switch(on) == PolicySwitch(on=True, after=None)
    assert switch(on_from_start) == PolicySwitch(on=True, after=0)
    assert switch(on_from_start, off) == PolicySwitch(on=False, after=None)
    assert switch(PolicySwitchedOn(policy="another")) == PolicySwitch(on=False, after=None)


def test_a_policy_is_switched_on_from_now_or_from_a_position() -> None:
    given().when(SwitchOnPolicy(policy=THANKS)).then(on)
    given().when(SwitchOnPolicy(policy=THANKS, after=0)).then(on_from_start)


def test_on_from_the_same_start_is_no_news() -> None:
    given(on).when(SwitchOnPolicy(policy=THANKS)).then_nothing()
    given(on_from_start).when(SwitchOnPolicy(policy=THANKS, after=0)).then_nothing()


def test_on_from_another_start_is_news() -> None:
    given(on).when(SwitchOnPolicy(policy=THANKS, after=0)).then(on_from_start)


def test_a_policy_is_switched_off_and_on_again() -> None:
    given(on).when(SwitchOffPolicy(policy=THANKS)).then(off)
    given(on, off).when(SwitchOnPolicy(policy=THANKS)).then(on)


def test_off_is_off() -> None:
    given().when(SwitchOffPolicy(policy=THANKS)).then_nothing()
    given(on, off).when(SwitchOffPolicy(policy=THANKS)).then_nothing()


@pytest.mark.parametrize("wrong", [-1, 1.5, "1", True])
def test_a_position_is_a_whole_number_from_nought(wrong: Any) -> None:
    with pytest.raises(Invalid, match="after"):
        SwitchOnPolicy(policy=THANKS, after=wrong)
