"""One or many commands decided on loaded states: from intent to events with envelopes."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, cast, get_type_hints
from uuid import UUID

from crm_core.in_force import DEFINITIONS, InForce
from crm_core.kernel.catalogue import EventType, catalogue, id_kind
from crm_core.kernel.decider import Decider, Decision
from crm_core.kernel.errors import Conflict
from crm_core.kernel.ids import derived, named_stream
from crm_core.kernel.messages import Command, Event
from crm_core.kernel.recorded import Context, Ref, context_text, header_open
from crm_core.kernel.time import stamp
from crm_core.store.mapper import Drafted, Entry
from crm_core.store.opening import Store
from crm_core.store.port import StreamsMoved, Transaction
from crm_core.store.streams import Loaded

FORGETTINGS = Ref("forgettings", named_stream("forgettings", "all"))
"""Every forgetting regards this, so that an interrupted one is found and finished."""


class Prepared(NamedTuple):
    """A request that has passed every check that needs no history.

    `named`: the caller gave the command id; only then can it have been carried out before. `fresh`: the
    command's fields whose ids follow from the command id, so that nothing can be recorded under them yet.
    """

    command: Command
    decision: Decision
    context: Context
    fingerprint: bytes
    expect: dict[UUID, int] | None
    named: bool
    fresh: list[str]


class Session:
    """States loaded once and kept up with what this session itself drafts.

    `transaction`: read inside it (bulk, policies); None: each stream is read on its own.
    """

    def __init__(self, store: Store, in_force: InForce, writer: str, transaction: Transaction | None = None) -> None:
        self._store = store
        self._in_force = in_force
        self._writer = writer
        self._transaction = transaction
        self._loaded: dict[UUID, dict[str, _Known]] = {}
        self._versions: dict[UUID, int] = {}
        self._now = stamp(store.log.clock.now())
        self._sealer = store.keys.sealer()
        self._mapper = store.open_mapper.sealing_with(self._sealer)

    def prefetch(self, requests: Sequence[Prepared]) -> None:
        """Load what many decisions need with one question for each kind of state, and one for keys."""
        wanted: dict[str, tuple[Decider[Any], dict[UUID, None]]] = {}
        ids: set[UUID] = set()
        for request in requests:
            ids.update([one for one in request.command.__dict__.values() if type(one) is UUID])
            for _, attribute, decider in request.decision.finds:
                stream = getattr(request.command, attribute)
                if stream is not None and attribute not in request.fresh:
                    wanted.setdefault(decider.noun, (decider, {}))[1][stream] = None
        for decider, streams in wanted.values():
            found = self._store.streams(decider.noun, decider.fold).load_many(self._reading(), list(streams))
            for stream, loaded in found.items():
                self._remember(decider, stream, loaded)
        self._sealer.expect(ids)

    def draft(self, request: Prepared) -> Entry:
        """The events a command leads to, as rows that wait for their positions.

        Raises:
            Refused: a rule said no.
            Conflict: a stream is not at the version the caller expects.
        """
        decision, command = request.decision, request.command
        given: dict[str, Any] = {}
        states: dict[UUID, _Known] = {}
        for name, attribute, decider in decision.finds:
            stream = getattr(command, attribute)
            if stream is None:
                given[name] = decider.fold.initial
            else:
                states[stream] = known = self._load(decider, stream, new=attribute in request.fresh)
                given[name] = known.loaded.state
        if request.expect:
            self._check_expected(request.expect)
        in_force, definitions = self._in_force_for(decision)
        events = decision.decide(command, given, in_force)
        drafts = self._stamp(events, request.context, states, definitions)
        rows = [self._mapper.to_stored_event(one) for one in drafts]
        written = {draft.originator_id for draft in drafts}
        looked_at = {stream: known.loaded.version for stream, known in states.items() if stream not in written}
        self._keep(drafts)
        return Entry(request.context.command_id, request.fingerprint, _thing(command, states, drafts), rows, looked_at)

    def flush_keys(self) -> None:
        """Make new people's keys durable, before what is sealed with them.

        Raises:
            StreamsMoved: a rival made one of the keys first; draft again.
        """
        if not self._sealer.flush():
            raise StreamsMoved

    def _stamp(
        self, events: list[Event], context: Context, states: "dict[UUID, _Known]", definitions: int | None
    ) -> list[Drafted]:
        """Give each event its place, its envelope, and the people and things it regards."""
        at = stamp(context.at) if context.at else self._now
        shared = context_text(context, at, self._writer)
        evolved: dict[UUID, Any] = {}
        versions: dict[UUID, int] = {}
        drafts = []
        for number, event in enumerate(events):
            entry = catalogue.of(event)
            stream = entry.stream(event)
            version = versions[stream] = (versions[stream] if stream in versions else self._version(stream)) + 1
            known = states.get(stream)
            if known is not None:
                state = evolved.get(stream, known.loaded.state)
                fold = known.decider.fold
                evolved[stream] = state = fold.evolve(state, event) if event.__class__ in fold.follows else state
            else:
                state = None
            regards = self._regards(entry, event, stream, state)
            texts = [str(ref.id) for ref in regards]
            subjects = _subjects(entry, event, stream, regards) if entry.personal else _NOBODY
            event_id, stream_text = derived(context.command_id, number), str(stream)
            about = [(ref.kind, text) for ref, text in zip(regards, texts, strict=True)]
            subject = next(iter(subjects.values())) if subjects else None
            opened = header_open(
                shared, event_id, entry.name, entry.version, stream_text, version, about, subject, definitions
            )
            links = tuple(texts)
            drafts.append(Drafted(stream, version, stream_text, entry, event, event_id, at, opened, subjects, links))
        return drafts

    def _regards(self, entry: EventType, event: Event, stream: UUID, state: Any) -> list[Ref]:
        found: list[Ref] = []
        seen = {stream.int}
        for source, names in ((event, entry.refers), (state, _state_refers(state.__class__))):
            for name, kind in names.items():
                value = getattr(source, name)
                for one in value if value.__class__ is tuple else (value,):
                    if one is not None and one.int not in seen:
                        seen.add(one.int)
                        found.append(Ref(kind, one))
        if entry.name in self._in_force.types:
            found.append(DEFINITIONS)
        if entry.name == "person.forgotten":
            found.append(FORGETTINGS)
        return found

    def _keep(self, drafts: list[Drafted]) -> None:
        """The next command of this session sees what this one drafted."""
        for draft in drafts:
            stream = draft.originator_id
            self._versions[stream] = draft.originator_version
            for known in self._loaded[stream].values() if stream in self._loaded else ():
                if draft.event.__class__ in known.decider.fold.follows:
                    known.loaded.state = known.decider.fold.evolve(known.loaded.state, draft.event)
                known.loaded.version = draft.originator_version

    def _load(self, decider: Decider[Any], stream: UUID, *, new: bool) -> "_Known":
        if stream in self._loaded and decider.noun in self._loaded[stream]:
            return self._loaded[stream][decider.noun]
        if new and stream not in self._versions:
            found = Loaded(decider.fold.initial, 0)
        elif self._transaction is None:
            found = self._store.streams(decider.noun, decider.fold).load(stream)
        else:
            found = self._store.streams(decider.noun, decider.fold).load_many(self._transaction, [stream])[stream]
        return self._remember(decider, stream, found)

    def _remember(self, decider: Decider[Any], stream: UUID, loaded: Loaded) -> "_Known":
        known = self._loaded.setdefault(stream, {})[decider.noun] = _Known(decider, loaded)
        self._versions[stream] = loaded.version
        return known

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
            stale = ", ".join(
                f"{stream} is at version {actual[stream]}, not {expect[stream]}"
                for stream in expect
                if actual[stream] != expect[stream]
            )
            raise Conflict(stale, actual)

    def _in_force_for(self, decision: Decision) -> tuple[dict[str, Any], int | None]:
        """The definitions a decision names, and the position up to which they speak (None: it names none)."""
        if not decision.definitions:
            return {}, None
        position = self._in_force.refresh(self._transaction)
        return {name: self._in_force.state(one) for name, one in decision.definitions.items()}, position


class _Known(NamedTuple):
    """A loaded state, and whose rules it follows."""

    decider: Decider[Any]
    loaded: Loaded


def _subjects(entry: EventType, event: Event, stream: UUID, regards: Sequence[Ref]) -> dict[str, UUID]:
    """For each personal field that holds a value, whose it is: the contact's, else the lead's, else the stream's."""
    people = {ref.kind: ref.id for ref in reversed(regards)}
    people[entry.noun] = stream
    whose = people.get("contact") or people.get("lead") or stream
    return {
        name: (getattr(event, mark.of) if mark.of else None) or whose
        for name, mark in entry.personal.items()
        if getattr(event, name) is not None
    }


def _thing(command: Command, states: "dict[UUID, _Known]", drafts: list[Drafted]) -> UUID:
    """What the command is about: its first id, else the stream of its first event."""
    for name in _id_fields(command.__class__):
        value = getattr(command, name)
        if value is not None:
            return cast("UUID", value)
    if states:
        return next(iter(states))
    return drafts[0].originator_id if drafts else DEFINITIONS.id


@cache
def _id_fields(command: type[Command]) -> tuple[str, ...]:
    return tuple(name for name, info in command.model_fields.items() if id_kind(info.annotation))


@cache
def _state_refers(state: type[Any]) -> dict[str, str]:
    if state is type(None):
        return {}
    return {name: kind for name, hint in get_type_hints(state).items() if (kind := id_kind(hint))}


_NOBODY: dict[str, UUID] = {}
