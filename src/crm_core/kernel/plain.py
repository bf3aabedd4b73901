"""Values as plain JSON has them: money as amount and currency, instants in UTC, ids as text."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from crm_core.kernel.time import stamp


def plain(value: Any) -> Any:
    """The value as JSON can hold it; what has an `as_dict` of its own says itself how it is told."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return stamp(value)
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case type():
            return value.__name__
        case _ if hasattr(value, "as_dict"):
            return value.as_dict()
        case BaseModel():
            return value.model_dump(mode="json")
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case _ if is_dataclass(value):
            return as_dict(value)
        case _:
            return str(value)


def as_dict(value: Any) -> dict[str, Any]:
    """A dataclass's fields, each as JSON can hold it."""
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
