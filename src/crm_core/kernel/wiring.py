"""Reads annotations as wiring: which command a decision takes, which events a fold follows."""

import inspect
import re
import sys
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
    """The resolved annotations of a function's parameters (in order) and its `return`; `type X = …` opened.

    Raises:
        WiringError: a parameter or the result has no annotation, or one that cannot be resolved, for
            example because its name is imported under `TYPE_CHECKING` only.
    """
    try:
        hints = {name: _opened(hint) for name, hint in get_type_hints(function, include_extras=True).items()}
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise _unresolved(function, error) from error
    names = parameters_of(function)
    missing = [name for name in [*names, "return"] if name not in hints]
    if missing:
        raise _wiring(function, f"no annotation on {', '.join(missing)}")
    return {name: hints[name] for name in [*names, "return"]}


def parameters_of(function: Callable[..., Any]) -> list[str]:
    """The names of a function's parameters, in order.

    Raises:
        WiringError: an annotation names what is not there (where Python reads annotations only when asked: 3.14).
    """
    try:
        return list(inspect.signature(function).parameters)
    except NameError as error:
        raise _unresolved(function, error) from error


def field_hints(cls: type) -> dict[str, Any]:
    """The resolved annotations of a class's fields, marks included.

    Raises:
        WiringError: one names what is not there at run time.
    """
    try:
        return {name: _opened(hint) for name, hint in get_type_hints(cls, include_extras=True).items()}
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise _unresolved(cls, error) from error


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
    if get_origin(hint) not in (Iterator, Iterable) or not get_args(hint):
        raise _wiring(function, f"must return Iterator[...], not {hint}")
    return members(get_args(hint)[0])


def classes(function: Callable[..., Any], parameter: str, hint: object, base: type) -> tuple[type[Any], ...]:
    """The subclasses of `base` that an annotation names.

    Raises:
        WiringError: it names none, something else, or only `base` itself, which says nothing.
    """
    found = members(hint)
    wrong = [one for one in found if not (isinstance(one, type) and issubclass(one, base)) or one is base]
    if wrong or not found:
        which = "every" if wrong and wrong[0] is base else "no"
        what = f"{wrong[0]!r} is {which} {base.__name__}" if wrong else f"names no {base.__name__}"
        raise _wiring(function, f"annotation of {parameter}: {what}")
    return found


def _opened(hint: Any) -> Any:
    """What `type X = …` stands for; anything else as it is. Every alias inside is looked up, so that none hides a name.

    Raises:
        NameError: an alias names something that is not there.
    """
    _look_up(hint, set())
    while hasattr(hint, "__value__"):
        hint = hint.__value__
    return hint


def _look_up(hint: Any, seen: set[int]) -> None:
    if id(hint) not in seen:
        seen.add(id(hint))
        for part in (hint.__value__,) if hasattr(hint, "__value__") else get_args(hint):
            _look_up(part, seen)


def _unresolved(thing: Callable[..., Any] | type, error: Exception) -> WiringError:
    """Says which annotation names what is not there."""
    unknown = getattr(error, "name", None) or ""
    blamed = [name for name, annotation in _as_written(thing).items() if _names(thing, annotation, unknown)]
    which = f"annotation of {blamed[0]}" if blamed else "an annotation"
    return _wiring(thing, f"{which} cannot be resolved ({error}); is it imported at run time?")


def unresolved(cls: type, unknown: str) -> WiringError:
    """The error for a class one of whose fields names what is not there."""
    return _unresolved(cls, NameError(f"name {unknown!r} is not defined", name=unknown))


def _as_written(thing: Any) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return dict(get_annotations(thing, format=Format.STRING))
    return dict(inspect.get_annotations(thing))


def _names(thing: Any, annotation: Any, unknown: str) -> bool:
    """Whether the annotation says that name, or an alias that it says does."""
    if not unknown or re.search(rf"\b{re.escape(unknown)}\b", str(annotation)):
        return bool(unknown)
    known = getattr(thing, "__globals__", None) or vars(sys.modules[thing.__module__])
    try:
        _look_up(eval(annotation, known) if isinstance(annotation, str) else annotation, set())  # noqa: S307 - as typing does
    except NameError:
        return True
    return False


def _wiring(function: Callable[..., Any] | type, problem: str) -> WiringError:
    name = function.__name__ if isinstance(function, type) else getattr(function, "__qualname__", repr(function))
    return WiringError(f"{place_of(function)} {name}: {problem}")


def wiring_error(function: Callable[..., Any], problem: str) -> WiringError:
    """A `WiringError` that names the file, the line and the function."""
    return _wiring(function, problem)
