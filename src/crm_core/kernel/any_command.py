"""Any command at all, told apart by its name: what one web endpoint, one queue or one file of commands takes."""

import sys
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, TypeAlias, Union, cast

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from crm_core.kernel.catalogue import discover
from crm_core.kernel.decider import decisions
from crm_core.kernel.errors import CatalogueError
from crm_core.kernel.messages import TAG, Command, invalid, problems_of
from crm_core.kernel.wiring import place_of


class EveryCommand:
    """An annotation: any command that something decides, told apart by the tag `command`, which is its name.

    Which there are is looked up when the type is first used (a route is declared, a `TypeAdapter` is
    made), so that the commands of an extension count if it was imported before. What is wrong is told by
    field and rule, and no error holds what was sent: not for pydantic, and not for a web framework that
    would send it back.

    Raises:
        CatalogueError: two commands have one name, or one has a field that is called as the tag is.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        tagged = handler.generate_schema(_union(_every_command()))
        return core_schema.no_info_wrap_validator_function(
            _checked,
            tagged,
            serialization=core_schema.plain_serializer_function_ser_schema(_told, info_arg=True),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(cast("core_schema.WrapValidatorFunctionSchema", schema)["schema"])


AnyCommand: TypeAlias = Annotated[Command, EveryCommand()]
"""A pydantic field type: whichever command the tag `command` names, the host's own among them."""


def parse_command(said: str | bytes | Mapping[str, Any]) -> Command:
    """The command that JSON tells of: an object with `command`, its name, and its fields.

    Raises:
        Invalid: no JSON object, no such command, or a field that is wrong; names field and rule, never a value.
    """
    adapter = _adapter(_every_command())
    try:
        if isinstance(said, str | bytes):
            return adapter.validate_json(said)
        return adapter.validate_python(said)
    except ValidationError as error:
        raise invalid(TAG, error) from None


@lru_cache(maxsize=8)
def _adapter(commands: tuple[type[Command], ...]) -> TypeAdapter[Command]:
    """What reads these; kept for as long as there are no others."""
    return TypeAdapter(AnyCommand)


def _every_command() -> tuple[type[Command], ...]:
    _load_the_library()
    return tuple(one.command for one in decisions())


@cache
def _load_the_library() -> None:
    discover(sys.modules[__name__.partition(".")[0]])


def _union(commands: tuple[type[Command], ...]) -> Any:
    """A union of what each command looks like on the wire, told apart by the tag."""
    named: dict[str, type[Command]] = {}
    for one in commands:
        other = named.setdefault(one.__name__, one)
        if other is not one:
            raise CatalogueError(
                f"{place_of(one)} {one.__name__}: is already the name of a command, at {place_of(other)}"
            )
    return Annotated[Union[tuple(_on_the_wire(one) for one in commands)], Field(discriminator=TAG)]  # noqa: UP007 - made of a tuple


@cache
def _on_the_wire(command: type[Command]) -> type[Command]:
    """The command with its tag as a field."""
    if TAG in command.model_fields:
        raise CatalogueError(f"{place_of(command)} {command.__name__}: a field called {TAG} would hide the tag")
    tag: Any = {TAG: (Literal[command.__name__], ...)}
    wire: type[Command] = create_model(
        command.__name__, __base__=command, __module__=__name__, __doc__=command.__doc__, **tag
    )
    wire.__said_by__ = command
    return wire


def _checked(said: Any, check: core_schema.ValidatorFunctionWrapHandler) -> Command:
    if isinstance(said, Command):
        return said
    try:
        return cast("Command", check(said)).untagged()
    except ValidationError as error:
        raise _silent(error) from None


def _silent(error: ValidationError) -> ValidationError:
    """The same problems without what was sent, and without the tag in the path to a field."""
    problems = problems_of(error.errors(include_url=False, include_context=False, include_input=False), tagged=True)
    return ValidationError.from_exception_data(
        TAG,
        [
            InitErrorDetails(type=PydanticCustomError("invalid", cast("Any", rule)), loc=path, input=None)
            for path, rule in problems
        ],
        hide_input=True,
    )


def _told(command: Command, info: core_schema.SerializationInfo) -> dict[str, Any]:
    """The tag, and every field but the ids that were left out."""
    return command.tagged(info.mode)
