"""Strategies make what can be said and nothing else: for every command and event, and for a host's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NewType
from uuid import UUID

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from crm_core import Invalid, Money
from crm_core.commands import AddContact, AddNote, MoveDeal, OpenDeal, RecordPurchase, SwitchOnPolicy, WinDeal
from crm_core.events import DealWon, NoteAdded
from crm_core.kernel.catalogue import EventType, id_kind
from crm_core.kernel.decider import Decider, decisions
from crm_core.kernel.fields import Line
from crm_core.kernel.ids import ContactId, new
from crm_core.kernel.messages import Command, Event
from crm_core.kernel.personal import Personal, PersonalMark, Private, Public, mark_of
from crm_core.testing import a_crm, strategies
from crm_core.testing import given as log
from tests.histories import event_types, stored

MARK = "zqx"
COMMANDS = [one.command for one in decisions() if one.command.__module__.startswith("crm_core.")]
quick = settings(max_examples=25, deadline=None)
quickly_found = settings(max_examples=5_000, deadline=None, database=None, phases=[Phase.generate])

RoomId = NewType("RoomId", UUID)
Sku = Annotated[str, AfterValidator(lambda text: text if text.startswith("SKU-") else _no())]
Short = Annotated[str, StringConstraints(min_length=2, max_length=5)]


def _no() -> str:
    raise PydanticCustomError("sku", "must be a SKU")


class BookRoom(Command):
    """A command of a host, with a type and a rule of its own."""

    room_id: Public[RoomId] = new()
    contact_id: Public[ContactId]
    sku: Public[Sku]
    code: Public[Short]
    seats: Public[Annotated[int, Field(ge=2, lt=9)]]
    guests: Private[tuple[Line, ...]]
    first: Public[int]
    last: Public[int]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "BookRoom":
        if self.last <= self.first:
            raise PydanticCustomError("order", "must end after it begins")
        return self


class RoomBooked(Event, type="acme.room.booked", says="booked for {guests}"):
    """A room is taken."""

    room_id: Public[RoomId]
    contact_id: Public[ContactId]
    guests: Personal[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Room:
    contact_id: ContactId | None = None


def evolve(room: Room, event: RoomBooked) -> Room:
    return Room(event.contact_id)


rooms = Decider("room", initial=Room(), evolve=evolve)


@rooms.decision
def book(room: Room, command: BookRoom) -> Iterator[RoomBooked]:
    """Once."""
    if room.contact_id is None:
        yield RoomBooked(room_id=command.room_id, contact_id=command.contact_id, guests=command.guests)


strategies.register(Sku, st.integers(0, 999).map("SKU-{}".format))


@strategies.shape(BookRoom)
def _in_order(draw: Any, said: dict[str, Any], some: Any) -> dict[str, Any]:
    first = draw(st.integers(0, 10))
    return {**said, "first": first, "last": draw(st.integers(first + 1, first + 10))}


@pytest.mark.parametrize("cls", COMMANDS, ids=lambda cls: cls.__name__)
def test_any_command_can_be_said_and_says_its_personal_texts_where_it_is_told(cls: type[Command]) -> None:
    @quick
    @given(strategies.command(cls, prefix=MARK))
    def can_be_said(command: Command) -> None:
        assert type(command) is cls
        assert command.content()
        assert MARK not in repr(command)
        for name, info in cls.model_fields.items():
            value = getattr(command, name)
            if isinstance(mark_of(info.metadata), PersonalMark) and value and name != "phone":
                assert all(one.startswith(MARK) for one in (value if isinstance(value, tuple) else (value,)))

    can_be_said()


@pytest.mark.parametrize("entry", event_types(), ids=lambda entry: entry.name)
def test_any_event_goes_into_storage_and_back(entry: EventType) -> None:
    @quick
    @given(strategies.event(entry.cls))
    def goes_round(event: Event) -> None:
        assert stored(event).read() == event
        assert isinstance(entry.stream(event), UUID)

    goes_round()


@quick
@given(strategies.commands(max_size=8))
def test_a_story_names_what_was_added_before(story: list[Command]) -> None:
    known: set[UUID] = set()
    facts: tuple[Event, ...] = ()
    for command in story:
        required = [
            getattr(command, name)
            for name, info in type(command).model_fields.items()
            if info.is_required() and id_kind(info.annotation)
        ]
        assert set(required) <= known
        facts += log(*facts).when(command).events
        known |= {one for event in facts for one in event.__dict__.values() if isinstance(one, UUID)}


@quick
@given(strategies.commands(*COMMANDS, refused=False, min_size=3, max_size=8))
def test_a_story_without_refusals_is_carried_out_to_the_end(story: list[Command]) -> None:
    with a_crm(follow=[]) as crm:
        for command in story:
            crm.execute(command, by="ann")


@quick
@given(strategies.commands(OpenDeal, MoveDeal, WinDeal, amount=Money(5, "EUR"), owner=st.sampled_from(["ann", "bob"])))
def test_a_story_of_some_commands_with_some_fields_fixed(story: list[Command]) -> None:
    assert {type(one) for one in story} <= {OpenDeal, MoveDeal, WinDeal}
    assert all(one.amount == Money(5, "EUR") for one in story if isinstance(one, OpenDeal | WinDeal))
    assert all(one.owner in {"ann", "bob"} for one in story if isinstance(one, OpenDeal))


@quick
@given(strategies.command(BookRoom, prefix=MARK), strategies.event(RoomBooked))
def test_a_hosts_own_command_and_event_have_a_strategy(command: BookRoom, event: RoomBooked) -> None:
    assert command.sku.startswith("SKU-")
    assert 2 <= command.seats < 9
    assert 2 <= len(command.code) <= 5
    assert command.first < command.last
    assert all(one.startswith(MARK) for one in command.guests)
    assert stored(event).read() == event


def test_a_hosts_own_command_is_part_of_a_story() -> None:
    story = find(
        strategies.commands(AddContact, BookRoom),
        lambda told: any(isinstance(one, BookRoom) for one in told),
        settings=quickly_found,
    )
    added = {one.contact_id for one in story if isinstance(one, AddContact)}
    assert {one.contact_id for one in story if isinstance(one, BookRoom)} <= added


@pytest.mark.parametrize(
    "unusual",
    [
        lambda deal: not deal.title.isascii(),
        lambda deal: len(deal.title) == 200,
        lambda deal: deal.amount.minor == 2**63 - 1,
        lambda deal: deal.amount.minor == 0,
        lambda deal: deal.amount.currency in ("JPY", "KWD"),
        lambda deal: deal.expected_close is not None and deal.expected_close.year == 9999,
        lambda deal: (
            deal.expected_close is not None and (deal.expected_close.month, deal.expected_close.day) == (2, 29)
        ),
        lambda deal: deal.left_out() == ["deal_id"],
        lambda deal: deal.left_out() == [],
    ],
)
def test_values_go_beyond_the_usual(unusual: Any) -> None:
    try:
        find(strategies.command(OpenDeal), unusual, settings=quickly_found)
    except NoSuchExample:
        pytest.fail("never made")


@quick
@given(strategies.command(AddNote, text="the same", contact_id=st.uuids()), strategies.event(NoteAdded, text="x"))
def test_a_field_that_is_fixed_stays_as_it_is(command: AddNote, event: NoteAdded) -> None:
    assert (command.text, event.text) == ("the same", "x")
    assert isinstance(command.contact_id, UUID)


def test_a_field_that_no_such_message_has_is_refused() -> None:
    with pytest.raises(Invalid, match="WinDeal: amuont: is no field of it"):
        strategies.command(WinDeal, amuont=1)
    with pytest.raises(Invalid, match="DealWon: sum"):
        strategies.event(DealWon, sum=1)
    with pytest.raises(Invalid, match="template: is a field of none"):
        strategies.commands(WinDeal, template="x")


def test_a_value_that_the_field_itself_refuses_is_a_mistake_not_a_rare_case() -> None:
    @quick
    @given(strategies.command(RecordPurchase, quantity=0))
    def never(command: RecordPurchase) -> None:
        raise AssertionError

    with pytest.raises(Invalid, match="quantity"):
        never()


@quick
@given(strategies.commands(SwitchOnPolicy, min_size=1, max_size=3))
def test_whatever_a_story_says_a_store_takes(story: list[Command]) -> None:
    with a_crm(follow=[]) as crm:
        assert [crm.execute(one, by="ann").position for one in story]
