"""For tests of your own views: facts in, rows out, without a store."""

import json
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from crm_core.events import Event
from crm_core.kernel.catalogue import EventType, catalogue
from crm_core.kernel.recorded import Recorded, Ref
from crm_core.kernel.time import stamp
from projections.engine.projection import Projection

Row = TypeVar("Row")
AT = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
"""When a plain event is taken to have happened."""


def rows(projection: Projection[Row], *facts: Event | Recorded) -> dict[Any, Row]:
    """The view's rows after these facts, by key. A plain event is given an envelope: see `recorded`."""
    return projection.replay(recorded(*facts))


def recorded(*facts: Event | Recorded, at: datetime = AT, by: str = "user:test") -> list[Recorded]:
    """Facts as they would stand in a log, in this order; those that have an envelope keep it.

    A plain event regards the things its own fields name, and its personal fields belong to its
    contact, else its lead, else its stream. (A log knows more: what the aggregate's state refers to.)
    """
    versions: dict[UUID, int] = {}
    made = []
    for position, fact in enumerate(facts, start=1):
        if isinstance(fact, Event):
            stream = catalogue.of(fact).stream(fact)
            versions[stream] = versions.get(stream, 0) + 1
            made.append(_recorded(fact, position, versions[stream], at, by))
        else:
            made.append(fact)
    return made


def _recorded(event: Event, position: int, version: int, at: datetime, by: str) -> Recorded:
    entry = catalogue.of(event)
    regards = _regards(entry, event)
    made = Recorded.of(event, position=position, version=version, at=at, by=by, regards=regards)
    subject = _subject(entry, event, regards)
    if subject is None:
        return made
    return Recorded(position, event, stamp(at), json.dumps({**made.header, "subject": str(subject)}))


def _regards(entry: EventType, event: Event) -> tuple[Ref, ...]:
    stream, found = entry.stream(event), {}
    for name, kind in entry.refers.items():
        value = getattr(event, name)
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None and one != stream:
                found[one] = Ref(kind, one)
    return tuple(found.values())


def _subject(entry: EventType, event: Event, regards: tuple[Ref, ...]) -> UUID | None:
    if not entry.personal:
        return None
    stream = entry.stream(event)
    people = {ref.kind: ref.id for ref in reversed(regards)} | {entry.noun: stream}
    return people.get("contact") or people.get("lead") or stream
