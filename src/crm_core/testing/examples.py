"""One sensible message of any class, always the same one."""

import types
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime

from crm_core.kernel.ids import derived
from crm_core.kernel.messages import Message
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Erased, PersonalMark, mark_of

COMMAND_ID = UUID("c0ffee00-0000-4000-8000-000000000000")
"""The id of the command under test: what it leaves out of its ids is derived from this one."""

_M = TypeVar("_M", bound=Message)


def example(cls: type[_M], *, prefix: str = "", **values: Any) -> _M:
    """A message of this class with something sensible in every field that `values` leaves out.

    The same class gives the same example. Personal texts start with `prefix`, so that a test can look
    for them where they must not be.
    """
    fields = cls.model_fields
    made = {
        name: _example_of(_hint(cls, name), name, prefix if isinstance(mark_of(info.metadata), PersonalMark) else "")
        for name, info in fields.items()
        if name not in values
    }
    return cls(**made, **values)


def _hint(cls: type[Message], name: str) -> Any:
    return cls.model_fields[name].annotation


def _example_of(hint: Any, name: str, prefix: str) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _example_of(parts[0], name, prefix)
    if origin in (Union, types.UnionType):
        return _example_of(next(part for part in parts if part not in (None, type(None), Erased)), name, prefix)
    if origin is Literal:
        return parts[0]
    if origin is tuple:
        return (_example_of(parts[0], name, prefix),)
    if isinstance(hint, NewType):
        return _example_of(hint.__supertype__, name, prefix)
    if isinstance(hint, type) and issubclass(hint, Message):
        return example(hint, prefix=prefix)
    return _of_plain(hint, name, prefix)


def _of_plain(hint: Any, name: str, prefix: str) -> Any:
    if hint is str:
        by_name = {"email": f"{prefix}ann@example.com", "phone": "+442079460958"}
        return by_name.get(name, prefix + name)
    plain = {
        UUID: derived(COMMAND_ID, "example", name),
        int: 7,
        bool: True,
        date: date(2024, 3, 1),
        AwareDatetime: datetime(2024, 3, 1, 9, 30, tzinfo=UTC),
        Money: Money("1234.50", "EUR"),
    }
    return plain[hint]
