"""The same business on the `eventsourcing` library, used as its documentation shows."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import JSONTranscoder, Transcoding


class Deal(Aggregate):
    """A deal, with the fields and rules of ours that the benchmarks use."""

    @staticmethod
    def create_id(deal_id: UUID) -> UUID:
        return deal_id

    @event("Opened")
    def __init__(
        self,
        deal_id: UUID,
        title: str,
        amount: Decimal,
        currency: str,
        owner: str,
        pipeline: str,
        stage: str,
        probability: int,
        contact_id: UUID | None = None,
        account_id: UUID | None = None,
        lead_id: UUID | None = None,
        expected_close: date | None = None,
    ) -> None:
        self.status = "open"
        self.title = title
        self.amount, self.currency = amount, currency
        self.owner, self.pipeline, self.stage, self.probability = owner, pipeline, stage, probability
        self.contact_id, self.account_id, self.lead_id = contact_id, account_id, lead_id
        self.expected_close = expected_close
        self.notes = 0

    def move(self, stage: str, probability: int) -> None:
        self._require_open()
        if stage != self.stage:
            self._stage_changed(from_stage=self.stage, to_stage=stage, probability=probability)

    def revise(self, amount: Decimal, currency: str) -> None:
        self._require_open()
        if (amount, currency) != (self.amount, self.currency):
            self._revalued(amount=amount, currency=currency, previous=self.amount, previous_currency=self.currency)

    def assign(self, owner: str) -> None:
        if owner != self.owner:
            self._assigned(owner=owner, previous=self.owner)

    def push(self, expected_close: date) -> None:
        self._require_open()
        if expected_close != self.expected_close:
            self._expected_close_changed(expected_close=expected_close, previous=self.expected_close)

    def note(self, text: str) -> None:
        self._noted(kind="note", text=text)

    def _require_open(self) -> None:
        if self.status != "open":
            raise ValueError(self.status)

    @event("StageChanged")
    def _stage_changed(self, from_stage: str, to_stage: str, probability: int) -> None:
        self.stage, self.probability = to_stage, probability

    @event("Revalued")
    def _revalued(self, amount: Decimal, currency: str, previous: Decimal, previous_currency: str) -> None:
        self.amount, self.currency = amount, currency

    @event("Assigned")
    def _assigned(self, owner: str, previous: str) -> None:
        self.owner = owner

    @event("ExpectedCloseChanged")
    def _expected_close_changed(self, expected_close: date | None, previous: date | None) -> None:
        self.expected_close = expected_close

    @event("NoteAdded")
    def _noted(self, kind: str, text: str) -> None:
        self.notes += 1


class Contact(Aggregate):
    """A person on record."""

    @staticmethod
    def create_id(contact_id: UUID) -> UUID:
        return contact_id

    @event("Added")
    def __init__(self, contact_id: UUID, name: str, email: str) -> None:
        self.name, self.email = name, email


class Purchase(Aggregate):
    """Something a contact bought."""

    @staticmethod
    def create_id(purchase_id: UUID) -> UUID:
        return purchase_id

    @event("Recorded")
    def __init__(
        self, purchase_id: UUID, contact_id: UUID, amount: Decimal, currency: str, quantity: int, order_ref: str
    ) -> None:
        self.contact_id = contact_id
        self.amount, self.currency, self.quantity, self.order_ref = amount, currency, quantity, order_ref


class DateAsISO(Transcoding):
    """Days, which the library leaves to its users."""

    type = date
    name = "date_iso"

    def encode(self, obj: date) -> str:
        return obj.isoformat()

    def decode(self, data: str) -> date:
        return date.fromisoformat(data)


class Sales(Application[UUID]):
    """Commands on deals: get, call, save."""

    def register_transcodings(self, transcoder: JSONTranscoder) -> None:
        super().register_transcodings(transcoder)
        transcoder.register(DateAsISO())

    def change(self, deal_id: UUID, verb: str, values: Iterable[Any]) -> None:
        deal: Deal = self.repository.get(deal_id)
        getattr(deal, verb)(*values)
        self.save(deal)


def opened(title: str, amount: Decimal, contact_id: UUID | None = None) -> Deal:
    """A new deal in the first stage of the pipeline that ships with the CRM."""
    return Deal(uuid4(), title, amount, "EUR", "ann", "standard", "new_lead", 10, contact_id)
