"""Any row goes into either database and comes back the same; and names need no quotes."""

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_core import Money
from crm_core.errors import Invalid
from crm_core.kernel.errors import WiringError
from crm_core.kernel.ids import ContactId, UserId
from crm_core.kernel.personal import ERASED, WITHHELD, Erased, Personal, PersonalMark
from crm_core.store.opening import Store
from projections.engine.names import RESERVED, check_column, check_view
from projections.engine.table import Table

Nested = tuple[tuple[str, int], ...]
Number = NewType("Number", int)


@dataclass(frozen=True, slots=True)
class Everything:
    """A row with a column of every kind, each also as one that may be empty."""

    id: UUID
    number: int
    text: str
    flag: bool
    at: datetime
    day: date
    exact: Decimal
    price: Money
    words: tuple[str, ...]
    counts: dict[str, int]
    side: Literal["left", "right"]
    level: Literal[1, 2]
    owner: UserId
    name: Personal[str]
    contact_id: ContactId | None = None
    number_or_none: Number | None = None
    text_or_none: str | None = None
    flag_or_none: bool | None = None
    at_or_none: datetime | None = None
    day_or_none: date | None = None
    exact_or_none: Decimal | None = None
    price_or_none: Money | None = None
    nested_or_none: Nested | None = None
    side_or_none: Literal["left", "right"] | None = None
    nick: Annotated[str | Erased | None, PersonalMark("id")] = None


TABLE = Table("everything", 1, Everything, 2)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))])
TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - the zone is drawn
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30"))
MONEY = st.builds(Money.of_minor, st.integers(-(2**63) + 1, 2**63 - 1), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
SIDES = st.sampled_from(["left", "right"])
NAMES = TEXTS.filter(lambda text: text != "[erased]") | st.just(ERASED)
ROWS = st.builds(
    Everything,
    id=st.uuids(),
    number=INTEGERS,
    text=TEXTS,
    flag=st.booleans(),
    at=TIMES,
    day=st.dates(),
    exact=DECIMALS,
    price=MONEY,
    words=st.lists(TEXTS, max_size=3).map(tuple),
    counts=st.dictionaries(TEXTS, INTEGERS, max_size=3),
    side=SIDES,
    level=st.sampled_from([1, 2]),
    owner=TEXTS,
    name=NAMES,
    contact_id=st.none() | st.uuids(),
    number_or_none=st.none() | INTEGERS,
    text_or_none=st.none() | TEXTS,
    flag_or_none=st.none() | st.booleans(),
    at_or_none=st.none() | TIMES,
    day_or_none=st.none() | st.dates(),
    exact_or_none=st.none() | DECIMALS,
    price_or_none=st.none() | MONEY,
    nested_or_none=st.none() | st.lists(st.tuples(TEXTS, INTEGERS), max_size=2).map(tuple),
    side_or_none=st.none() | SIDES,
    nick=st.none() | NAMES,
)
EXAMPLE = Everything(
    id=UUID(int=7),
    number=7,
    text="seven",
    flag=True,
    at=datetime(2024, 3, 4, 9, tzinfo=UTC),
    day=date(2024, 3, 4),
    exact=Decimal("1.50"),
    price=Money("12.34", "EUR"),
    words=("a", "b"),
    counts={"a": 1},
    side="left",
    level=1,
    owner=UserId("kim"),
    name="Ada",
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, max_size=25, unique_by=lambda row: (row.id, row.number)), replaced=ROWS)
def test_a_row_comes_back_as_it_went(store: Store, rows: list[Everything], replaced: Everything) -> None:
    with store.database.writing() as transaction:
        TABLE.create(transaction)
        TABLE.clear(transaction)
        TABLE.insert(transaction, rows)
        keys = [(row.id, row.number) for row in rows]
        assert TABLE.load(transaction, keys) == dict(zip(keys, rows, strict=True))
        assert TABLE.load(transaction, [(UUID(int=1), 1)]) == {}
        again = [dataclasses.replace(replaced, id=row.id, number=row.number) for row in rows]
        TABLE.store(transaction, again)
        assert sorted(map(TABLE.key_of, TABLE.select(transaction, {}))) == sorted(keys)
        assert TABLE.load(transaction, keys) == dict(zip(keys, again, strict=True))
        TABLE.delete(transaction, keys[:-1])
        assert TABLE.count(transaction, {}) == len(keys[-1:])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=ROWS)
