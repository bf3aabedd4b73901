"""The timeline: whatever happened with a customer, an account, a deal or a ticket, on each one's own timeline.

One fact is recorded once and stands on the timeline of everything it regards. How the business is set
up (pipelines, switches of policies) is on nobody's timeline. A host's fact whose code is not loaded is
shown by its name; once the code is there, a rebuild puts it in words.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from crm_core.events import Event
from crm_core.kernel.catalogue import catalogue, sentence
from crm_core.kernel.foreign import Foreign
from crm_core.kernel.personal import WITHHELD, Erased, PersonalMark
from crm_core.kernel.recorded import Recorded
from projections.engine.projection import projection

_NO_THINGS = frozenset({"definitions", "forgettings"})
"""What facts regard only so that they are found: it has no history of its own to show."""


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One fact on one timeline.

    `about` is whose timeline it is; `stream` and `version` are where the fact belongs. `says` is the
    fact in a sentence. `subject` is the person whose data the sentence holds; None: nobody's.
    """

    about: UUID
    position: int
    at: datetime
    type: str
    says: Annotated[str | Erased, PersonalMark("subject")]
    done_by: str
    stream: UUID
    version: int
    subject: UUID | None


def _about(event: Event, seen: Recorded) -> list[tuple[UUID, int]]:
    """The thing the fact belongs to, if facts refer to it by an id, and everything else the fact regards."""
    header, position = seen.header, seen.position
    things = [(UUID(thing), position) for kind, thing in header["regards"] if kind not in _NO_THINGS]
    if isinstance(event, Foreign) or catalogue.of(event).refers:
        things.append((UUID(header["stream"]), position))
    return things


@lru_cache(maxsize=512)
def _of_others(cls: type[Event]) -> tuple[str, ...]:
    """The personal fields that are about somebody else than the fact's subject: no sentence shows them."""
    return () if cls is Foreign else tuple(name for name, mark in catalogue.of(cls).personal.items() if mark.of)


@lru_cache(maxsize=1)
def _line(seen: Recorded) -> tuple[datetime, str, str, str, UUID, int, UUID | None]:
    """What a fact looks like on every timeline it is on; told once, as they are written one after the other."""
    header, event = seen.header, seen.event
    others = _of_others(type(event))
    says = sentence(event.model_copy(update=dict.fromkeys(others, WITHHELD)) if others else event)
    return seen.at, header["type"], says, header["by"], seen.stream, header["version"], seen.subject


@projection("timeline", version=1, key=_about, keys=2)
def timeline(row: TimelineRow | None, event: Event, seen: Recorded, key: tuple[UUID, int]) -> TimelineRow | None:
    """A fact stays on a timeline as it was written there."""
    about, position = key
    return TimelineRow(about, position, *_line(seen)) if row is None else row
