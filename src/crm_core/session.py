"""One or many commands decided on loaded states: from intent to events with envelopes."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, cast, get_type_hints
from uuid import UUID

from crm_core.in_force import DEFINITIONS, InForce
from crm_core.kernel.catalogue import EventType, catalogue, id_kind
from crm_core.kernel.decider import Decider, Decision, Fold
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

    `transaction`: read inside it (bulk, policies); None: each stream is read on its own, for one command. What is
    kept by stream is kept by the number of its id, which hashes many times faster than the id.
    """

    def __init__(self, store: Store, in_force: InForce, writer: str, transaction: Transaction | None = None) -> None:
        self._store = store
        self._in_force = in_force
        self._writer = writer
        self._transaction = transaction
        self._states: dict[str, dict[int, Loaded]] = {}
        self._folds: dict[str, Fold[Any]] = {}
        self._versions: dict[int, int] = {}
        self._texts: dict[int, str] = {}
        self._now = stamp(store.log.clock.now())
        self._sealer = store.keys.sealer()
        self._mapper = store.open_mapper.sealing_with(self._sealer)

    def prefetch(self, requests: Sequence[Prepared]) -> None:
        """Load what many decisions need with one question for each kind of state, and one for keys."""
        wanted: dict[str, tuple[Decider[Any], dict[int, UUID]]] = {}
        people: dict[int, UUID] = {}
        for request in requests:
            for _, attribute, decider in request.decision.finds:
                stream = getattr(request.command, attribute)
                if stream is not None and attribute not in request.fresh:
                    if decider.noun not in wanted:
                        wanted[decider.noun] = (decider, {})
                    wanted[decider.noun][1][stream.int] = stream
            for name in _people_fields(request.command.__class__):
                person = getattr(request.command, name)
                if person is not None:
                    people[person.int] = person
        for decider, streams in wanted.values():
            found = self._store.streams(decider.noun, decider.fold).load_many(self._reading(), list(streams.values()))
            self._of(decider).update(found)
            self._versions.update([(stream, one.version) for stream, one in found.items()])
        self._sealer.expect(people.values())

    def draft(self, request: Prepared) -> Entry:
        """The events a command leads to, as rows that wait for their positions.

        Raises:
            Refused: a rule said no.
            Conflict: a stream is not at the version the caller expects.
        """
        decision, command = request.decision, request.command
        given: dict[str, Any] = {}
        found: dict[int, _Found] = {}
        for name, attribute, decider in decision.finds:
            stream = getattr(command, attribute)
            if stream is None:
                given[name] = decider.fold.initial
            else:
                loaded = self._load(decider, stream, new=attribute in request.fresh)
                found[stream.int] = _Found(stream, decider, loaded)
                given[name] = loaded.state
        if request.expect:
            self._check_expected(request.expect)
        in_force, definitions = self._in_force_for(decision)
        events = decision.decide(command, given, in_force)
        drafts = self._stamp(events, request.context, found, definitions)
        rows = [self._mapper.to_stored_event(one) for one in drafts]
        looked_at = {one.stream: one.loaded.version for one in found.values()}
        for draft in drafts:
            looked_at.pop(draft.originator_id, None)
        if self._transaction is not None:
            self._keep(drafts)
        return Entry(request.context.command_id, request.fingerprint, _thing(command, found, drafts), rows, looked_at)

    def flush_keys(self) -> None:
        """Make new people's keys durable, before what is sealed with them.

        Raises:
            StreamsMoved: a rival made one of the keys first; draft again.
        """
        if not self._sealer.flush():
            raise StreamsMoved

    def _stamp(
        self, events: list[Event], context: Context, found: "dict[int, _Found]", definitions: int | None
    ) -> list[Drafted]:
        """Give each event its place, its envelope, and the people and things it regards."""
        at = stamp(context.at) if context.at else self._now
        shared = context_text(context, at, self._writer)
        evolved: dict[int, Any] = {}
        versions: dict[int, int] = {}
        drafts = []
        for number, event in enumerate(events):
            entry = catalogue.of(event)
            stream = entry.stream(event)
            key = stream.int
            version = versions[key] = (versions[key] if key in versions else self._version(stream)) + 1
            state = None
            if key in found:
                fold = found[key].decider.fold
                state = evolved[key] if key in evolved else found[key].loaded.state
                if event.__class__ in fold.follows:
                    evolved[key] = state = fold.evolve(state, event)
            regards = self._regards(entry, event, stream, state)
            subjects = _subjects(entry, event, stream, regards) if entry.personal else _NOBODY
            about = [(ref.kind, self._text(ref.id)) for ref in regards]
            event_id, text = derived(context.command_id, number), self._text(stream)
            subject = next(iter(subjects.values())) if subjects else None
            opened = header_open(
                shared, event_id, entry.name, entry.version, text, version, about,
                None if subject is None else self._text(subject), definitions,
            )  # fmt: skip
            links = tuple([one for _, one in about])
            drafts.append(Drafted(stream, version, text, entry, event, event_id, at, opened, subjects, links))
        return drafts

    def _text(self, thing: UUID) -> str:
        text = self._texts.get(thing.int)
        if text is None:
            text = self._texts[thing.int] = str(thing)
        return text

    def _regards(self, entry: EventType, event: Event, stream: UUID, state: Any) -> list[Ref]:
        found: list[Ref] = []
        seen = {stream.int}
        sources = ((event, entry.refers), (state, _state_refers(state.__class__)))
        for source, names in sources if state is not None else sources[:1]:
            for name, kind in names.items():
                value = getattr(source, name)
                if value is None:
                    continue
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
            stream, version, event = draft.originator_id.int, draft.originator_version, draft.event
            self._versions[stream] = version
            for noun, states in self._states.items():
                known = states.get(stream)
                if known is not None:
                    fold = self._folds[noun]
                    if event.__class__ in fold.follows:
                        known.state = fold.evolve(known.state, event)
                    known.version = version

    def _of(self, decider: Decider[Any]) -> dict[int, Loaded]:
        """The loaded states of one kind."""
        if decider.noun not in self._states:
            self._states[decider.noun], self._folds[decider.noun] = {}, decider.fold
        return self._states[decider.noun]

    def _load(self, decider: Decider[Any], stream: UUID, *, new: bool) -> Loaded:
        states = self._of(decider)
        known = states.get(stream.int)
        if known is not None:
            return known
        if new and stream.int not in self._versions:
            known = Loaded(decider.fold.initial, 0)
        elif self._transaction is None:
            known = self._store.streams(decider.noun, decider.fold).load(stream)
        else:
            reader = self._store.streams(decider.noun, decider.fold)
            known = reader.load_many(self._transaction, [stream])[stream.int]
        states[stream.int] = known
        self._versions[stream.int] = known.version
        return known

    def _reading(self) -> Transaction:
        assert self._transaction is not None, "many commands are decided inside a transaction"  # noqa: S101 - by construction
        return self._transaction

    def _version(self, stream: UUID) -> int:
        version = self._versions.get(stream.int)
        if version is None:
            if self._transaction is not None:
                version = self._store.log.versions(self._transaction, [stream]).get(stream, 0)
            else:
                with self._store.database.looking() as transaction:
                    version = self._store.log.versions(transaction, [stream]).get(stream, 0)
            self._versions[stream.int] = version
        return version

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
            return _NOTHING, None
        position = self._in_force.refresh(self._transaction)
        return {name: self._in_force.state(one) for name, one in decision.definitions.items()}, position


