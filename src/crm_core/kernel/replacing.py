"""Changing a state or a row: like `dataclasses.replace`, and faster, since folds do little else."""

from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import replace
else:
    from dataclasses import fields

    def replace(state: Any, /, **changes: Any) -> Any:
        """The same state or row with some fields changed.

        Raises:
            TypeError: it has no such field.
        """
        cls = state.__class__
        get, places = _shape(cls)
        values = list(get(state))
        try:
            for name, value in changes.items():
                values[places[name]] = value
        except KeyError as error:
            raise TypeError(f"{cls.__name__} has no field {error}") from None
        return cls(*values)

    @lru_cache(maxsize=1024)
    def _shape(cls: type[Any]) -> tuple[Any, dict[str, int]]:
        names = [field.name for field in fields(cls)]
        get = attrgetter(*names)
        return (get if len(names) > 1 else lambda row: (get(row),)), {name: place for place, name in enumerate(names)}


__all__ = ["replace"]
