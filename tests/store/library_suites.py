"""The library's conformance suites, and an adapter that lets them run on our log.

The module they lie in also imports a cipher, and so a package, that none of them uses here; empty modules
stand in for it while it is imported.
"""

import importlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent, Subscription

from crm_core.kernel.recorded import Actor, Context, context_text, header_open
from crm_core.kernel.time import SystemClock, stamp
from crm_core.store.log import EventLog
from crm_core.store.mapper import Entry, StoredRow
from crm_core.store.opening import Store, open_store

_UNUSED = {
    "Crypto": [],
    "Crypto.Cipher": ["AES"],
    "Crypto.Cipher.AES": ["key_size"],
    "Crypto.Cipher._mode_gcm": ["GcmMode"],
}


def suites() -> ModuleType:
    """`eventsourcing.tests.persistence`."""
    absent = [name for name in _UNUSED if name not in sys.modules]
    for name in absent:
        module = sys.modules[name] = ModuleType(name)
        for attribute in _UNUSED[name]:
            setattr(module, attribute, object())
    try:
        return importlib.import_module("eventsourcing.tests.persistence")
    finally:
        for name in [*absent, "eventsourcing.cipher"]:
            sys.modules.pop(name, None)


class Adapted(ApplicationRecorder):
    """Our log, for stored events of any topic and state.

    Each event is given an envelope and a command of its own on the way in, its state becoming the
    text of the public part; on the way out both are taken off again.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        rows = [_row(one) for one in stored_events]
        return self._log.insert_events(rows, command=Entry(uuid4(), b"test", uuid4(), [], {}))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        rows = self._log.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
        return [
            StoredEvent(UUID(str(one.originator_id)), one.originator_version, one.topic, _state(one.state))
            for one in rows
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        found = self._log.select_notifications(start, limit, stop, topics, inclusive_of_start=inclusive_of_start)
        return [
            Notification(one.originator_id, one.originator_version, one.topic, _state(one.state), one.id)
            for one in found
        ]

    def max_notification_id(self) -> int | None:
        return self._log.max_notification_id()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return self._log.subscribe(gt, topics)


class AdaptedForAggregates(Adapted):
    """The same where the library expects a recorder that knows no positions."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        super().insert_events(stored_events, **kwargs)
        return None


def _row(event: StoredEvent) -> StoredRow:
    at, command, stream = datetime.now(UTC), uuid4(), UUID(str(event.originator_id))
    event_id = uuid4()
    context = Context(Actor("machine", "test"), at, command, command)
    shared = context_text(context, stamp(at), "test")
    opened = header_open(shared, event_id, event.topic, 1, str(stream), event.originator_version, (), None, None)
    return StoredRow(
        originator_id=stream,
        originator_version=event.originator_version,
        topic=event.topic,
        type_version=1,
        at=stamp(at),
        header=opened,
        public=event.state.decode(),
        sealed=b"",
        stream=str(stream),
        links=(),
        event_id=event_id,
    )


def _state(stored: bytes) -> bytes:
    return stored[4:]


def opened_store(url: str) -> Store:
    """A store without the rest of a CRM."""
    return open_store(url, SystemClock())