class _Found(NamedTuple):
    """A stream whose state a decision asks for, whose rules it follows, and the state."""

    stream: UUID
    decider: Decider[Any]
    loaded: Loaded


def _subjects(entry: EventType, event: Event, stream: UUID, regards: Sequence[Ref]) -> dict[str, UUID]:
    """For each personal field that holds a value, whose it is: the contact's, else the lead's, else the stream's."""
    whose = stream
    if entry.noun != "contact":
        lead = None
        for kind, one in regards:
            if kind == "contact":
                whose = one
                break
            if kind == "lead" and lead is None:
                lead = one
        else:
            if lead is not None and entry.noun != "lead":
                whose = lead
    values = event.__dict__
    return {
        name: (values[mark.of] if mark.of else None) or whose
        for name, mark in entry.personal.items()
        if values[name] is not None
    }


def _thing(command: Command, found: "dict[int, _Found]", drafts: list[Drafted]) -> UUID:
    """What the command is about: its first id, else the stream of its first event."""
    for name in _id_fields(command.__class__):
        value = getattr(command, name)
        if value is not None:
            return cast("UUID", value)
    if found:
        return next(iter(found.values())).stream
    return drafts[0].originator_id if drafts else DEFINITIONS.id


@cache
def _id_fields(command: type[Command]) -> tuple[str, ...]:
    return tuple(name for name, info in command.model_fields.items() if id_kind(info.annotation))


@cache
def _people_fields(command: type[Command]) -> tuple[str, ...]:
    """Fields that may name the person whose key will be asked for."""
    kinds = {name: id_kind(info.annotation) for name, info in command.model_fields.items()}
    return tuple(name for name, kind in kinds.items() if kind in ("contact", "lead"))


@cache
def _state_refers(state: type[Any]) -> dict[str, str]:
    if state is type(None):
        return {}
    return {name: kind for name, hint in get_type_hints(state).items() if (kind := id_kind(hint))}


_NOBODY: dict[str, UUID] = {}
_NOTHING: dict[str, Any] = {}
