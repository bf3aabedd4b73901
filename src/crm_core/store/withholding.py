"""Events for readers that open nothing: what is sealed is `WITHHELD`, without telling the parser so each time.

The long way is to put `{"$erased": "withheld"}` into the JSON of every event and let the parser make an object of it.
The short way is a second parser for each class, whose sealed fields have that object as their default; more than a
microsecond an event. It is made of the class's own schema, tried on the first event, and not used where it could
lead to anything else.
"""

from collections.abc import Callable
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import PydanticCustomError, SchemaError, SchemaValidator

from crm_core.kernel.catalogue import EventType
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import WITHHELD

Read = Callable[[str], Event]


class Withholding:
    """Reads the events of one type, in its present version. `told` is the JSON that stands for sealed bytes."""

    def __init__(self, entry: EventType, told: Callable[[bytes], str]) -> None:
        self._entry = entry
        self._told = told
        self._short: dict[bytes, Read | None] = {}

    def read(self, public: str, sealed: bytes) -> Event:
        """The event of these parts."""
        end = 20 + int.from_bytes(sealed[16:20], "big")
        if end + 4 + int.from_bytes(sealed[end : end + 4], "big") != len(sealed):  # it speaks of several people
            return self._long(public, sealed)
        names = sealed[20:end]
        if names not in self._short:
            self._short[names] = self._tried(names.decode().split(","), public, sealed)
        read = self._short[names]
        try:
            return self._long(public, sealed) if read is None else read(public)
        except ValidationError:
            return self._long(public, sealed)

    def _long(self, public: str, sealed: bytes) -> Event:
        return self._entry.read(self._entry.version, public, self._told(sealed))

    def _tried(self, names: list[str], public: str, sealed: bytes) -> Read | None:
        """The short way, if it leads where the long one does."""
        expected = self._long(public, sealed)
        try:
            read = _reader(self._entry.cls, names)
            fits = read is not None and read(public) == expected
        except (SchemaError, TypeError, KeyError, ValidationError, PydanticCustomError):
            return None
        return read if fits else None


def _reader(cls: type[Event], names: list[str]) -> Read | None:
    """A parser of the class in which these fields need not be told; None: of a class with validators of its own."""
    schema: Any = cls.__pydantic_core_schema__
    model = schema["schema"] if schema["type"] == "definitions" else schema
    if model["type"] != "model" or model["schema"]["type"] != "model-fields":
        return None
    fields = dict(model["schema"]["fields"])
    for name in names:
        inner = {"type": "default", "schema": fields[name]["schema"], "default": WITHHELD}
        fields[name] = {**fields[name], "schema": inner}
    changed = {**model, "schema": {**model["schema"], "fields": fields}}
    whole = {**schema, "schema": changed} if schema["type"] == "definitions" else changed
    return cast("Read", SchemaValidator(whole, _use_prebuilt=False).validate_json)
