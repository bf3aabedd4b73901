"""The pipeline view on the stock library: a materialised view and its projection, as its documentation shows."""

import re
import threading
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking, TrackingRecorder
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteDatastore, SQLiteTrackingRecorder
from eventsourcing.utils import get_topic
from psycopg.sql import SQL

from tests.benchmarks.stock import Deal

_COLUMNS = (
    "deal_id {uuid} PRIMARY KEY, status text, pipeline text, stage text, owner text, amount_minor {integer}, "
    "amount_currency text, probability {integer}, in_stage_since {instant}, opened_at {instant}, contact_id {uuid}, "
    "account_id {uuid}, lead_id {uuid}, expected_close {day}, closed_on {day}, loss_reason text"
)
_POSTGRES = {"uuid": "uuid", "integer": "bigint", "instant": "timestamptz", "day": "date"}
_SQLITE = {"uuid": "text", "integer": "integer", "instant": "text", "day": "text"}
_OTHER = "application_name <> '__migration__'"  # the library's own mark in its table
_OPEN = (
    "INSERT INTO {table} VALUES (:deal_id, 'open', :pipeline, :stage, :owner, :minor, :currency, :probability, "
    ":at, :at, :contact_id, :account_id, :lead_id, :expected_close, NULL, NULL)"
)
_AS_OPENED = (
    "pipeline", "stage", "owner", "probability", "currency", "contact_id", "account_id", "lead_id", "expected_close",
)  # fmt: skip
_MOVE = "UPDATE {table} SET stage = :stage, probability = :probability, in_stage_since = :at WHERE deal_id = :deal_id"
_REVALUE = "UPDATE {table} SET amount_minor = :minor, amount_currency = :currency WHERE deal_id = :deal_id"
_ASSIGN = "UPDATE {table} SET owner = :owner WHERE deal_id = :deal_id"
_PUSH = "UPDATE {table} SET expected_close = :expected_close WHERE deal_id = :deal_id"


class PipelineView(TrackingRecorder):
    """One statement and the tracking record in one transaction. `reached` is set once the awaited position is in."""

    awaited = 0
    reached = threading.Event()

    @classmethod
    def await_(cls, position: int) -> None:
        """Wait for this position from now on."""
        PipelineView.awaited = position
        cls.reached.clear()

    @abstractmethod
    def write(self, sql: str, values: Mapping[str, Any], tracking: Tracking) -> None:
        """Change a row, and record how far the view has come."""

    def _note(self, tracking: Tracking) -> None:
        if tracking.notification_id >= self.awaited:
            self.reached.set()


class PostgresPipeline(PostgresTrackingRecorder, PipelineView):
    """On PostgreSQL."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self._table = f"{datastore.schema}.pipeline_view"
        create = f"CREATE TABLE IF NOT EXISTS {self._table} ({_COLUMNS.format(**_POSTGRES)})"
        self.sql_create_statements.append(SQL(create))  # type: ignore[arg-type]

    def write(self, sql: str, values: Mapping[str, Any], tracking: Tracking) -> None:
        statement = re.sub(r":(\w+)", r"%(\1)s", sql.format(table=self._table))
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement.encode(), values, prepare=True)
        self._note(tracking)

    def clear(self) -> None:
        """As if nothing had been followed."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(f"TRUNCATE {self._table}".encode())
            cursor.execute(f"DELETE FROM {self.datastore.schema}.{self.tracking_table_name} WHERE {_OTHER}".encode())


class SqlitePipeline(SQLiteTrackingRecorder, PipelineView):
    """On SQLite."""

    def __init__(self, datastore: SQLiteDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        create = f"CREATE TABLE IF NOT EXISTS pipeline_view ({_COLUMNS.format(**_SQLITE)}) WITHOUT ROWID"
        self.create_table_statements.append(create)

    def write(self, sql: str, values: Mapping[str, Any], tracking: Tracking) -> None:
        plain = {name: str(one) if isinstance(one, UUID) else one for name, one in values.items()}
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(sql.format(table="pipeline_view"), plain)
        self._note(tracking)

    def clear(self) -> None:
        """As if nothing had been followed."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute("DELETE FROM pipeline_view")
            cursor.execute(f"DELETE FROM tracking WHERE {_OTHER}")


class Pipeline(Projection[PipelineView]):
    """Deals' events into rows."""

    name = "pipeline"
    topics = tuple(
        get_topic(one)
        for one in (Deal.Opened, Deal.StageChanged, Deal.Revalued, Deal.Assigned, Deal.ExpectedCloseChanged)  # type: ignore[attr-defined]
    )

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Any other event is of no interest."""

    @process_event.register
    def opened(self, domain_event: Deal.Opened, tracking: Tracking) -> None:  # type: ignore[name-defined]
        values = {name: getattr(domain_event, name) for name in _AS_OPENED}
        self._write(_OPEN, domain_event, tracking, minor=int(domain_event.amount * 100), **values)

    @process_event.register
    def stage_changed(self, domain_event: Deal.StageChanged, tracking: Tracking) -> None:  # type: ignore[name-defined]
        self._write(_MOVE, domain_event, tracking, stage=domain_event.to_stage, probability=domain_event.probability)

    @process_event.register
    def revalued(self, domain_event: Deal.Revalued, tracking: Tracking) -> None:  # type: ignore[name-defined]
        self._write(
            _REVALUE, domain_event, tracking, minor=int(domain_event.amount * 100), currency=domain_event.currency
        )

    @process_event.register
    def assigned(self, domain_event: Deal.Assigned, tracking: Tracking) -> None:  # type: ignore[name-defined]
        self._write(_ASSIGN, domain_event, tracking, owner=domain_event.owner)

    @process_event.register
    def pushed(self, domain_event: Deal.ExpectedCloseChanged, tracking: Tracking) -> None:  # type: ignore[name-defined]
        self._write(_PUSH, domain_event, tracking, expected_close=domain_event.expected_close)

    def _write(self, sql: str, domain_event: Any, tracking: Tracking, **values: Any) -> None:
        at = {"deal_id": domain_event.originator_id, "at": domain_event.timestamp.isoformat()}
        self.view.write(sql, {**at, **values}, tracking)
