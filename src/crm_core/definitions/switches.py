"""Which policies are switched on, and from which position of the log."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from crm_core.definitions.commands import SwitchOffPolicy, SwitchOnPolicy
from crm_core.definitions.events import PolicyEvent, PolicySwitchedOff, PolicySwitchedOn
from crm_core.kernel.decider import Decider, Definition


@dataclass(frozen=True, slots=True)
class PolicySwitch:
    """Whether a policy is on, and after which position it reacts (None: after its switching on)."""

    on: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True)
class PolicySwitches:
    """The switch of every policy that was ever switched; any other is off."""

    switches: Mapping[str, PolicySwitch] = field(default_factory=dict)

    def of(self, policy: str) -> PolicySwitch:
        """The switch of one policy."""
        return self.switches.get(policy, PolicySwitch())


def evolve(switch: PolicySwitch, event: PolicyEvent) -> PolicySwitch:
    """The switch after one more turn."""
    match event:
        case PolicySwitchedOn(after=after):
            return PolicySwitch(on=True, after=after)
        case PolicySwitchedOff():
            return PolicySwitch()


def in_force(switches: PolicySwitches, event: PolicyEvent) -> PolicySwitches:
    """The last turn of each switch holds."""
    return PolicySwitches({**switches.switches, event.policy: evolve(switches.of(event.policy), event)})


switchboard: Decider[PolicySwitch] = Decider("policy", initial=PolicySwitch(), evolve=evolve)
switches: Definition[PolicySwitches] = Definition("policies", initial=PolicySwitches(), evolve=in_force)


@switchboard.decision
def switch_on(switch: PolicySwitch, command: SwitchOnPolicy) -> Iterator[PolicySwitchedOn]:
    """On from the same start is not news; another start is."""
    if switch != PolicySwitch(on=True, after=command.after):
        yield PolicySwitchedOn(policy=command.policy, after=command.after)


@switchboard.decision
def switch_off(switch: PolicySwitch, command: SwitchOffPolicy) -> Iterator[PolicySwitchedOff]:
    """Off is off."""
    if switch.on:
        yield PolicySwitchedOff(policy=command.policy)
