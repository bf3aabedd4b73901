"""Views that ship with the CRM, and the engine that folds them from the log.

One file is one view; `standard()` finds them all, so that adding a view is adding a file. Each is
re-exported here: `from projections import pipeline` gives the view, not the module it is written in.
"""

import importlib
import pkgutil
from typing import Any

from projections.directory import directory
from projections.engine.projection import Projection, projection
from projections.pipeline import pipeline
from projections.retention import retention
from projections.timeline import timeline

__all__ = ["Projection", "directory", "pipeline", "projection", "retention", "standard", "timeline"]


def standard() -> tuple[Projection[Any], ...]:
    """Every view in this package, by name."""
    found: dict[str, Projection[Any]] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        if not module.ispkg:
            for thing in vars(importlib.import_module(module.name)).values():
                if isinstance(thing, Projection):
                    found[thing.name] = thing
    return tuple(found[name] for name in sorted(found))
