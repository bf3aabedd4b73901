"""One or many commands decided on loaded states: from intent to events with envelopes."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_type_hints
from uuid import UUID

from crm_core.in_force import DEFINITIONS, InForce
from crm_core.kernel.catalogue import EventType, catalogue, id_kind
from crm_core.kernel.decider import Decider, Decision
from crm_core.kernel.errors import Conflict
from crm_core.kernel.ids import derived, named_stream
from crm_core.kernel.messages import Event
from crm_core.kernel.recorded import Context, Ref, header_open
from crm_core.kernel.time import stamp
from crm_core.store.log import Entry, StreamsMoved
from crm_core.store.mapper import Drafted
from crm_core.store.opening import Store
from crm_core.store.port import Transaction
from crm_core.store.streams import Loaded

if TYPE_CHECKING:
    from crm_core.writing import Prepared

FORGETTINGS = Ref("forgettings", named_stream("forgettings", "all"))
"""Every forgetting regards this, so that an interrupted one is found and finished."""


class Session:
    """States loaded once and kept up with what this session itself drafts.

    `transaction`: read inside it (bulk, policies); None: each stream is read on its own.
    """

    def __init__(self, store: Store, in_force: InForce, writer: str, transaction: Transaction | None = None) -> None:
        self._store = store
        self._in_force = in_force
        self._writer = writer
        self._transaction = transaction
        self._loaded: dict[UUID, dict[str, tuple[Decider[Any], Loaded]]] = defaultdict(dict)
        self._versions: dict[UUID, int] = {}
        self._definitions: int | None = None
        self._sealer = store.keys.sealer()
        self._mapper = store.open_mapper.sealing_with(self._sealer)

    def prefetch(self, requests: "Sequence[Prepared]") -> None:
        """Load what many decisions need with one question for each kind of state, and one for keys."""
        wanted: dict[str, tuple[Decider[Any], dict[UUID, None]]] = {}
        ids: set[UUID] = set()
        for request in requests:
            ids.update(one for one in request.command.__dict__.values() if isinstance(one, UUID))
            for name, stream in request.decision.streams(request.command).items():
                if not _is_new(request, name):
                    decider = request.decision.states[name]
                    wanted.setdefault(decider.noun, (decider, {}))[1][stream] = None
        for decider, streams in wanted.values():
            found = self._store.streams(decider.noun, decider.fold).load_many(self._reading(), list(streams))
            for stream, loaded in found.items():
                self._remember(decider, stream, loaded)
        self._sealer.expect(ids)

    def draft(self, request: "Prepared") -> Entry:
        """The events a command leads to, as rows that wait for their positions.

        Raises:
            Refused: a rule said no.
            Conflict: a stream is not at the version the caller expects.
        """
        decision, command, context = request.decision, request.command, request.context
        streams = decision.streams(command)
        loaded = {name: self._load(decision.states[name], stream, new=_is_new(request, name)) for name, stream in streams.items()}
        self._check_expected(request.expect)
        in_force = self._in_force_for(decision)
        events = decision.decide(command, {name: one.state for name, one in loaded.items()}, in_force)
        states = {stream: (decision.states[name], loaded[name]) for name, stream in streams.items()}
        looked_at = {stream: one.version for stream, (_, one) in states.items()}
        drafts = self._stamp(events, context, states)
        rows = [self._mapper.to_stored_event(one) for one in drafts]
        self._keep(drafts)
        return Entry(context.command_id, request.fingerprint, _thing(command, streams, drafts), rows, looked_at)

    def flush_keys(self) -> None:
        """Make new people's keys durable, before what is sealed with them.

        Raises:
            StreamsMoved: a rival made one of the keys first; draft again.
        """
        if not self._sealer.flush():
            raise StreamsMoved

    def _stamp(self, events: list[Event], context: Context, states: dict[UUID, tuple[Decider[Any], Loaded]]) -> list[Drafted]:
        """Give each event its place, its envelope, and the people and things it regards."""
        drafts = []
        evolved = {stream: one.state for stream, (_, one) in states.items()}
        versions: dict[UUID, int] = {}
        at = stamp(context.at or self._store.log.clock.now())
        for number, event in enumerate(events):
            entry = catalogue.of(event)
            stream = entry.stream(event)
            if stream in states and isinstance(event, states[stream][0].fold.follows):
                evolved[stream] = states[stream][0].fold.evolve(evolved[stream], event)
            version = versions[stream] = (versions[stream] if stream in versions else self._version(stream)) + 1
            regards = self._regards(entry, event, stream, evolved.get(stream))
            subjects = _subjects(entry, event, stream, regards)
            event_id = derived(context.command_id, number)
            opened = header_open(
                context, event_id, entry.name, entry.version, stream, version, at, self._writer, regards,
                next(iter(subjects.values()), None), self._definitions,
            )  # fmt: skip
            links = tuple(ref.id for ref in regards)
            drafts.append(Drafted(stream, version, entry, event, event_id, at, opened, subjects, links))
        return drafts

    def _regards(self, entry: EventType, event: Event, stream: UUID, state: Any) -> tuple[Ref, ...]:
        found: dict[UUID, Ref] = {}
        for source, names in ((event, entry.refers), (state, _state_refers(type(state)))):
            for name, kind in names.items():
                value = getattr(source, name)
                for one in value if isinstance(value, tuple) else (value,):
                    if one is not None and one != stream:
                        found.setdefault(one, Ref(kind, one))
        if entry.name in self._in_force.types:
            found[DEFINITIONS.id] = DEFINITIONS
        if entry.name == "person.forgotten":
            found[FORGETTINGS.id] = FORGETTINGS
        return tuple(found.values())

    def _keep(self, drafts: list[Drafted]) -> None:
        for draft in drafts:
            stream = draft.originator_id
            self._versions[stream] = draft.originator_version
            for decider, loaded in self._loaded[stream].values() if stream in self._loaded else ():
                if isinstance(draft.event, decider.fold.follows):
                    loaded.state = decider.fold.evolve(loaded.state, draft.event)
                loaded.version = draft.originator_version

    def _load(self, decider: Decider[Any], stream: UUID, *, new: bool) -> Loaded:
        if stream in self._loaded and decider.noun in self._loaded[stream]:
            return self._loaded[stream][decider.noun][1]
        if new and stream not in self._versions:
            found = Loaded(decider.fold.initial, 0)
        elif self._transaction is None:
            found = self._store.streams(decider.noun, decider.fold).load(stream)
        else:
            found = self._store.streams(decider.noun, decider.fold).load_many(self._transaction, [stream])[stream]
        self._remember(decider, stream, found)
        return found

    def _remember(self, decider: Decider[Any], stream: UUID, loaded: Loaded) -> None:
        self._loaded[stream][decider.noun] = (decider, loaded)
        self._versions[stream] = loaded.version

    def _reading(self) -> Transaction:
        assert self._transaction is not None, "many commands are decided inside a transaction"  # noqa: S101 - by construction
        return self._transaction

    def _version(self, stream: UUID) -> int:
        if stream not in self._versions:
            if self._transaction is not None:
                self._versions[stream] = self._store.log.versions(self._transaction, [stream]).get(stream, 0)
            else:
                with self._store.database.looking() as transaction:
                    self._versions[stream] = self._store.log.versions(transaction, [stream]).get(stream, 0)
        return self._versions[stream]

    def _check_expected(self, expect: dict[UUID, int]) -> None:
        actual = {stream: self._version(stream) for stream in expect}
        if actual != expect:
            stale = ", ".join(f"{stream} is at version {actual[stream]}, not {expect[stream]}" for stream in expect if actual[stream] != expect[stream])
            raise Conflict(stale, actual)

    def _in_force_for(self, decision: Decision) -> dict[str, Any]:
        if not decision.definitions:
            self._definitions = None
            return {}
        self._definitions = self._in_force.refresh(self._transaction)
        return {name: self._in_force.state(one) for name, one in decision.definitions.items()}


def _is_new(request: "Prepared", name: str) -> bool:
    """An id that follows from the command id is new: only this command could have made it."""
    command = request.command
    return f"{name}_id" in command.__derived__ and getattr(command, f"{name}_id") == derived(request.context.command_id, f"{name}_id")


def _subjects(entry: EventType, event: Event, stream: UUID, regards: tuple[Ref, ...]) -> dict[str, UUID]:
    """For each personal field the person it is about: its contact, else its lead, else the stream itself."""
    if not entry.personal:
        return {}
    people = {"contact": stream} if entry.noun == "contact" else {}
    for ref in regards:
        people.setdefault(ref.kind, ref.id)
    if entry.noun == "lead":
        people["lead"] = stream
    whose = people.get("contact") or people.get("lead") or stream
    return {name: (getattr(event, mark.of) if mark.of else None) or whose for name, mark in entry.personal.items()}


def _thing(command: Any, streams: dict[str, UUID], drafts: list[Drafted]) -> UUID:
    """What the command is about: its first id, else the stream of its first event."""
    first = next(iter(streams.values()), None)
    for name in type(command).model_fields:
        value = getattr(command, name) if name.endswith("_id") else None
        if isinstance(value, UUID):
            return value
    if first is not None:
        return first
    return drafts[0].originator_id if drafts else DEFINITIONS.id


@lru_cache(maxsize=None)
def _state_refers(state: type[Any]) -> dict[str, str]:
    if state is type(None):
        return {}
    return {name: kind for name, hint in get_type_hints(state).items() if (kind := id_kind(hint))}
