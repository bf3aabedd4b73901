"""An event-sourced CRM core: every interaction with a customer is an immutable fact, kept for good and provable.

What it offers is listed in `crm_core.surface` and imported when it is first asked for: whoever needs one
module of the core, as pytest needs its fixtures, does not pay for all of it.
"""

import importlib.util
import logging
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

logging.getLogger("crm_core").addHandler(logging.NullHandler())  # what is logged is the host's to configure

if TYPE_CHECKING:
    from crm_core.surface import *  # noqa: F403 - type checkers see all of it
else:

    def __getattr__(name: str) -> Any:
        if (name.startswith("__") and name != "__all__") or importlib.util.find_spec(f"{__name__}.{name}"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        surface = importlib.import_module("crm_core.surface")
        if name != "__all__" and name not in surface.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().setdefault(name, getattr(surface, name))

    def __dir__() -> list[str]:
        return sorted({*globals(), *importlib.import_module("crm_core.surface").__all__})
