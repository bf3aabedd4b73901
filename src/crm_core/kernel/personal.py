"""What is personal, and of whom; and what stands in its place once the person is forgotten."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Erased(BaseModel):
    """Stands where a personal value was: destroyed for good (`erased`), or kept from this reader (`withheld`).

    Falsy, prints `[erased]`, equal only to its own kind. A fold, decision or policy that meets it must
    go on; a `withheld` one is given to every reader whose own state has no personal field.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, serialize_by_alias=True
    )

    why: Literal["erased", "withheld"] = Field(default="erased", alias="$erased")

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"[{self.why}]"

    def __repr__(self) -> str:
        return f"Erased({self.why})"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: `{"$erased": "erased"}`, or `"withheld"`."""
        return {"$erased": self.why}


ERASED: Final = Erased()
WITHHELD: Final = Erased.model_validate({"$erased": "withheld"})


@dataclass(frozen=True, slots=True)
class PersonalMark:
    """The value is about a person. `of` names the id field of that person; None: the event's own subject."""

    of: str | None = None


@dataclass(frozen=True, slots=True)
class PublicMark:
    """The value is about no person and may be read by anyone who reads the log."""


Public = Annotated[T, PublicMark()]
"""A field about no person: ids, stages, amounts, codes."""
Personal = Annotated[T | Erased, PersonalMark()]
"""A field of an event or a row about the event's own subject: sealed under that person's key."""
Private = Annotated[T, PersonalMark()]
"""A field of a command that will become personal: kept out of every repr, error and log line."""


def mark_of(metadata: tuple[Any, ...] | list[Any]) -> PersonalMark | PublicMark | None:
    """The mark among a field's annotations; None: nobody decided."""
    return next((mark for mark in metadata if isinstance(mark, PersonalMark | PublicMark)), None)


def personal_fields(annotations: dict[str, Any]) -> dict[str, PersonalMark]:
    """The personal fields of a row or state class, from its resolved annotations (with extras)."""
    marks = {name: _mark_in(hint) for name, hint in annotations.items()}
    return {name: mark for name, mark in marks.items() if isinstance(mark, PersonalMark)}


def _mark_in(hint: Any) -> PersonalMark | PublicMark | None:
    """The mark of a field, also where it stands inside a union or behind a `type X = …`."""
    mark = mark_of(getattr(hint, "__metadata__", ()))
    parts = (hint.__value__,) if hasattr(hint, "__value__") else get_args(hint)
    return mark or next((found for part in parts if (found := _mark_in(part))), None)


def may_be_erased(hint: object) -> bool:
    """Whether a type admits `Erased`."""
    return hint is Erased or any(may_be_erased(part) for part in get_args(hint))
