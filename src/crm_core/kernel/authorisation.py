"""Who may do what: the answer a host's `authorize` hook gives before each command."""

from collections.abc import Callable
from dataclasses import dataclass

from crm_core.kernel.messages import Command
from crm_core.kernel.recorded import Actor


@dataclass(frozen=True, slots=True)
class Allow:
    """Go on."""


@dataclass(frozen=True, slots=True)
class Deny:
    """Stop; nothing is recorded. `reason` is shown to the caller."""

    reason: str = "not allowed"


Authorize = Callable[[Actor, str, Command, tuple[str, ...]], Allow | Deny]
"""`authorize(actor, action, resource, fields)`: the action is the command's name, the resource the command
itself, `fields` those the caller set."""


def allow_all(actor: Actor, action: str, resource: Command, fields: tuple[str, ...]) -> Allow | Deny:
    """The hook in force where a host gives none."""
    return Allow()
