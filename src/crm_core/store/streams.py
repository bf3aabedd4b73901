"""Loading streams into states, by the library's event store and repository."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.persistence import AggregateRecorder, EventStore, StoredEvent

from crm_core.kernel.decider import Fold
from crm_core.store.log import EventLog, stored
from crm_core.store.mapper import EventMapper, Versioned
from crm_core.store.port import Transaction


@dataclass(slots=True)
class Loaded:
    """A state and the version of the stream it was folded from; version 0: the stream has no event."""

    state: Any
    version: int


class StreamReader(AggregateRecorder):
    """The library's aggregate recorder over the log, reading only the types a fold names."""

    def __init__(self, log: EventLog, types: Sequence[str]) -> None:
        self._log = log
        self._types = list(types)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Appending is the log's business."""
        return self._log.insert_events(stored_events, **kwargs)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The stream's rows of these types, and its newest row whatever its type."""
        if (gt, lte, desc, limit) != (None, None, False, None):
            return [
                row
                for row in self._log.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
                if row.topic in self._types
            ]
        with self._log.database.looking() as transaction:
            return [stored(row) for row in self._log.stream(transaction, cast("UUID", originator_id), self._types)]


class Streams:
    """Folds streams of one decider: one at a time, or many with one question."""

    def __init__(self, log: EventLog, mapper: EventMapper, fold: Fold[Any]) -> None:
        self._log = log
        self._fold = fold
        self._mapper = mapper.reading_only(fold.types, opens=fold.opens)
        store = EventStore(cast("Any", self._mapper), StreamReader(log, fold.types))
        self._repository: Repository[UUID] = Repository(store)

    def load(self, stream: UUID) -> Loaded:
        """The state of one stream as it is now."""
        try:
            return cast("Loaded", self._repository.get(stream, projector_func=cast("Any", self._project)))
        except AggregateNotFoundError:
            return Loaded(self._fold.initial, 0)

    def load_many(self, transaction: Transaction, streams: Sequence[UUID]) -> dict[UUID, Loaded]:
        """The states of many streams, read inside a transaction."""
        loaded = {stream: Loaded(self._fold.initial, 0) for stream in streams}
        by_text = {str(stream): one for stream, one in loaded.items()}
        wanted = list(streams)
        for start in range(0, len(wanted), 10_000):
            part = wanted[start : start + 10_000]
            for row in self._log.streams(transaction, part, self._fold.types):
                self._take(by_text[str(row[3])], self._mapper.to_domain_event(stored(row)))
            for stream, version in self._log.versions(transaction, part).items():
                loaded[stream].version = version
        return loaded

    def _project(self, _: None, events: Iterable[Versioned]) -> Loaded | None:
        state, version, evolve = self._fold.initial, 0, self._fold.evolve
        for version, event in events:  # noqa: B007 - the last version is the stream's
            if event is not None:
                state = evolve(state, event)
        return Loaded(state, version) if version else None

    def _take(self, loaded: Loaded, one: Versioned) -> None:
        if one.event is not None:
            loaded.state = self._fold.evolve(loaded.state, one.event)
        loaded.version = one.version
