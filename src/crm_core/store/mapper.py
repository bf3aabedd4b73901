"""Between events and their stored form: a header, public JSON, and one sealed blob for each subject."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from pydantic import ValidationError

from crm_core.kernel.catalogue import EventType, catalogue
from crm_core.kernel.errors import PayloadTooLarge
from crm_core.kernel.messages import Event
from crm_core.kernel.recorded import Recorded
from crm_core.ledger.chain import lp
from crm_core.store.keys import KeyRing, Sealer
from crm_core.store.withholding import Withholding

LARGEST = 256 * 1024
"""No stored event is larger than this many bytes."""
ReadsHeader: TypeAlias = Callable[[int], str]
"""The header at a position, for facts whose rows were read without."""


def _unread(position: int) -> str:
    msg = f"the header of position {position} was not read"
    raise LookupError(msg)


class StoredRow(StoredEvent):
    """A stored event with its envelope.

    `state` is what the chain's inner hash covers: the public JSON behind its length, then the sealed
    bytes. `header` lacks its end (`recorded_at` and `position`) until the append lock knows them.
    `stream` is the id as text; `links` are the ids, as text, of the other things it regards.
    """

    header: str
    public: str
    sealed: bytes
    type_version: int
    at: str
    stream: str
    links: tuple[str, ...]
    event_id: UUID

    def __init__(self, **columns: Any) -> None:
        self.__dict__.update(columns)

    @property
    def state(self) -> bytes:
        """The bytes of the content."""
        return lp(self.public.encode()) + self.sealed


class Drafted(NamedTuple):
    """An event that is about to be recorded: what the library calls a domain event.

    `opened` is the header so far; `subjects` says for each personal field that has a value whose it is.
    """

    originator_id: UUID
    originator_version: int
    stream: str
    entry: EventType
    event: Event
    event_id: UUID
    at: str
    opened: str
    subjects: dict[str, UUID]
    links: tuple[str, ...]


@dataclass(slots=True)
class Entry:
    """One command about to be appended: its events, and the streams it only looked at, with their versions."""

    command_id: UUID
    fingerprint: bytes
    thing: UUID
    rows: list[StoredRow]
    looked_at: dict[UUID, int]


class Versioned(NamedTuple):
    """An event at its place in a stream; None: of a type that the reader does not follow."""

    version: int
    event: Event | None


class EventMapper(Mapper[UUID]):
    """The library's mapper, ours: seals on the way in, and opens on the way out for readers that may see.

    `opens`: whether readers get personal values; otherwise every personal field is withheld, and
    nothing is decrypted. `only`: the types worth decoding (None: all).
    """

    def __init__(
        self, keys: KeyRing, *, opens: bool = True, only: frozenset[str] | None = None, sealer: Sealer | None = None
    ) -> None:
        super().__init__(JSONTranscoder())
        self._keys = keys
        self._sealer = sealer or keys.sealer()
        self._opens = opens
        self._only = only
        self._readers: dict[str, tuple[int, Callable[[str], Event]]] = {}

    def sealing_with(self, sealer: Sealer) -> "EventMapper":
        """The same mapper for one transaction's writes."""
        return EventMapper(self._keys, sealer=sealer)

    def reading_only(self, types: Sequence[str], *, opens: bool) -> "EventMapper":
        """The same mapper for a reader of these types."""
        return EventMapper(self._keys, opens=opens, only=frozenset(types))

    def to_stored_event(self, domain_event: Drafted) -> StoredRow:  # type: ignore[override]
        """The row to be stored.

        Raises:
            PayloadTooLarge: it would exceed 256 KiB.
            KeyErased: it says something about a person who was forgotten.
        """
        entry, event, personal = domain_event.entry, domain_event.event, domain_event.subjects
        to_json = event.__pydantic_serializer__.to_json
        public = to_json(event, exclude=_named(tuple(personal)) if personal else None).decode()
        sealed = self._sealed(domain_event) if personal else b""
        if len(public) + len(sealed) > LARGEST // 8 and _size(public, sealed, domain_event.opened) > LARGEST:
            raise PayloadTooLarge(type(event).__name__, [("event", "must not exceed 256 KiB as stored")])
        return StoredRow(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=entry.name,
            type_version=entry.version,
            at=domain_event.at,
            header=domain_event.opened,
            public=public,
            sealed=sealed,
            stream=domain_event.stream,
            links=domain_event.links,
            event_id=domain_event.event_id,
        )

    def _sealed(self, draft: Drafted) -> bytes:
        """One part for each subject, by subject id."""
        place = binding(draft.entry.name, draft.stream, draft.originator_version)
        first, *others = draft.subjects.values()
        names: dict[UUID, list[str]] = {first: [*draft.subjects]}
        if any(other is not first for other in others):
            names = {}
            for name, whose in draft.subjects.items():
                names.setdefault(whose, []).append(name)
        to_json = draft.event.__pydantic_serializer__.to_json
        return b"".join(
            [
                framed(whose, of, self._sealer.seal(whose, place, to_json(draft.event, include=_named(tuple(of)))))
                for whose, of in (sorted(names.items()) if len(names) > 1 else names.items())
            ]
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Versioned:  # type: ignore[override]
        """The event of a row, brought to its present version.

        Raises:
            UnknownEventType: this code does not know the type or version.
        """
        row = stored_event.__dict__
        name, version = row["topic"], row["originator_version"]
        if self._only is not None and name not in self._only:
            return Versioned(version, None)
        event = self.read(name, row["type_version"], row["originator_id"], version, row["public"], row["sealed"])
        return Versioned(version, event)

    def versioned(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Event | None]]:
        """The same for rows of `STATE_COLUMNS`, in one loop: what every load of a state does.

        Raises:
            UnknownEventType: as `to_domain_event`.
        """
        readers, only = self._readers, self._only
        if self._opens and len(rows) > 1:
            self._keys.prefetch(subject for row in rows if row[4] for subject, _, _ in unsealed(row[4]))
        for stream, version, name, type_version, sealed, public in rows:
            if only is not None and name not in only:
                yield version, None
                continue
            reader = readers.get(name)
            if reader is None:
                entry = catalogue.named(name)
                reader = readers[name] = (entry.version, entry.cls.__pydantic_validator__.validate_json)
            if type_version == reader[0] and public != "{}":
                try:
                    if not sealed:
                        yield version, reader[1](public)
                        continue
                    if not self._opens:
                        yield version, reader[1](f"{public[:-1]},{withheld(sealed)[1:]}")
                        continue
                except ValidationError:
                    pass
            yield version, self.read(name, type_version, stream, version, public, sealed)

    def read(
        self, type_name: str, type_version: int, stream: object, version: int, public: str, sealed: bytes
    ) -> Event:
        """The event of these columns."""
        return catalogue.named(type_name).read(type_version, public, self.personal(type_name, stream, version, sealed))

    def personal(self, type_name: str, stream: object, version: int, sealed: bytes) -> str:
        """The personal JSON of a row: opened, or withheld."""
        if not sealed:
            return "{}"
        return self._opened(binding(type_name, stream, version), sealed) if self._opens else withheld(sealed)

    def recorded(self, rows: Sequence[tuple[Any, ...]], headers: ReadsHeader = _unread) -> list[Recorded]:
        """Facts with envelopes, from rows of `COLUMNS`; a host's that are unknown here as `Foreign`.

        `headers` reads the envelopes that the rows lack.
        """
        if not self._opens:
            return self._recorded_withheld(rows, headers)
        self._keys.prefetch(subject for row in rows if row[7] for subject, _, _ in unsealed(row[7]))
        readable = catalogue.readable
        return [
            Recorded(
                position,
                readable(name, type_version).read(type_version, public, self.personal(name, stream, version, sealed)),
                at,
                header or headers,
            )
            for position, name, type_version, stream, version, at, header, sealed, public in rows
        ]

    @staticmethod
    def _recorded_withheld(rows: Sequence[tuple[Any, ...]], headers: ReadsHeader) -> list[Recorded]:
        """The same where nothing is opened: what rebuilds do a million times, so with as few steps as can be."""
        facts = []
        readers: dict[str, tuple[int, Any, EventType, Withholding]] = {}
        for position, name, type_version, _, _, at, header, sealed, public in rows:
            if name not in readers:
                entry = catalogue.readable(name, type_version)
                validate = entry.cls.__pydantic_validator__.validate_json
                readers[name] = (entry.version, validate, entry, _withholding(entry))
            current, validate, entry, withholding = readers[name]
            if type_version != current:
                entry = catalogue.readable(name, type_version)
                event = entry.read(type_version, public, withheld(sealed) if sealed else "{}")
            elif sealed:
                event = withholding.read(public, sealed)
            else:
                try:
                    event = validate(public)
                except ValidationError:
                    event = entry.read(type_version, public, "{}")
            facts.append(Recorded(position, event, at, header or headers))
        return facts

    def _opened(self, place: bytes, sealed: bytes) -> str:
        parts = []
        for subject, names, blob in unsealed(sealed):
            opened = self._keys.open(subject, place, blob)
            parts.append(opened.decode()[1:-1] if opened is not None else _gone(names, "erased"))
        return "{" + ",".join(parts) + "}"


