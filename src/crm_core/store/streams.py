"""Loading streams into states, by the library's event store and repository."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.persistence import AggregateRecorder, EventStore, StoredEvent

from crm_core.kernel.decider import Fold
from crm_core.kernel.messages import Event
from crm_core.store.log import EventLog
from crm_core.store.mapper import EventMapper
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
        """The stream's rows of these types."""
        found = self._log.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
        return [row for row in found if row.topic in self._types]

    def select_rows(self, stream: UUID) -> list[Any]:
        """The same as bare rows of `STATE_COLUMNS`, and the newest row whatever its type."""
        return self._log.stream(stream, self._types)


class StateStore(EventStore[UUID]):
    """The library's event store for folding whole streams: rows become events in one loop, without their envelopes."""

    def get(
        self,
        originator_id: UUID,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Iterator[Any]:
        """Version and event of each row; the event is None where the fold does not follow its type."""
        if (gt, lte, desc, limit) != (None, None, False, None):
            return super().get(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
        rows = cast("StreamReader", self.recorder).select_rows(originator_id)
        return cast("EventMapper", self.mapper).versioned(rows)


class Streams:
    """Folds streams of one decider: one at a time, or many with one question."""

    def __init__(self, log: EventLog, mapper: EventMapper, fold: Fold[Any]) -> None:
        self._log = log
        self._fold = fold
        self._mapper = mapper.reading_only(fold.types, opens=fold.opens)
        self._repository: Repository[UUID] = Repository(
            StateStore(cast("Any", self._mapper), StreamReader(log, fold.types))
        )

    def load(self, stream: UUID) -> Loaded:
        """The state of one stream as it is now."""
        try:
            return cast("Loaded", self._repository.get(stream, projector_func=cast("Any", self._project)))
        except AggregateNotFoundError:
            return Loaded(self._fold.initial, 0)

    def load_many(self, transaction: Transaction, streams: Sequence[UUID]) -> dict[int, Loaded]:
        """The states of many streams, read inside a transaction; by the ids' numbers, which hash faster."""
        initial, evolve = self._fold.initial, self._fold.evolve
        loaded: dict[int, Loaded] = {stream.int: Loaded(initial, 0) for stream in streams}
        wanted = list(streams)
        for start in range(0, len(wanted), 10_000):
            rows = self._log.streams(transaction, wanted[start : start + 10_000], self._fold.types)
            stream, one = None, Loaded(initial, 0)
            for row, (version, event) in zip(rows, self._mapper.versioned(rows), strict=True):
                if row[0] != stream:
                    stream = row[0]
                    one = loaded[stream.int if stream.__class__ is UUID else int(stream.replace("-", ""), 16)]
                one.version = version
                if event is not None:
                    one.state = evolve(one.state, event)
        return loaded

    def _project(self, _: None, events: Iterable[tuple[int, Event | None]]) -> Loaded | None:
        state, version, evolve = self._fold.initial, 0, self._fold.evolve
        for version, event in events:  # noqa: B007 - the last version is the stream's
            if event is not None:
                state = evolve(state, event)
        return Loaded(state, version) if version else None
