"""Reads annotations as wiring: which command a decision takes, which events a fold follows."""

import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from crm_core.kernel.errors import WiringError


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is declared, for people to go and look."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place_of(thing: Callable[..., Any] | type) -> Place:
    """The file (from its top-level package on) and line where a function or class is declared."""
    target = inspect.unwrap(thing) if not isinstance(thing, type) else thing
    module = inspect.getmodule(target)
    try:
        file = inspect.getsourcefile(target) or "?"
        line = inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return Place(module.__name__ if module else "?", 0)
    depth = (module.__name__.count(".") + (1 if file.endswith("__init__.py") else 0)) if module else 0
    return Place("/".join(file.replace("\\", "/").split("/")[-depth - 1 :]), line)


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The resolved annotations of a function's parameters (in order) and its `return`.

    Raises:
        WiringError: a parameter or the result has no annotation, or one that cannot be resolved, for
            example because its name is imported under `TYPE_CHECKING` only.
    """
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, AttributeError, TypeError) as error:
        raise _wiring(function, f"an annotation cannot be resolved ({error}); is it imported at run time?") from error
    names = list(inspect.signature(function).parameters)
    missing = [name for name in [*names, "return"] if name not in hints]
    if missing:
        raise _wiring(function, f"no annotation on {', '.join(missing)}")
    return {name: hints[name] for name in [*names, "return"]}


def members(hint: object) -> tuple[Any, ...]:
    """The classes a plain union, an `Annotated` or a `type X = A | B` names, flat and in order."""
    if hasattr(hint, "__value__"):
        return members(hint.__value__)
    origin = get_origin(hint)
    if origin is Annotated:
        return members(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        return tuple(dict.fromkeys(one for part in get_args(hint) for one in members(part)))
    return () if hint in (None, type(None)) else (hint,)


def yielded(function: Callable[..., Any], hint: object) -> tuple[Any, ...]:
    """The classes in `Iterator[A | B]`; `Iterator[Never]`-like results are refused as empty wiring."""
    while hasattr(hint, "__value__"):
        hint = hint.__value__
    if get_origin(hint) not in (Iterator, Iterable):
        raise _wiring(function, f"must return Iterator[...], not {hint}")
    return members(get_args(hint)[0])


def classes(function: Callable[..., Any], parameter: str, hint: object, base: type) -> tuple[type[Any], ...]:
    """The subclasses of `base` that an annotation names.

    Raises:
        WiringError: it names none, or something else.
    """
    found = members(hint)
    wrong = [one for one in found if not (isinstance(one, type) and issubclass(one, base))]
    if wrong or not found:
        what = f"{wrong[0]!r} is no {base.__name__}" if wrong else f"names no {base.__name__}"
        raise _wiring(function, f"annotation of {parameter}: {what}")
    return found


def _wiring(function: Callable[..., Any], problem: str) -> WiringError:
    name = getattr(function, "__qualname__", repr(function))
    return WiringError(f"{place_of(function)} {name}: {problem}")


def wiring_error(function: Callable[..., Any], problem: str) -> WiringError:
    """A `WiringError` that names the file, the line and the function."""
    return _wiring(function, problem)