_WITHHOLDING: dict[type[Event], Withholding] = {}


def _withholding(entry: EventType) -> Withholding:
    """The reader of a type, made once."""
    if entry.cls not in _WITHHOLDING:
        _WITHHOLDING[entry.cls] = Withholding(entry, withheld)
    return _WITHHOLDING[entry.cls]


def binding(type_name: str, stream: object, version: int) -> bytes:
    """What a sealed blob is bound to: moved to another event, it no longer opens."""
    return f"{type_name}|{stream}|{version}|".encode()


def framed(subject: UUID, names: list[str], blob: bytes) -> bytes:
    """One subject's part of the sealed bytes: whose, which fields, and the blob."""
    return subject.bytes + lp(",".join(names).encode()) + lp(blob)


def unsealed(sealed: bytes) -> Iterator[tuple[UUID, list[str], bytes]]:
    """The parts of the sealed bytes."""
    start = 0
    while start < len(sealed):
        subject = UUID(bytes=sealed[start : start + 16])
        names, start = _behind_length(sealed, start + 16)
        blob, start = _behind_length(sealed, start)
        yield subject, names.decode().split(","), blob


def withheld(sealed: bytes) -> str:
    """The JSON that stands for sealed fields where a reader does not open them."""
    end = 20 + int.from_bytes(sealed[16:20], "big")
    if end + 4 + int.from_bytes(sealed[end : end + 4], "big") == len(sealed):
        return _withheld(sealed[20:end].decode())
    return _withheld(",".join(name for _, names, _ in unsealed(sealed) for name in names))


@lru_cache(maxsize=4096)
def _withheld(names: str) -> str:
    return "{" + _gone(names.split(","), "withheld") + "}"


@lru_cache(maxsize=4096)
def _named(names: tuple[str, ...]) -> set[str]:
    """What pydantic takes to leave fields in or out."""
    return set(names)


def _size(public: str, sealed: bytes, opened: str) -> int:
    """The bytes of a row, with room for what the append lock adds to the header."""
    return len(public.encode()) + len(sealed) + len(opened) + 80


def _behind_length(data: bytes, start: int) -> tuple[bytes, int]:
    end = start + 4 + int.from_bytes(data[start : start + 4], "big")
    return data[start + 4 : end], end


def _gone(names: list[str], why: str) -> str:
    return ",".join(f'"{name}":{{"$erased":"{why}"}}' for name in names)
