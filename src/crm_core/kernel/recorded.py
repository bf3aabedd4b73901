"""The envelope: what is known about a fact besides the fact."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Self
from uuid import UUID

from crm_core.kernel.catalogue import catalogue, sentence
from crm_core.kernel.errors import Invalid, UnknownEventType
from crm_core.kernel.ids import NAMESPACE
from crm_core.kernel.messages import Event
from crm_core.kernel.plain import as_dict
from crm_core.kernel.time import stamp, unstamp

_KINDS = ("user", "integration", "policy", "import", "customer", "machine")
_LONGEST_ACTOR = 200
_instant = datetime.fromisoformat
"""What `unstamp` does, without a call in between: folds ask every fact for its time."""


@dataclass(frozen=True, slots=True, order=True)
class Actor:
    """Who did it. `kind` is one of user, integration, policy, import, customer, machine.

    `id` is a pseudonym (a login, a policy's name, a batch), never a name or an e-mail address.
    """

    kind: str
    id: str

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise Invalid("actor", [("actor", f"the kind must be one of {', '.join(_KINDS)}, followed by :id")])
        if str(self.id) != self.id or not self.id.strip() or len(self.id) > _LONGEST_ACTOR or not self.id.isprintable():
            raise Invalid(
                "actor", [("actor", f"the id must be text of at most {_LONGEST_ACTOR} printable characters, not blank")]
            )

    @classmethod
    def parse(cls, text: object, field: str = "by") -> "Actor":
        """An actor from `kind:id`, or from a bare login, which is a user; an actor stays as it is.

        Raises:
            Invalid: empty, or a kind that does not exist; names the field.
        """
        if isinstance(text, Actor):
            return text
        if not isinstance(text, str):
            raise Invalid(field, [(field, "must be an actor: a login, or kind:id")])
        kind, colon, name = text.partition(":")
        try:
            return cls(kind, name) if colon else cls("user", text)
        except Invalid as error:
            raise Invalid(field, [(field, rule) for _, rule in error.problems]) from None

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: `kind` and `id`."""
        return as_dict(self)


class Ref(NamedTuple):
    """Something a fact regards: a kind, such as contact, and an id."""

    kind: str
    id: UUID

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: `kind` and `id`."""
        return {"kind": self.kind, "id": str(self.id)}


class Context(NamedTuple):
    """What a command brings to the envelope of every event it leads to."""

    by: Actor
    at: datetime | None
    command_id: UUID
    correlation_id: UUID
    causation_id: UUID | None = None
    on_behalf_of: Actor | None = None


class Recorded:
    """A fact with its envelope, as it stands in the log.

    `position` is its place in the log, from 1; `at` when it happened in the world, `recorded_at` when
    the log learnt it (never decreasing along positions); `stream` and `version` its place in its
    aggregate's history, from 1; `by` who did it. `regards` are the other things it is about. The
    header is parsed when first asked for, and may be read only then, since a fold rarely needs more
    than `at`.
    """

    __slots__ = ("_at", "_header", "_parsed", "event", "position")

    def __init__(self, position: int, event: Event, at: str, header: str | Callable[[int], str]) -> None:
        self.position: int = position
        self.event: Event = event
        self._at = at
        self._header = header
        self._parsed: dict[str, Any] | None = None

    @classmethod
    def of(
        cls,
        event: Event,
        *,
        position: int = 1,
        version: int = 1,
        at: datetime,
        by: str = "user:test",
        regards: tuple[Ref, ...] = (),
        recorded_at: datetime | None = None,
        command_id: UUID = NAMESPACE,
    ) -> Self:
        """A fact with an envelope made by hand, for tests of folds."""
        entry = catalogue.of(event)
        shared = context_text(Context(Actor.parse(by), at, command_id, command_id), stamp(at), "test")
        about = [(ref.kind, str(ref.id)) for ref in regards]
        opened = header_open(
            shared, UUID(int=position), entry.name, entry.version, str(entry.stream(event)), version, about, None, None
        )
        return cls(position, event, stamp(at), header_close(opened, stamp(recorded_at or at), position))

    @property
    def header(self) -> dict[str, Any]:
        """The whole envelope as stored."""
        if self._parsed is None:
            self._parsed = json.loads(self._text())
        return self._parsed

    def _text(self) -> str:
        """The header as stored, read now if it was not read before."""
        if not isinstance(self._header, str):
            self._header = self._header(self.position)
        return self._header

    @property
    def at(self) -> datetime:
        """When it happened in the world."""
        return _instant(self._at)

    @property
    def recorded_at(self) -> datetime:
        """When the log learnt it."""
        return unstamp(self.header["recorded_at"])

    @property
    def id(self) -> UUID:
        """The event's own id, safe to use outside this database."""
        return UUID(self.header["id"])

    @property
    def type(self) -> str:
        """The stored name, such as `deal.won`."""
        return str(self.header["type"])

    @property
    def type_version(self) -> int:
        """The schema version it was stored with."""
        return int(self.header["type_version"])

    @property
    def stream(self) -> UUID:
        """The aggregate whose history it belongs to."""
        return UUID(self.header["stream"])

    @property
    def version(self) -> int:
        """Its place in that history, from 1."""
        return int(self.header["version"])

    @property
    def by(self) -> Actor:
        """Who did it."""
        return Actor.parse(self.header["by"])

    @property
    def on_behalf_of(self) -> Actor | None:
        """For whom, where that is someone else."""
        return Actor.parse(self.header["on_behalf_of"]) if "on_behalf_of" in self.header else None

    @property
    def command_id(self) -> UUID:
        """The command that led to it."""
        return UUID(self.header["command"])

    @property
    def correlation_id(self) -> UUID:
        """What started it all: equal for everything that followed from one command."""
        return UUID(self.header["correlation"])

    @property
    def causation_id(self) -> UUID | None:
        """The event a policy answered with the command; None: nobody but the actor caused it."""
        return UUID(self.header["causation"]) if "causation" in self.header else None

    @property
    def writer(self) -> str:
        """The library version, and the host's, that wrote it."""
        return str(self.header["writer"])

    @property
    def regards(self) -> tuple[Ref, ...]:
        """The other things it is about, as known when it was recorded."""
        return tuple(Ref(kind, UUID(one)) for kind, one in self.header["regards"])

    @property
    def subject(self) -> UUID | None:
        """The person its personal fields belong to; None: it has none."""
        return UUID(self.header["subject"]) if "subject" in self.header else None

    @property
    def definitions(self) -> int | None:
        """Up to which position definitions were folded when it was decided; None: it used none."""
        return self.header.get("definitions")

    def __str__(self) -> str:
        return " ".join(sentence(self.event).split())

    def __repr__(self) -> str:
        return f"<Recorded {self.position} {self.type} of {self.stream} v{self.version}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recorded) and (self._text(), self.event) == (other._text(), other.event)

    def __hash__(self) -> int:
        return hash(self._text())

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: the envelope, the sentence, and the event's fields, in the shape of version `event_version`."""
        shape = catalogue.of(self.event).version
        return {**self.header, "says": str(self), "event_version": shape, "event": self.event.model_dump(mode="json")}


def unread(fact: Recorded) -> UnknownEventType:
    """Which type and version a fact is of, as the error that says that it is unknown here."""
    return UnknownEventType(fact.type, fact.type_version, fact.position)


def context_text(context: Context, at: str, writer: str) -> str:
    """The part of the header that all events of one command share."""
    causation = f',"causation":"{context.causation_id}"' if context.causation_id else ""
    behalf = f',"on_behalf_of":{_quoted(str(context.on_behalf_of))}' if context.on_behalf_of else ""
    command = str(context.command_id)
    correlation = command if context.correlation_id is context.command_id else str(context.correlation_id)
    return (
        f'"at":"{at}","by":{_quoted(str(context.by))}{behalf},"command":"{command}",'
        f'"correlation":"{correlation}"{causation},"writer":{_quoted(writer)}'
    )


def header_open(
    shared: str,
    event_id: UUID,
    type_name: str,
    type_version: int,
    stream: str,
    version: int,
    regards: Iterable[tuple[str, str]],
    subject: str | None,
    definitions: int | None,
) -> str:
    """The header but for what only the append lock knows: compact JSON in a fixed order, ASCII, still open."""
    whom = f',"subject":"{subject}"' if subject else ""
    stamped = "" if definitions is None else f',"definitions":{definitions}'
    about = ",".join([f'["{kind}","{thing}"]' for kind, thing in regards])
    return (
        f'{{"id":"{event_id}","type":"{type_name}","type_version":{type_version},"stream":"{stream}","version":{version},'
        f'{shared},"regards":[{about}]{whom}{stamped}'
    )


def header_close(opened: str, recorded_at: str, position: int) -> str:
    """The header, complete."""
    return f'{opened},"recorded_at":"{recorded_at}","position":{position}}}'


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return json.dumps(text)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One line of a receipt: which fact was recorded where."""

    id: UUID
    type: str
    stream: UUID
    version: int
    position: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return as_dict(self)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a command was carried out; the same command id always gives an equal receipt.

    `id` is what the command is about: its first id, a UUID that fits the id field of that thing's commands.
    `position` is the last position it recorded, or, where there was nothing to record, the head of the log it was
    decided on; `events` is empty then.
    """

    command_id: UUID
    id: Any
    position: int
    recorded_at: datetime
    events: tuple[RecordedEvent, ...]

    @property
    def versions(self) -> dict[UUID, int]:
        """Stream → version after this command; what `expect=` takes."""
        return {one.stream: one.version for one in self.events}

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "command_id": str(self.command_id),
            "id": str(self.id),
            "position": self.position,
            "recorded_at": stamp(self.recorded_at),
            "versions": {str(stream): version for stream, version in self.versions.items()},
            "events": [one.as_dict() for one in self.events],
        }
