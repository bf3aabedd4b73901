"""Automation: facts answered with commands. One file is one sentence; adding a policy is adding a file."""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from policies.engine.policy import Policy
from policies.engine.waits import Sleep, Wake, Woken
from policies.follow_up_on_demo_request import follow_up_on_demo_request
from policies.thank_on_purchase import thank_on_purchase

__all__ = ["Policy", "Sleep", "Wake", "Woken", "follow_up_on_demo_request", "standard", "thank_on_purchase"]


def standard() -> tuple[Policy[Any], ...]:
    """Every policy that a module of this package declares, by name."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.iter_modules(__path__, f"{__name__}.")
        if not found.ispkg
    ]
    return tuple(sorted((one for module in modules for one in _declared_in(module)), key=lambda one: one.name))


def _declared_in(module: ModuleType) -> list[Policy[Any]]:
    return [one for one in vars(module).values() if isinstance(one, Policy) and one.module == module.__name__]
