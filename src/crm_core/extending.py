"""What is found beside the core: the rings, other distributions' followers, and a host's own extensions."""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from crm_core.following import Follower
from crm_core.kernel import arguments
from crm_core.kernel.catalogue import catalogue, discover
from crm_core.kernel.decider import decisions
from crm_core.kernel.errors import CRMError, ExtensionError, ModuleShadowed, WiringError

__all__ = ["Extension", "Source", "extensions", "followers_with", "installed_followers", "loaded_point"]

Source: TypeAlias = str | os.PathLike[str] | ModuleType
"""An extension: a module's name, a file, or the module itself."""
_CORE = importlib.import_module("crm_core")
_WHAT = "a module, its name, a file, or several of them"
_FOLLOWER = ("name", "checkpoint", "kind", "types", "opens", "prepare", "fold", "reset", "wake", "next_alarm")


@dataclass(frozen=True, slots=True)
class Extension:
    """A host's own part of the domain, loaded: its events and rules are declared, its followers are here."""

    name: str
    followers: tuple[Follower, ...]


def extensions(extend: Source | Iterable[Source] | None = None) -> list[Extension]:
    """Load the core, every extension that is installed (entry points `crm_core.extensions`), and these.

    A package is loaded with all its modules.

    Raises:
        ExtensionError: one is not there, cannot be imported, or declares nothing.
        CatalogueError: it declares something that does not fit.
    """
    discover(_CORE)
    installed = sorted(importlib.metadata.entry_points(group="crm_core.extensions"), key=lambda one: one.name)
    modules = [*(_imported(point.value) for point in installed), *map(_module_of, _sources(extend))]
    return [_extension(module) for module in dict.fromkeys(modules)]


def followers_with(brought: Iterable[Extension]) -> list[Follower]:
    """The views and policies that are installed (entry points `crm_core.followers`), and those of extensions.

    Raises:
        ModuleShadowed: something else answers to the name of one of our modules.
        WiringError: two of them have one name.
    """
    points = sorted(importlib.metadata.entry_points(group="crm_core.followers"), key=lambda one: one.name, reverse=True)
    installed = [follower for point in points for follower in loaded_point(point)()]
    found = list(dict.fromkeys([*installed, *(follower for one in brought for follower in one.followers)]))
    by_name: dict[str, Follower] = {}
    for one in found:
        other = by_name.setdefault(one.name, one)
        if other is not one:
            raise WiringError(f"{_place(one)}: the name {one.name} is taken by the {other.kind} at {_place(other)}")
    return found


def installed_followers(extend: Source | Iterable[Source] | None = None) -> list[Follower]:
    """Every view and policy there is: those installed, and those of extensions that are installed or named here.

    Raises:
        CatalogueError: as `extensions` and `followers_with`.
    """
    return followers_with(extensions(extend))


def loaded_point(point: EntryPoint) -> Any:
    """What an entry point names. One of this library's own must lie beside it: its names are generic.

    Raises:
        ModuleShadowed: another module answers to the name; says which and where.
    """
    if point.dist is None or point.dist.name != "crm-core":
        return point.load()
    name = point.module.partition(".")[0]
    ours, found = Path(_CORE.__path__[0]).parent / name / "__init__.py", _origin(name)
    if found is None or Path(found).resolve() != ours.resolve():
        raise ModuleShadowed(name, found, str(ours.parent), _others(name))
    try:
        return point.load()
    except (AttributeError, ImportError) as error:
        others = _others(name)
        if isinstance(error, AttributeError) or others:
            raise ModuleShadowed(name, found, str(ours.parent), others) from error
        raise


# -- where an extension is ----------------------------------------------------------------------


def _sources(extend: Source | Iterable[Source] | None) -> list[Source]:
    if extend is None:
        return []
    if isinstance(extend, str | os.PathLike | ModuleType):
        return [extend]
    return list(arguments.many("extend", extend, _WHAT))


def _module_of(source: Source) -> ModuleType:
    if isinstance(source, ModuleType):
        return source
    if not isinstance(source, str | os.PathLike) or not os.fspath(source):
        arguments.wrong("extend", f"must be {_WHAT}")
    text = os.fspath(source)
    if isinstance(source, os.PathLike) or text.endswith(".py") or "/" in text or os.sep in text:
        return _from_file(Path(text))
    return _imported(text)


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except CRMError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ExtensionError(name, f"there is no module {error.name}; a file is named with its .py") from None
        raise _broken(name, error) from error
    except Exception as error:
        raise _broken(name, error) from error


def _from_file(path: Path) -> ModuleType:
    """The module in a file of its own, which nothing else can import by a name."""
    if path.suffix != ".py" or path.name == "__init__.py":
        raise ExtensionError(str(path), "must be a file of Python, x.py; a package is named as it is imported")
    if not path.is_file():
        raise ExtensionError(str(path), "there is no such file")
    place = path.resolve()
    known = [one for one in list(sys.modules.values()) if _lies_at(one, place)]
    if known:
        return known[0]
    name = f"crm_extensions.{path.stem}"
    if name in sys.modules:
        name += f"_{hashlib.sha256(str(place).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - it is a .py file
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, CRMError) or not isinstance(error, Exception):
            raise
        raise _broken(str(path), error) from error
    return module


def _lies_at(module: ModuleType, place: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and file.endswith(place.name) and Path(file).resolve() == place


def _broken(name: str, error: Exception) -> ExtensionError:
    """Only what Python says of code is repeated: another message might quote a customer."""
    said = f": {error}" if isinstance(error, ImportError | SyntaxError | NameError | AttributeError) else ""
    return ExtensionError(name, f"importing it raised {type(error).__name__}{said}")


# -- what is in it ------------------------------------------------------------------------------


def _extension(module: ModuleType) -> Extension:
    modules = [module, *_inside(module)]
    followers = [one for part in modules for one in vars(part).values() if _is_follower(one)]
    names = {part.__name__ for part in modules}
    declared = any(one.cls.__module__ in names for one in catalogue) or any(
        one.function.__module__ in names for one in decisions()
    )
    if not followers and not declared:
        raise ExtensionError(module.__name__, "declares no event, command, view or policy")
    return Extension(module.__name__, tuple(dict.fromkeys(followers)))


def _inside(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{package.__name__}."):
        if not found.name.endswith(".__main__"):
            module = _imported(found.name)
            yield module
            yield from _inside(module)


def _is_follower(thing: object) -> bool:
    return (
        not isinstance(thing, type)
        and all(hasattr(thing, name) for name in _FOLLOWER)
        and getattr(thing, "kind", None) in ("view", "policy")
    )


def _place(follower: Follower) -> str:
    return str(getattr(follower, "place", follower.name))


# -- whose a module is --------------------------------------------------------------------------


def _origin(name: str) -> str | None:
    """Where Python finds a module, without importing it; None: nowhere."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:
        return getattr(sys.modules[name], "__file__", None)
    if spec is None:
        return None
    return spec.origin or next(iter(spec.submodule_search_locations or ()), None)


def _others(name: str) -> list[str]:
    """Other distributions that install a module of this name."""
    claimed = importlib.metadata.packages_distributions().get(name, [])
    return sorted({one for one in claimed if one != "crm-core"})
