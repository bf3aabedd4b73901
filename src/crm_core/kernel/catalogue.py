"""The catalogue of event types: stable names, versions, where each belongs, how older versions are read."""

import importlib
import importlib.machinery
import json
import pkgutil
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NewType, cast, get_args
from uuid import UUID

from pydantic import ValidationError

from crm_core.kernel.errors import CatalogueError, UnknownEventType
from crm_core.kernel.foreign import Foreign, host_of, noun_of, words_of
from crm_core.kernel.messages import Event, invalid
from crm_core.kernel.personal import ERASED, Erased, PersonalMark, mark_of, may_be_erased
from crm_core.kernel.wiring import Place, place_of

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class EventType:
    """What the catalogue knows of one event class.

    `refers`: id field → kind of thing (`contact_id` → `contact`), for fields typed with an id type or
    a tuple of it. `personal`: field → mark.
    """

    name: str
    version: int
    cls: type[Event]
    noun: str
    stream: Callable[[Event], UUID]
    says: str
    refers: dict[str, str]
    personal: dict[str, PersonalMark]
    upcasts: dict[int, Upcast] = field(default_factory=dict)

    @property
    def meaning(self) -> str:
        """The first line of the docstring: what the fact means to the business."""
        return (self.cls.__doc__ or "").strip().splitlines()[0] if self.cls.__doc__ else ""

    @property
    def place(self) -> Place:
        """Where it is declared."""
        return place_of(self.cls)

    def read(self, version: int, public: str, personal: str) -> Event:
        """The event from its stored JSON: the public object and the personal one (`{}` if none).

        Raises:
            UnknownEventType: a version newer than this code knows, or without an upcast.
            CatalogueError: the stored JSON does not fit the class.
        """
        text = public if personal == "{}" else (personal if public == "{}" else f"{public[:-1]},{personal[1:]}")
        try:
            if version == self.version:
                return cast("Event", self.cls.__pydantic_validator__.validate_json(text))
            state = self.upcast(version, json.loads(text))
            return cast("Event", self.cls.__pydantic_validator__.validate_json(json.dumps(state)))
        except ValidationError as error:
            raise CatalogueError(f"{self.name} v{version} as stored: {invalid(self.name, error)}") from None

    def upcast(self, version: int, state: dict[str, Any]) -> dict[str, Any]:
        """A stored state brought to the present version, step by step."""
        while version < self.version:
            if version not in self.upcasts:
                raise UnknownEventType(self.name, version)
            state = self.upcasts[version](state)
            version += 1
        if version > self.version:
            raise UnknownEventType(self.name, version)
        return state

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the event's fields, each marked `x-personal` or not."""
        schema = self.cls.model_json_schema()
        for name, properties in schema.get("properties", {}).items():
            properties["x-personal"] = name in self.personal
        return schema


class _ForeignType(EventType):
    """What the catalogue knows of a host's type that it does not know: how to hand it on."""

    def read(self, version: int, public: str, personal: str) -> Event:
        """The fact, unread."""
        return Foreign(type=self.name, type_version=version, public=public, sealed=tuple(json.loads(personal)))


