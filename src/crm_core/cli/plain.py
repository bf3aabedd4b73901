"""Values as plain JSON has them, and as a person reads them."""

import json
import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_core.kernel.plain import plain

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d(?:\.\d+)?\+00:00")
_UUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def as_json(document: Any) -> str:
    """One JSON document, indented."""
    return json.dumps(plain(document), ensure_ascii=False, indent=2)


def readable(value: Any, zone: tzinfo = UTC) -> str:
    """The value as one reads it in a table: nothing for None, instants to the minute in that zone."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        case Decimal():
            return f"{value:,}"
        case UUID():
            return str(value)[:8]
        case list() | tuple() | set() | frozenset():
            return ", ".join(readable(one, zone) for one in value)
        case _:
            return tidy(str(value))


def tidy(text: str) -> str:
    """Text that others wrote, safe for a terminal: no control characters; ids and times cut short."""
    return _TIME.sub(r"\1 UTC", _UUID.sub(r"\1", _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)))