def test_a_row_is_found_by_any_of_its_values(store: Store, row: Everything) -> None:
    with store.database.writing() as transaction:
        TABLE.create(transaction)
        TABLE.clear(transaction)
        TABLE.store(transaction, [row])
        for field in dataclasses.fields(row):
            assert TABLE.select(transaction, {field.name: getattr(row, field.name)}) == [row], field.name


@settings(max_examples=100)
@given(row=ROWS)
def test_a_row_can_be_told_in_json_under_its_columns_names(row: Everything) -> None:
    told = json.loads(json.dumps(TABLE.plain(row)))
    assert tuple(told) == TABLE.names
    assert told["price_minor"] == row.price.minor
    assert told["at"].endswith("Z")
    assert told["name"] == str(row.name)
    assert told["exact"] == str(row.exact)
    assert told["words"] == list(row.words)
    assert (told["price_or_none_currency"] is None) == (row.price_or_none is None)


def test_an_erased_value_is_that_text_for_whoever_reads_plain_sql(store: Store) -> None:
    with store.database.writing() as transaction:
        TABLE.create(transaction)
        TABLE.store(transaction, [dataclasses.replace(EXAMPLE, name=WITHHELD, nick=ERASED)])
        row = transaction.execute(f"SELECT name, nick FROM {TABLE.name}").fetchone()
        assert tuple(row) == ("[withheld]", "[erased]")
        [read] = TABLE.select(transaction, {})
        assert (read.name, read.nick) == (WITHHELD, ERASED)


@pytest.mark.parametrize(
    ("hint", "problem"),
    [
        (float, "makes no column"),
        (object, "makes no column"),
        (int | str, "makes no column"),
        (Literal[1, "a"], "makes no column"),
        (Annotated[int | Erased, PersonalMark()], "a personal column must be text"),
        (Annotated[str | Erased, PersonalMark()], "no column contact_id says whose it is"),
        (Annotated[str | Erased, PersonalMark("amount")], "no column amount says whose it is"),
    ],
)
def test_a_field_that_makes_no_column_is_named(hint: Any, problem: str) -> None:
    row = dataclasses.make_dataclass("Row", [("id", UUID), ("amount", int), ("odd", hint)], frozen=True, slots=True)
    with pytest.raises(WiringError, match=f"Row.odd: .*{problem}"):
        Table("odd", 1, row, 1)


@pytest.mark.parametrize(("hint", "keys"), [(UUID | None, 1), (Money, 1), (tuple[str, ...], 1), (UUID, 0), (UUID, 2)])
def test_a_key_is_made_of_plain_fields_that_are_never_empty(hint: Any, keys: int) -> None:
    row = dataclasses.make_dataclass("Row", [("id", hint)], frozen=True, slots=True)
    with pytest.raises(WiringError, match="key"):
        Table("odd", 1, row, keys)


@pytest.mark.parametrize("name", ["Pipeline", "crm_events", "sqlite_master", "pg_class", "select", "a" * 31, "a-b", ""])
def test_a_view_needs_a_name_that_sql_takes_without_quotes(name: str) -> None:
    with pytest.raises(WiringError, match="view"):
        check_view(name)


@pytest.mark.parametrize("name", ["order", "user", "desc", "Amount", "_x", "a" * 51])
def test_a_column_needs_a_name_that_sql_takes_without_quotes(name: str) -> None:
    with pytest.raises(WiringError, match="column"):
        check_column(name)


def test_every_word_that_a_database_reserves_is_refused(store: Store) -> None:
    with store.database.looking() as transaction:
        if store.database.dialect.name == "postgres":
            words = transaction.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')").fetchall()
            assert {word for (word,) in words} <= RESERVED
            return
    for word in ("at", "by", "key", "type", "version", "position", "kind", "day", "owner", "status"):
        with store.database.writing() as transaction:
            transaction.execute(f"CREATE TABLE t_{word} ({check_column(word)} TEXT)")


