"""Changing a state or a row: like `dataclasses.replace`, and several times faster, since folds do little else.

A frozen dataclass sets every field of a new object through `object.__setattr__`, which takes longer than the rest of
a fold. So for each class a twin is made once: the same slots, without the freezing. A copy is filled as a twin,
with plain assignments, and becomes one of its class before anybody sees it.
"""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from dataclasses import replace
else:

    def replace(state: Any, /, **changes: Any) -> Any:
        """The same state or row with some fields changed.

        Raises:
            TypeError: it has no such field.
        """
        cls = state.__class__
        shape = _SHAPES.get(cls) or _shape(cls)
        if shape is None:
            return _slowly(state, changes)
        made, setters = shape.copy(state), shape.setters
        try:
            for name, value in changes.items():
                setters[name](made, value)
        except KeyError as error:
            raise TypeError(f"{cls.__name__} has no field {error}") from None
        made.__class__ = cls
        return made


class _Shape(NamedTuple):
    """How objects of one class are made: `copy` gives a twin with the same values, `setters` are the twin's slots."""

    copy: Callable[[Any], Any]
    setters: dict[str, Callable[[Any, Any], None]]
    make: Callable[[Sequence[Any]], Any]


_SHAPES: dict[type[Any], _Shape] = {}
"""The classes that have a twin, and their shapes."""


def maker(cls: type[Any]) -> Callable[[Sequence[Any]], Any]:
    """What makes an object of a dataclass from the values of all its fields, in their order, unchecked."""
    shape: _Shape | None = _SHAPES.get(cls) or _shape(cast("Hashable", cls))
    return shape.make if shape else lambda values: cls(*values)


@lru_cache(maxsize=1024)
def _shape(cls: type[Any]) -> _Shape | None:
    """The shape of a plain class, all of whose fields are its own slots, and which runs no code of its own when made.

    None: the class is another one.
    """
    fields = dataclasses.fields(cls)
    names = [field.name for field in fields]
    plain = (
        cls.__bases__ == (object,)
        and tuple(vars(cls).get("__slots__", ())) == tuple(names)
        and all(field.init for field in fields)
        and not {"__post_init__", "__new__", "__del__"} & set(vars(cls))
        and getattr(cls, "__dataclass_params__").init  # noqa: B009 - the type checker does not know it
    )
    if not names or not plain:
        return None
    twin = type(f"{cls.__name__}Twin", (), {"__slots__": tuple(names)})
    made: dict[str, Any] = {"blank": object.__new__, "Twin": twin, "Whole": cls}
    exec(_source(names), made)  # noqa: S102 - made of field names alone, as dataclasses makes its methods
    setters = {name: getattr(twin, name).__set__ for name in names}
    _SHAPES[cls] = shape = _Shape(made["copy"], setters, made["make"])
    return shape


def _source(names: Sequence[str]) -> str:
    """The code of `copy` and `make`."""
    blank = "    made = blank(Twin)"
    copied = [f"    made.{name} = state.{name}" for name in names]
    told = f"    {', '.join(f'made.{name}' for name in names)}, = values"
    copy = ["def copy(state):", blank, *copied, "    return made"]
    make = ["def make(values):", blank, told, "    made.__class__ = Whole", "    return made"]
    return "\n".join([*copy, *make])


def _slowly(state: Any, changes: dict[str, Any]) -> Any:
    """By the standard library, for a class that does something when an object of it is made."""
    known = {field.name for field in dataclasses.fields(state)}
    unknown = next((name for name in changes if name not in known), None)
    if unknown is not None:
        raise TypeError(f"{state.__class__.__name__} has no field {unknown!r}")
    return dataclasses.replace(state, **changes)


__all__ = ["maker", "replace"]
