"""Events are facts, commands are intents; both are frozen, typed and shy about personal values."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from pydantic import BaseModel, ConfigDict, Field, PydanticUndefinedAnnotation, ValidationError
from pydantic._internal._model_construction import ModelMetaclass

from crm_core.kernel.errors import Invalid
from crm_core.kernel.ids import UNASSIGNED, derived
from crm_core.kernel.personal import PublicMark, mark_of
from crm_core.kernel.wiring import unresolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

TAG = "command"
"""Under which key JSON says which command it tells of."""
_CONFIG = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class _Translating(ModelMetaclass):
    """Constructing a message with wrong input raises our `Invalid`, which names field and rule and no value."""

    if not TYPE_CHECKING:  # type checkers are to see the fields, not this

        def __call__(cls, *args: Any, **values: Any) -> Any:  # noqa: N805 - the self of a metaclass is a class
            try:
                return super().__call__(*args, **values)
            except ValidationError as error:
                raise invalid(cls.__name__, error) from None


class Message(BaseModel, metaclass=_Translating):
    """What events and commands share. Only fields marked public show in a repr."""

    model_config = _CONFIG

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """The message that an object tells of.

        Raises:
            Invalid: names every field that is wrong and the rule, never a value.
        """
        with _ours(cls):
            return super().model_validate(obj, **options)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """The message that a JSON object tells of.

        Raises:
            Invalid: no JSON object; or names every field that is wrong and the rule, never a value.
        """
        with _ours(cls):
            return super().model_validate_json(json_data, **options)

    @classmethod
    def model_validate_strings(cls, obj: Any, **options: Any) -> Self:
        """The message whose fields are all told as text, as a form or a CSV file has them.

        Raises:
            Invalid: names every field that is wrong and the rule, never a value.
        """
        with _ours(cls):
            return super().model_validate_strings(obj, **options)

    def __repr_args__(self) -> "Iterable[tuple[str | None, Any]]":
        fields = type(self).model_fields
        return [
            (name, value) if isinstance(mark_of(fields[name].metadata), PublicMark) else (name, _Hidden())
            for name, value in self.__dict__.items()
        ]

    def __str__(self) -> str:
        return repr(self)


class _Hidden:
    def __repr__(self) -> str:
        return "…"


class Event(Message):
    """A fact, named noun + past participle. Declare it once, with its stored name.

    ```python
    class DealWon(Event, type="deal.won", says="won for {amount}"):
        deal_id: Public[DealId]
        amount: Public[Money]
    ```

    Class keywords:
        type: the stored name, `noun.participle` in this library, `prefix.noun.participle` in a host's
            code (`acme.visit.recorded`); never a Python path.
        version: the schema version, from 1; older versions are upcast on reading.
        stream: the id field (or fields, the first that is set) of the stream the event belongs to;
            by default the noun's own: `deal_id` for `deal.won`. A function of the event where the
            stream has a name instead of an id.
        says: one sentence about the fact, as a format string over its fields; a part in square
            brackets is left out where one of its fields is empty.

    Every field is marked `Public[...]` or `Personal[...]`. A personal field is sealed under the key of
    the event's subject: its contact, else its lead, else the stream itself.
    """

    if TYPE_CHECKING:

        def __init_subclass__(cls, *, type: str, version: int = 1, stream: Any = None, says: str = "") -> None: ...
    else:

        def __init_subclass__(cls, **kwargs: Any) -> None:
            super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, *, declared: bool = True, **keywords: Any) -> None:
        _require_read(cls)
        if declared:
            from crm_core.kernel.catalogue import catalogue

            catalogue.declare(cls, **keywords)


class Command(Message):
    """An intent, imperative; a decision may refuse it. Fields marked `Private[...]` become personal facts."""

    __derived__: ClassVar[tuple[str, ...]] = ()
    __said_by__: "ClassVar[type[Command] | None]" = None
    """Of a command on the wire, with its tag among its fields: the command itself."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        _require_read(cls)
        cls.__derived__ = tuple(name for name, field in cls.model_fields.items() if field.default is UNASSIGNED)

    def left_out(self) -> list[str]:
        """The id fields that the caller did not set."""
        return [
            name for name in self.__derived__ if self.__dict__[name] is UNASSIGNED or self.__dict__[name] == UNASSIGNED
        ]

    def completed(self, command_id: "UUID") -> Self:
        """The command with every id that the caller left out derived from the command id."""
        left_out = self.left_out()
        if not left_out:
            return self
        whole = self.__class__.__new__(self.__class__)
        object.__setattr__(
            whole, "__dict__", {**self.__dict__, **{name: derived(command_id, name) for name in left_out}}
        )
        for slot in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
            object.__setattr__(whole, slot, getattr(self, slot))
        return whole

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: the tag `command`, which is its name, and its fields but for the ids that were left out.

        `parse_command` makes the same command of it.
        """
        return self.tagged("json")

    def tagged(self, mode: str) -> dict[str, Any]:
        """As `as_dict`, in pydantic's mode `json` or `python`."""
        return {TAG: type(self).__name__, **self.model_dump(mode=mode, exclude=set(self.left_out()))}

    def untagged(self) -> "Command":
        """The command itself, of one that came over the wire with its tag."""
        if self.__said_by__ is None:
            return self
        plain = self.__said_by__.__new__(self.__said_by__)
        object.__setattr__(plain, "__dict__", {name: value for name, value in self.__dict__.items() if name != TAG})
        object.__setattr__(plain, "__pydantic_fields_set__", self.model_fields_set - {TAG})
        for slot in ("__pydantic_extra__", "__pydantic_private__"):
            object.__setattr__(plain, slot, getattr(self, slot))
        return plain

    def content(self) -> bytes:
        """What the caller said, as bytes: defaults and derived ids are no part of it.

        Raises:
            Invalid: a text holds NUL or a lone surrogate.
        """
        try:
            said = self.__pydantic_serializer__.to_json(self, exclude_defaults=True, warnings=False)
        except Exception:  # noqa: BLE001 - pydantic wraps a UnicodeEncodeError; the fields tell which
            said = b"\\u0000"
        if b"\\u0000" in said:
            problems = list(_bad_text("", self.model_dump()))
            if problems:
                raise Invalid(type(self).__name__, problems)
        return type(self).__name__.encode() + b"\n" + said