class TestQuestions:
    """Select, count and add up, in the database."""

    @pytest.fixture
    def rows(self) -> list[Everything]:
        prices = [Money("1.10", "EUR"), Money("2.20", "EUR"), Money(500, "JPY"), Money("0.01", "EUR")]
        return [
            dataclasses.replace(
                EXAMPLE, number=number, price=price, day_or_none=date(2024, 1, 9 - number) if number else None
            )
            for number, price in enumerate(prices)
        ]

    @pytest.fixture
    def filled(self, store: Store, rows: list[Everything]) -> Store:
        with store.database.writing() as transaction:
            TABLE.create(transaction)
            TABLE.insert(transaction, rows)
        return store

    def test_sums_are_exact_and_never_mix_currencies(self, filled: Store) -> None:
        with filled.database.reading() as transaction:
            assert TABLE.totals(transaction, "price", {}) == {"EUR": Money("3.31", "EUR"), "JPY": Money(500, "JPY")}
            assert TABLE.totals(transaction, "price", {"number": 3}) == {"EUR": Money("0.01", "EUR")}
            assert TABLE.totals(transaction, "price_or_none", {}) == {}
            assert TABLE.sum(transaction, "number", {}) == 6
            assert TABLE.sum(transaction, "number", {"number": 99}) == 0

    def test_rows_come_by_key_or_in_the_order_asked_for(self, filled: Store, rows: list[Everything]) -> None:
        with filled.database.reading() as transaction:
            assert TABLE.select(transaction, {}) == rows
            assert TABLE.select(transaction, {}, limit=2, offset=1) == rows[1:3]
            assert TABLE.select(transaction, {}, ["-number"]) == rows[::-1]
            assert TABLE.select(transaction, {}, ["day_or_none"]) == [rows[3], rows[2], rows[1], rows[0]]
            assert TABLE.select(transaction, {}, ["-day_or_none"]) == rows[1:] + rows[:1]
            assert TABLE.select(transaction, {}, ["-price"]) == [rows[2], rows[1], rows[0], rows[3]]
            assert TABLE.select(transaction, {}, ["price_minor"])[0] == rows[3]

    def test_fields_columns_and_typed_text_can_be_asked_for(self, filled: Store, rows: list[Everything]) -> None:
        with filled.database.reading() as transaction:
            for where in (
                {"number": 1},
                {"number": "1"},
                {"price": Money("2.20", "EUR")},
                {"price_minor": 220},
                {"price_minor": "220", "price_currency": "EUR"},
                {"day_or_none": "2024-01-08", "flag": "true", "at": "2024-03-04T10:00:00+01:00"},
            ):
                assert TABLE.select(transaction, where) == [rows[1]], where
                assert TABLE.count(transaction, where) == 1
            assert TABLE.select(transaction, {"day_or_none": None}) == [rows[0]]
            assert TABLE.select(transaction, {"id": str(EXAMPLE.id), "words": '["a","b"]'}) == rows
            assert TABLE.count(transaction, {"price": None}) == 0

    def test_part_of_a_text_is_found_whatever_it_holds(self, filled: Store, rows: list[Everything]) -> None:
        with filled.database.reading() as transaction:
            assert TABLE.containing(transaction, "text", "eve", 3) == rows[:3]
            assert TABLE.containing(transaction, "text", "%", 3) == []

    @pytest.mark.parametrize(
        ("where", "field"),
        [
            ({"colour": "red"}, "colour"),
            ({"number": "many"}, "number"),
            ({"number": True}, "number"),
            ({"flag": "yes"}, "flag"),
            ({"id": "7"}, "id"),
            ({"at": "2024-03-04T10:00:00"}, "at"),
            ({"at": datetime(2024, 3, 4)}, "at"),  # noqa: DTZ001 - that is what is wrong with it
            ({"day": "4 March"}, "day"),
            ({"exact": "1,5"}, "exact"),
            ({"words": "a"}, "words"),
            ({"price": 220}, "price"),
            ({"text": 5}, "text"),
        ],
    )
    def test_what_cannot_be_asked_for_is_named(self, filled: Store, where: dict[str, Any], field: str) -> None:
        with filled.database.reading() as transaction, pytest.raises(Invalid) as refused:
            TABLE.select(transaction, where)
        assert refused.value.field == field

    def test_what_cannot_be_added_up_or_ordered_by_is_named(self, filled: Store) -> None:
        with filled.database.reading() as transaction:
            for ask in (
                lambda: TABLE.totals(transaction, "number", {}),
                lambda: TABLE.sum(transaction, "price", {}),
                lambda: TABLE.containing(transaction, "number", "1", 1),
                lambda: TABLE.select(transaction, {}, ["colour"]),
            ):
                with pytest.raises(Invalid):
                    ask()