class Catalogue:
    """Every event type declared in this process."""

    def __init__(self) -> None:
        self._by_name: dict[str, EventType] = {}
        self._by_class: dict[type[Event], EventType] = {}

    def declare(
        self, cls: type[Event], *, type: str = "", version: int = 1, stream: Any = None, says: str = ""
    ) -> None:
        """Register an event class; called by declaring it.

        Raises:
            CatalogueError: no stored name, a malformed one, or one that another class has.
        """
        try:
            noun = noun_of(type, cls.__module__)
        except ValueError as error:
            raise CatalogueError(f"{place_of(cls)} {cls.__name__}: type {error}") from None
        other = self._by_name.get(type)
        if other is not None and place_of(other.cls).file != place_of(cls).file:
            raise CatalogueError(
                f"{place_of(cls)} {cls.__name__}: {type!r} is already {other.cls.__name__} at {other.place}"
            )
        personal = {
            name: mark
            for name, info in cls.model_fields.items()
            if isinstance(mark := mark_of(info.metadata), PersonalMark)
        }
        unmarked = [name for name, info in cls.model_fields.items() if mark_of(info.metadata) is None]
        if unmarked:
            names = ", ".join(unmarked)
            raise CatalogueError(f"{place_of(cls)} {cls.__name__}: {names} is marked neither Public nor Personal")
        lying = [name for name in personal if not may_be_erased(cls.model_fields[name].annotation)]
        if lying:
            raise CatalogueError(f"{place_of(cls)} {cls.__name__}: {', '.join(lying)} is personal but cannot be Erased")
        event_type = EventType(
            name=type,
            version=version,
            cls=cls,
            noun=noun,
            stream=_stream_of(cls, stream or f"{noun}_id"),
            says=says,
            refers=_references(cls),
            personal=personal,
            upcasts=other.upcasts if other else {},
        )
        self._by_name[type] = self._by_class[cls] = event_type

    def upcaster(self, type_name: str, version: int) -> Callable[[Upcast], Upcast]:
        """Decorates the function that brings a stored dict of `version` to `version + 1`."""

        def register(function: Upcast) -> Upcast:
            self.named(type_name).upcasts[version] = function
            return function

        return register

    def of(self, event: Event | type[Event]) -> EventType:
        """The entry of an event or an event class; of a `Foreign` event, what its envelope says."""
        if isinstance(event, Foreign):
            return _foreign(event.type, event.type_version)
        cls = event if isinstance(event, type) else event.__class__
        try:
            return self._by_class[cls]
        except KeyError:
            raise CatalogueError(f"{cls.__name__} is not declared as an event") from None

    def named(self, name: str) -> EventType:
        """The entry under a stored name.

        Raises:
            UnknownEventType: no such name.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownEventType(name, 0) from None

    def readable(self, name: str, version: int) -> EventType:
        """The entry that reads such a stored fact; for a host's that is unknown here, one that makes it `Foreign`.

        Raises:
            UnknownEventType: a type or version of this library that this code does not know.
        """
        known = self._by_name.get(name)
        if known is not None and known.version == version:
            return known
        if host_of(name) is None or self.knows(name, version):
            return self.named(name)
        return _foreign(name, _NO_VERSION)

    def knows(self, name: str, version: int) -> bool:
        """Whether a stored type of this version can be read."""
        known = self._by_name.get(name)
        return (
            known is not None
            and (version == known.version or all(v in known.upcasts for v in range(version, known.version)))
            and version <= known.version
        )

    def __iter__(self) -> Iterator[EventType]:
        return iter(sorted(self._by_name.values(), key=lambda one: one.name))

    def __contains__(self, name: object) -> bool:
        return name in self._by_name


def _foreign(name: str, version: int) -> EventType:
    return _ForeignType(name, version, Foreign, "", lambda _: _NOBODY, "", {}, {})


_NO_VERSION = 0
_NOBODY = UUID(int=0)
catalogue: Catalogue = Catalogue()
"""The catalogue of this process; declaring an event class puts it here."""


def discover(package: types.ModuleType) -> None:
    """Import every module of every subpackage that declares events, so that nothing has to list them."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if found.ispkg and _declares_events(found):
            noun = importlib.import_module(found.name)
            for module in pkgutil.iter_modules(noun.__path__, f"{noun.__name__}."):
                importlib.import_module(module.name)


def _declares_events(package: pkgutil.ModuleInfo) -> bool:
    """Whether a package has a module `events`; looked up without importing the package, which may not be wanted."""
    spec = package.module_finder.find_spec(package.name, None)
    places = spec.submodule_search_locations if spec is not None else None
    return importlib.machinery.PathFinder.find_spec(f"{package.name}.events", places) is not None


def erased_copy(event: Event) -> Event:
    """The event as a reader sees it once its people are forgotten."""
    personal = catalogue.of(event).personal
    return event.model_copy(update=dict.fromkeys(personal, ERASED)) if personal else event


_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")


def sentence(event: Event) -> str:
    """The fact in one sentence, personal values that are gone shown as such.

    A part of `says` in square brackets is left out where one of its fields is empty.
    """
    if isinstance(event, Foreign):
        return event.sentence
    says = catalogue.of(event).says or words_of(catalogue.of(event).name)
    shown = {name: _shown(value) for name, value in event.__dict__.items()}
    told = _OPTIONAL.sub(lambda part: part[1] if all(shown[name] for name in _FIELD.findall(part[1])) else "", says)
    return told.format_map(shown)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(one) for one in value)
    return "" if value is None else str(value)


def _stream_of(cls: type[Event], stream: Any) -> Callable[[Event], UUID]:
    if callable(stream):
        return stream  # type: ignore[no-any-return]
    names = (stream,) if isinstance(stream, str) else tuple(stream)
    missing = [name for name in names if name not in cls.model_fields]
    if missing:
        raise CatalogueError(f"{place_of(cls)} {cls.__name__}: no field {missing[0]} to name its stream")

    if len(names) == 1:
        return attrgetter(names[0])

    def first_set(event: Event) -> UUID:
        for name in names:
            found: UUID | None = getattr(event, name)
            if found is not None:
                return found
        raise CatalogueError(f"{cls.__name__}: none of {', '.join(names)} is set, so it belongs to no stream")

    return first_set


def id_kind(hint: object) -> str | None:
    """`contact` for `ContactId`, also inside unions and tuples; None for anything that is no id type."""
    if isinstance(hint, NewType) and hint.__supertype__ is UUID:
        return hint.__name__.removesuffix("Id").lower()
    return next((kind for part in get_args(hint) if (kind := id_kind(part))), None)


def _references(cls: type[Event]) -> dict[str, str]:
    return {name: kind for name, info in cls.model_fields.items() if (kind := id_kind(info.annotation))}


__all__ = ["Catalogue", "Erased", "EventType", "catalogue", "discover", "erased_copy", "id_kind", "sentence"]