def _require_read(cls: type[Message]) -> None:
    """Every field's annotation must be readable where the class is declared: marks and types are the wiring.

    Raises:
        WiringError: one names what is not there at run time, such as a name imported under `TYPE_CHECKING` only.
    """
    if not cls.__pydantic_complete__:
        try:
            cls.model_rebuild(_parent_namespace_depth=4)
        except PydanticUndefinedAnnotation as error:
            raise unresolved(cls, error.name or "") from None


def _bad_text(path: str, value: Any) -> "Iterable[tuple[str, str]]":
    match value:
        case str():
            if "\0" in value:
                yield path, "text must not hold NUL"
            elif not _encodes(value):
                yield path, "text must not hold lone surrogates"
        case dict():
            for key, inner in value.items():
                yield from _bad_text(f"{path}.{key}".lstrip("."), key)
                yield from _bad_text(f"{path}.{key}".lstrip("."), inner)
        case list() | tuple() | set() | frozenset():
            for number, inner in enumerate(value):
                yield from _bad_text(f"{path}.{number}", inner)
        case _:
            return


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _ours(cls: type[Message]) -> "Iterator[None]":
    try:
        yield
    except ValidationError as error:
        raise invalid(cls.__name__, error) from None


def invalid(what: str, error: ValidationError) -> Invalid:
    """Our error for pydantic's: field paths and rules, never an input value."""
    found = problems_of(error.errors(include_url=False, include_context=False, include_input=False))
    return Invalid(what, [(".".join(map(str, path)) or what, rule) for path, rule in found])


def problems_of(
    errors: "Iterable[Mapping[str, Any]]", *, tagged: bool = False
) -> list[tuple[tuple[str | int, ...], str]]:
    """Of errors as pydantic tells them, the path to each field and its rule, never an input value.

    `tagged`: each path begins with the tag that was found, which is left out.
    """
    return [_problem(one["type"], tuple(one["loc"]), one["msg"], tagged=tagged) for one in errors]


def _problem(kind: str, path: tuple[str | int, ...], rule: str, *, tagged: bool) -> tuple[tuple[str | int, ...], str]:
    match kind:
        case "union_tag_invalid":
            return (*path, TAG), "must be the name of a command, such as OpenDeal"
        case "union_tag_not_found":
            return (*path, TAG), "Field required"
        case _:
            return path[1:] if tagged else path, rule
