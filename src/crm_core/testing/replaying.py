"""A recorded history against the code as it is now: every fact still loads, everything folds it, to the same rows."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any, Protocol, cast, get_type_hints
from uuid import UUID

import crm_core
from crm_core.app import CRM
from crm_core.extending import installed_followers
from crm_core.following import Follower
from crm_core.kernel.catalogue import catalogue, discover
from crm_core.kernel.decider import Fold, deciders, definitions
from crm_core.kernel.errors import CatalogueError, CRMError
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import personal_fields
from crm_core.kernel.recorded import Recorded
from crm_core.reading import AsOf, Stored
from crm_core.testing.histories import RecordedHistory, Rows, jsonable
from crm_core.testing.staged import MONDAY


class Replayable(Protocol):
    """What a view or policy offers to be replayed; a follower without it is passed over."""

    name: str
    checkpoint: str
    kind: str
    types: tuple[str, ...] | None

    def replay(self, facts: Iterable[Recorded]) -> Mapping[Any, Any]:
        """Its rows, or memories, after a history."""
        ...

    def keys_of(self, facts: Sequence[Recorded]) -> list[Any]:
        """For each fact the key of its row, a list of keys, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise than recorded, or cannot be done at all.

    `where` is event, state, view or policy, and `name` says which; `position` and `type` name the event
    that cannot be read or folded, or the last one that has a part in the row. `key` is the row's, or the
    state's stream. Values of personal fields are not told.
    """

    where: str
    name: str
    position: int | None
    type: str | None
    key: Any
    reason: str

    def __str__(self) -> str:
        event = "" if self.position is None else f" at {self.type}, position {self.position}"
        return f"{self.where} {self.name}{'' if self.key is None else f' {self.key}'}{event}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a history: how many events, what folded them, what was not compared, and what is otherwise."""

    events: int
    folded: tuple[str, ...]
    compared: int
    skipped: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is otherwise."""
        return not self.differences


@dataclass(slots=True)
class _Played:
    facts: list[Recorded] = field(default_factory=list)
    found: dict[str, Mapping[Any, Any]] = field(default_factory=dict)
    states: dict[tuple[str, str | None], Any] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


def record(
    crm: CRM, things: Sequence[UUID] = (), as_of: AsOf | None = None, *, personal: bool = False
) -> RecordedHistory:
    """The history of these things, or of all, with what this code makes of it.

    `personal`: with personal values; otherwise they are withheld, and the file may lie in a repository.

    Raises:
        CatalogueError: it cannot be replayed as it is; says why.
    """
    upto = (as_of or crm.as_of(None)).position
    facts = list(crm._reader.stored(upto, things, opens=personal))  # noqa: SLF001 - the only reader of the stored form
    played = _play(facts, _replayable([*crm.views, *crm.policies]))
    if played.differences:
        raise CatalogueError(f"cannot be recorded: {played.differences[0]}")
    rows = {name: {_key(key): jsonable(row) for key, row in found.items()} for name, found in played.found.items()}
    return RecordedHistory(facts, rows, {key: jsonable(state) for key, state in played.states.items()})


def replay(history: RecordedHistory, followers: Iterable[Follower] | None = None) -> Replayed:
    """Replay a history with the code of this process; `followers` None: all that are installed.

    Rows are compared where a view or policy still has the version they were recorded with; of states, the
    fields that both have.
    """
    discover(crm_core)
    playing = _replayable(installed_followers() if followers is None else followers)
    played = _play(history.facts, playing)
    skipped: list[str] = []
    compared = 0
    if any(one.where == "event" for one in played.differences):
        skipped.append("rows and states: not all events could be read")
    else:
        compared = _compare(history, played, {one.checkpoint: one for one in playing}, skipped)
    folded = tuple(sorted({*(one.checkpoint for one in playing), *(name for name, _ in played.states)}))
    return Replayed(len(played.facts), folded, compared, tuple(skipped), tuple(played.differences))


def _replayable(followers: Iterable[Follower]) -> list[Replayable]:
    return [cast("Replayable", one) for one in followers if hasattr(one, "replay") and hasattr(one, "keys_of")]


# -- folding ------------------------------------------------------------------------------------


def _play(facts: Iterable[Stored], followers: Iterable[Replayable]) -> _Played:
    played = _Played()
    versions: dict[UUID, int] = {}
    for fact in facts:
        try:
            event = catalogue.named(fact.type).read(fact.type_version, fact.public, fact.personal)
            played.facts.append(_enveloped(fact, event, versions))
        except Exception as error:  # noqa: BLE001 - an upcast is the host's code
            reason = str(error) if isinstance(error, CRMError) else f"its upcast raised {type(error).__name__}"
            played.differences.append(Difference("event", fact.type, fact.position, fact.type, None, reason))
    for fold, whole in _folds():
        for known in played.facts:
            if type(known.event) in fold.follows:
                _evolve(played, fold, known, whole=whole)
    for follower in followers:
        try:
            played.found[follower.checkpoint] = follower.replay(played.facts)
        except Exception as error:  # noqa: BLE001 - a fold is the host's code
            at = _first_that_fails(follower, played.facts)
            played.differences.append(_failed(follower.kind, follower.name, at, None, error))
    return played


def _enveloped(fact: Stored, event: Event, versions: dict[UUID, int]) -> Recorded:
    if fact.header:
        return Recorded(fact.position, event, json.loads(fact.header)["at"], fact.header)
    stream = catalogue.of(event).stream(event)
    versions[stream] = versions.get(stream, 0) + 1
    return Recorded.of(event, position=fact.position, version=versions[stream], at=MONDAY)


def _folds() -> Iterator[tuple[Fold[Any], bool]]:
    """The states behind decisions; True: one state over the whole log, not one for each stream."""
    yield from ((one.fold, False) for one in deciders())
    yield from ((one.fold, True) for one in definitions())


def _evolve(played: _Played, fold: Fold[Any], fact: Recorded, *, whole: bool) -> None:
    stream = None if whole else str(catalogue.of(fact.event).stream(fact.event))
    key = fold.state.__name__, stream
    try:
        played.states[key] = fold.evolve(played.states.get(key, fold.initial), fact.event)
    except Exception as error:  # noqa: BLE001 - an evolve is the host's code
        played.differences.append(_failed("state", key[0], fact, stream, error))


def _failed(where: str, name: str, at: Recorded, key: Any, error: Exception) -> Difference:
    reason = f"its fold raised {type(error).__name__}"
    return Difference(where, name, at.position, catalogue.of(at.event).name, key, reason)


def _first_that_fails(follower: Replayable, facts: Sequence[Recorded]) -> Recorded:
    """The event whose fold raises: whatever fails on some events fails on more."""
    low, high = 0, len(facts) - 1
    while low < high:
        middle = (low + high) // 2
        try:
            follower.replay(facts[: middle + 1])
            low = middle + 1
        except Exception:  # noqa: BLE001 - that is the question
            high = middle
    return facts[low]


# -- comparing ----------------------------------------------------------------------------------


def _compare(history: RecordedHistory, played: _Played, known: dict[str, Replayable], skipped: list[str]) -> int:
    """Note what differs; how many rows and states were compared."""
    compared = 0
    failed = {one.name for one in played.differences}
    for name, rows in history.rows.items():
        if name not in played.found:
            if name not in known or known[name].name not in failed:
                skipped.append(f"{name}: nothing of this name and version is installed")
            continue
        compared += len(rows)
        played.differences.extend(_rows_that_differ(known[name], rows, played))
    for (state, stream), recorded in history.states.items():
        if (state, stream) in played.states:
            compared += 1
            found = jsonable(played.states[state, stream])
            reason = _told(recorded, found, frozenset(), both=True)
            if reason:
                played.differences.append(Difference("state", state, None, None, stream, reason))
        elif state not in failed:
            skipped.append(f"state {state} {stream or ''}: nothing folds it any more")
    return compared


def _rows_that_differ(follower: Replayable, recorded: Rows, played: _Played) -> Iterator[Difference]:
    found = {_key(key): row for key, row in played.found[follower.checkpoint].items()}
    for key in sorted(recorded.keys() | found.keys()):
        if key not in found:
            reason = "recorded, but there is no such row now"
        elif key not in recorded:
            reason = "there was no such row"
        else:
            reason = _told(recorded[key], jsonable(found[key]), _personal(found[key]))
        if reason:
            last = _last_part(follower, key, played.facts)
            position, type_name = (last.position, catalogue.of(last.event).name) if last else (None, None)
            yield Difference(follower.kind, follower.name, position, type_name, json.loads(key), reason)


def _told(recorded: Any, found: Any, personal: frozenset[str], *, both: bool = False) -> str:
    """Which fields differ, and how; empty: none. `both`: of the fields that both have."""
    if not isinstance(recorded, dict) or not isinstance(found, dict):
        return "" if recorded == found else f"recorded {recorded}, now {found}"
    names = recorded.keys() & found.keys() if both else recorded.keys() | found.keys()
    return "; ".join(
        f"{name} differs" if name in personal else f"{name}: recorded {_of(recorded, name)}, now {_of(found, name)}"
        for name in sorted(names)
        if recorded.get(name, ...) != found.get(name, ...)
    )


def _of(row: dict[str, Any], name: str) -> str:
    return json.dumps(row[name], ensure_ascii=False) if name in row else "not there"


def _personal(row: Any) -> frozenset[str]:
    return (
        frozenset(personal_fields(get_type_hints(type(row), include_extras=True))) if is_dataclass(row) else frozenset()
    )


def _last_part(follower: Replayable, key: str, facts: Sequence[Recorded]) -> Recorded | None:
    """The last event that has a part in a row."""
    wanted = None if follower.types is None else frozenset(follower.types)
    followed = [fact for fact in facts if wanted is None or catalogue.of(fact.event).name in wanted]
    for fact, keys in zip(reversed(followed), reversed(follower.keys_of(followed)), strict=True):
        if any(_key(one) == key for one in (keys if isinstance(keys, list) else [keys])):
            return fact
    return None


def _key(key: Any) -> str:
    return json.dumps(jsonable(key), ensure_ascii=False)
