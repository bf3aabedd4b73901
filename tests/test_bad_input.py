"""Bad input gets an error of ours that names the field and the rule, and not the value; nothing is recorded."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest

from crm_core import CRM, Actor, Conflict, CRMError, Invalid, Money, Receipt, Recorded, Request
from crm_core.commands import (
    AddContact,
    AddTask,
    AssignDeal,
    LoseDeal,
    MoveDeal,
    OpenDeal,
    RecordPurchase,
    SwitchOnPolicy,
)
from crm_core.errors import (
    CommandIdReused,
    DatabaseUnavailable,
    FollowerHalted,
    MoneyError,
    NotACRMDatabase,
    PayloadTooLarge,
    SchemaMismatch,
    UnknownCommand,
    UnknownEventType,
    UnsafeSettings,
)
from crm_core.kernel.ids import DealId
from crm_core.kernel.messages import Command
from policies import follow_up_on_demo_request, thank_on_purchase
from projections import directory, pipeline, retention, timeline
from tests.faults.children import fork
from tests.postgres_server import PostgresServer

NAIVE = datetime(2024, 3, 4, 9, 30)  # noqa: DTZ001 - what a caller should not send
PRIVATE = "hunter2-at-home"
DEAL = DealId(UUID("00000000-0000-4000-8000-0000000000de"))
DAY = date(2024, 3, 4)


class DanceWithCustomer(Command):
    """A command that nothing decides."""


@pytest.fixture
def crm(store_url: str) -> Iterator[CRM]:
    """A CRM with one open deal."""
    with CRM.open(store_url, follow=[]) as opened:
        opened.execute(OpenDeal(deal_id=DEAL, title="New roof", amount=Money(1, "EUR"), owner="ann"), by="ann")
        yield opened


def execute(**envelope: Any) -> Callable[[CRM], object]:
    return lambda crm: crm.execute(AddContact(name=PRIVATE), **{"by": "ann", **envelope})


def command(kind: Any, **fields: Any) -> Callable[[CRM], object]:
    return lambda crm: crm.execute(kind(**fields), by="ann")


def asked(question: Callable[[Any], object]) -> Callable[[CRM], object]:
    """What the types forbid, and callers without a type checker do all the same."""
    return question


money: Any = Money


LOST: dict[str, Any] = {"deal_id": DEAL, "closed_on": DAY, "reason": "price"}
BAD: dict[str, tuple[Callable[[CRM], object], type[CRMError], str, str]] = {
    "an unknown command": (
        lambda crm: crm.execute(DanceWithCustomer(), by="ann"),
        UnknownCommand,
        "",
        "DanceWithCustomer",
    ),
    "no command": (asked(lambda crm: crm.execute(PRIVATE, by="ann")), Invalid, "command", "type str"),
    "a wrong type": (command(AddContact, name=[PRIVATE]), Invalid, "name", "string"),
    "an unknown field": (command(AddContact, name="Ada", shoe_size=PRIVATE), Invalid, "shoe_size", "not permitted"),
    "a missing field": (command(AddContact), Invalid, "name", "required"),
    "a code that is none": (command(LoseDeal, **{**LOST, "reason": PRIVATE}), Invalid, "reason", "should be"),
    "an e-mail address that is none": (
        command(AddContact, name="Ada", email=PRIVATE),
        Invalid,
        "email",
        "e-mail address",
    ),
    "a phone number that is none": (command(AddContact, name="Ada", phone=PRIVATE), Invalid, "phone", "phone number"),
    "a naive datetime in a field": (
        command(AddTask, title=PRIVATE, assignee="ann", due=NAIVE),
        Invalid,
        "due",
        "timezone",
    ),
    "a naive at": (execute(at=NAIVE), Invalid, "at", "time zone"),
    "an at that is no datetime": (execute(at="2024-03-04"), Invalid, "at", "datetime"),
    "a naive as_of": (lambda crm: crm.as_of(NAIVE), Invalid, "as_of", "time zone"),
    "a naive as_of of a history": (lambda crm: crm.history(DEAL, as_of=NAIVE), Invalid, "as_of", "time zone"),
    "a naive as_of of a view": (lambda crm: crm.view(pipeline, as_of=NAIVE), Invalid, "as_of", "time zone"),
    "an as_of in the future": (lambda crm: crm.as_of(datetime(2999, 1, 1, tzinfo=UTC)), Invalid, "as_of", "future"),
    "an as_of beyond the log": (lambda crm: crm.as_of(99), Invalid, "as_of", "ends at"),
    "an as_of that is a float": (asked(lambda crm: crm.as_of(1.5)), Invalid, "as_of", "datetime or a position"),
    "an unknown axis": (asked(lambda crm: crm.as_of(0, axis="imagined")), Invalid, "axis", "recorded or occurred"),
    "float money": (lambda _: money(12.34, "EUR"), MoneyError, "", "amount.*never a float"),
    "NaN money": (lambda _: Money("NaN", "EUR"), MoneyError, "", "amount.*finite"),
    "a float amount": (command(OpenDeal, title="x", amount=12.34, owner="ann"), Invalid, "amount", "must be Money"),
    "a float inside an amount": (
        command(OpenDeal, title="x", amount={"amount": 12.34, "currency": "EUR"}, owner="ann"),
        Invalid,
        "amount",
        "never a float",
    ),
    "a NaN amount": (
        command(OpenDeal, title="x", amount={"amount": "NaN", "currency": "EUR"}, owner="ann"),
        Invalid,
        "amount",
        "finite",
    ),
    "a NaN number": (command(SwitchOnPolicy, policy="a", after=float("nan")), Invalid, "after", "integer"),
    "a NUL in a line": (command(AddContact, name=f"{PRIVATE}\0"), Invalid, "name", "control characters"),
    "a NUL in a text": (command(LoseDeal, **LOST, note=f"{PRIVATE}\0"), Invalid, "note", "NUL"),
    "a lone surrogate in a line": (command(AddContact, name=f"{PRIVATE}\ud800"), Invalid, "name", "unicode"),
    "a lone surrogate in a text": (command(LoseDeal, **LOST, note=f"{PRIVATE}\udfff"), Invalid, "note", "unicode"),
    "no actor": (execute(by=None), Invalid, "by", "actor"),
    "an actor that is none": (execute(by=7), Invalid, "by", "actor"),
    "an actor of an unknown kind": (execute(by="robot:7"), Invalid, "by", "kind"),
    "a NUL in an actor": (execute(by=f"{PRIVATE}\0"), Invalid, "by", "printable"),
    "a lone surrogate in an actor": (execute(by=f"{PRIVATE}\ud800"), Invalid, "by", "printable"),
    "an actor made by hand": (lambda _: Actor("user", f"{PRIVATE}\n"), Invalid, "actor", "printable"),
    "somebody odd to act for": (execute(on_behalf_of=f"{PRIVATE}\0"), Invalid, "on_behalf_of", "printable"),
    "a command id that is none": (execute(command_id=PRIVATE), Invalid, "command_id", "UUID"),
    "a correlation that breaks out of the header": (
        execute(correlation_id='x","by":"user:' + PRIVATE),
        Invalid,
        "correlation_id",
        "UUID",
    ),
    "a causation that breaks out of the header": (
        execute(causation_id='x","by":"user:' + PRIVATE),
        Invalid,
        "causation_id",
        "UUID",
    ),
    "expect that is no mapping": (execute(expect=[DEAL]), Invalid, "expect", "map"),
    "expect with a name": (execute(expect={PRIVATE: 1}), Invalid, "expect", "UUID"),
    "expect with a text": (execute(expect={DEAL: "1"}), Invalid, "expect", "whole numbers"),
    "a stale version": (
        lambda crm: crm.execute(MoveDeal(deal_id=DEAL, stage="negotiation"), by="ann", expect={DEAL: 7}),
        Conflict,
        "",
        f"{DEAL} is at version 1, not 7",
    ),
    "a batch of nothing": (
        lambda crm: list(crm.execute_many([AddContact(name=PRIVATE)], by="ann", batch=0)),
        Invalid,
        "batch",
        "from 1",
    ),
    "a history of no id": (asked(lambda crm: crm.history(PRIVATE)), Invalid, "thing", "UUID"),
    "a log from nowhere": (asked(lambda crm: crm.log(PRIVATE)), Invalid, "after", "position"),
    "a log from before the beginning": (lambda crm: crm.log(-1), Invalid, "after", "position"),
    "a log of one type, not in a list": (lambda crm: crm.log(types="deal.won"), Invalid, "types", "list"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_by_field_and_rule_and_records_nothing(case: str, crm: CRM) -> None:
    call, kind, field, rule = BAD[case]
    with pytest.raises(CRMError) as caught:
        call(crm)

    error = caught.value
    assert isinstance(error, kind), f"{type(error).__name__}: {error}"
    if isinstance(error, Invalid):
        assert error.field == field
    assert re.search(rule, str(error)), str(error)
    assert not any(shown in f"{error} {error!r}" for shown in (PRIVATE, "12.34")), "the value is told"
    assert crm.status().position == 1
    assert crm.verify().intact


def test_a_stale_version_comes_with_the_version_as_it_is(crm: CRM) -> None:
    crm.execute(AssignDeal(deal_id=DEAL, owner="kim"), by="ann")
    with pytest.raises(Conflict) as caught:
        crm.execute(MoveDeal(deal_id=DEAL, stage="negotiation"), by="ann", expect={DEAL: 1})

    assert caught.value.versions == {DEAL: 2}
    crm.execute(MoveDeal(deal_id=DEAL, stage="negotiation"), by="ann", expect=caught.value.versions)


def test_a_command_id_stands_for_one_command_only(crm: CRM) -> None:
    used = uuid4()
    receipt = crm.execute(AddContact(name="Ada"), by="ann", command_id=used)
    for other, by in ((AddContact(name=PRIVATE), "ann"), (AddContact(name="Ada"), "kim")):
        with pytest.raises(CommandIdReused) as caught:
            crm.execute(other, by=by, command_id=used)
        assert PRIVATE not in str(caught.value)

    assert crm.execute(AddContact(name="Ada"), by="ann", command_id=used) == receipt
    assert crm.status().position == 2


def test_many_commands_get_an_outcome_each_also_where_some_are_bad(crm: CRM) -> None:
    requests = [
        Request(AddContact(name="Ada"), by="ann"),
        Request(DanceWithCustomer(), by="ann"),
        Request(AddContact(name="Ada"), by="ann", at=NAIVE),
        Request(AddContact(name="Ada")),
        Request(MoveDeal(deal_id=DEAL, stage="negotiation"), by="ann", expect={DEAL: 7}),
        Request(LoseDeal(**{**LOST, "deal_id": uuid4()}), by="ann"),
        Request(AddContact(name="Grace"), by="ann"),
    ]
    kinds = [type(outcome).__name__ for outcome in crm.execute_many(requests)]

    assert kinds == ["Receipt", "UnknownCommand", "Invalid", "Invalid", "Conflict", "NotOnRecord", "Receipt"]
    assert crm.status().position == 3


# -- size ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["words", "letter"])
def test_an_event_of_256_kib_is_stored_and_a_byte_more_is_not(field: str, store_url: str, tmp_path: Path) -> None:
    fork(lambda: _at_the_limit(store_url, field), tmp_path).join()


def _at_the_limit(url: str, field: str) -> None:
    """In a child process, since no command of the library itself is that long."""
    from tests.newer_library import PraiseDeal

    with CRM.open(url, follow=[]) as crm:
        crm.execute(OpenDeal(deal_id=DEAL, title="New roof", amount=Money(1, "EUR"), owner="ann"), by="ann")

        def praise(length: int) -> Receipt | CRMError:
            said: dict[str, Any] = {"deal_id": DEAL, "words": "!", field: "é" * (length // 2) + "x" * (length % 2)}
            [outcome] = crm.execute_many([PraiseDeal(**said)], by="ann")
            return outcome

        fits, too_long = 100_000, 300_000
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            fits, too_long = (middle, too_long) if isinstance(praise(middle), Receipt) else (fits, middle)
        position = crm.status().position
        refusal = praise(too_long)
        assert isinstance(refusal, PayloadTooLarge), refusal
        assert "256 KiB" in str(refusal)
        assert "é" not in str(refusal)
        assert crm.status().position == position, "the refused one is not recorded"
        with crm._store.database.looking() as transaction:  # noqa: SLF001 - the stored bytes are looked at
            rows = transaction.execute("SELECT header, public, sealed FROM crm_events").fetchall()
        largest = max(len(header) + len(public.encode()) + len(sealed) for header, public, sealed in rows)
        assert 256 * 1024 - 128 < largest <= 256 * 1024
        assert crm.verify().intact


# -- written by a newer library -----------------------------------------------------------------------

FOLLOWERS = (pipeline, timeline, retention, directory, thank_on_purchase, follow_up_on_demo_request)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def newer_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A log in which a newer library recorded something at position 4, between what we know."""
    url = (
        f"sqlite:///{tmp_path / 'crm.db'}"
        if request.param == "sqlite"
        else str(request.getfixturevalue("postgres_url"))
    )

    def write() -> None:
        from tests.newer_library import PraiseDeal

        with CRM.open(url, follow=[]) as crm:
            crm.execute(OpenDeal(deal_id=DEAL, title="New roof", amount=Money(1, "EUR"), owner="ann"), by="ann")
            for policy in (thank_on_purchase, follow_up_on_demo_request):
                crm.execute(SwitchOnPolicy(policy=policy.name), by="ann")
            crm.execute(PraiseDeal(deal_id=DEAL, words="So good"), by="ann")
            ada = crm.execute(AddContact(name="Ada"), by="ann").id
            crm.execute(RecordPurchase(contact_id=ada, amount=Money(5, "EUR")), by="ann")

    fork(write, tmp_path).join()
    return url


@pytest.mark.parametrize("follower", FOLLOWERS, ids=lambda one: one.name)
def test_each_follower_halts_before_an_event_that_a_newer_library_wrote(follower: Any, newer_url: str) -> None:
    with CRM.open(newer_url, follow=[follower]) as crm:
        for _ in range(2):
            with pytest.raises(
                FollowerHalted, match=f"{follower.name}.*position 4.*deal.praised v1.*newer library"
            ) as caught:
                crm.settle(policies=True)
            assert caught.value.position == 4
        [status] = crm.status().followers
        assert status.position == 3

    with CRM.open(newer_url, follow=[follower]) as crm, pytest.raises(FollowerHalted):
        crm.run()
    with CRM.open(newer_url, follow=[follower]) as crm:
        assert crm.status().followers[0].position == 3


def test_what_a_newer_library_wrote_can_be_verified_and_exported_raw_but_not_overlooked(newer_url: str) -> None:
    with CRM.open(newer_url, follow=[]) as crm:
        read: list[Recorded] = []
        with pytest.raises(UnknownEventType, match=r"deal\.praised v1 at position 4") as caught:
            read.extend(crm.log())
        assert [fact.position for fact in read] == [1, 2, 3]
        assert (caught.value.type_name, caught.value.version, caught.value.position) == ("deal.praised", 1, 4)
        with pytest.raises(UnknownEventType, match="position 4"):
            crm.history(DEAL)
        assert [fact.type for fact in crm.log(4)] == ["contact.added", "purchase.recorded"]
        with pytest.raises(UnknownEventType, match="position 4"):
            list(crm.log(types=["deal.praised"]))  # it is in the log, so it is no slip of the pen
        with pytest.raises(Invalid, match=r"deal\.prayed is no type"):
            crm.log(types=["deal.prayed"])

        [raw] = crm._store.log.select_notifications(4, 1)  # noqa: SLF001 - the library's own reading interface
        assert (raw.id, raw.topic, raw.originator_id, raw.originator_version) == (4, "deal.praised", DEAL, 2)
        assert b"So good" in raw.state
        assert crm.verify().intact
        assert crm.verify().events == 6


def test_a_known_command_on_a_stream_with_a_newer_event_goes_on_behind_it(newer_url: str) -> None:
    with CRM.open(newer_url, follow=[]) as crm:
        assert crm.execute(AssignDeal(deal_id=DEAL, owner="kim"), by="ann").versions == {DEAL: 3}
        assert crm.verify().intact


# -- databases that are not ours ----------------------------------------------------------------------


def refused(url: str, kind: type[CRMError], rule: str) -> None:
    with pytest.raises(CRMError) as caught:
        CRM.open(url, follow=[]).close()
    assert isinstance(caught.value, kind), f"{type(caught.value).__name__}: {caught.value}"
    assert re.search(rule, str(caught.value)), str(caught.value)


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("script", ["CREATE TABLE people (name)", "CREATE TABLE crm_meta (name, value)"])
def test_a_sqlite_database_of_others_is_refused_and_left_as_it_is(script: str, journal: str, tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(f"PRAGMA journal_mode={journal}; {script};")
    before = file.read_bytes()
    refused(f"sqlite:///{file}", NotACRMDatabase, "holds other tables.*nothing was changed")

    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["other.db"]


@pytest.mark.parametrize("text", ["hi", "a text of some length, " * 200])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(text: str, tmp_path: Path) -> None:
    file = tmp_path / "letter.db"
    file.write_text(text)
    refused(f"sqlite:///{file}", NotACRMDatabase, "letter.db is no readable SQLite database")

    assert file.read_text() == text


@pytest.mark.parametrize("content", ["text", "tables"])
def test_a_key_store_of_others_is_refused_and_left_as_it_is(content: str, tmp_path: Path) -> None:
    file = tmp_path / "crm.keys.db"
    if content == "text":
        file.write_text("a text of some length, " * 200)
    else:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE people (name)")
    before = file.read_bytes()
    refused(f"sqlite:///{tmp_path / 'crm.db'}", NotACRMDatabase, "holds other tables|no readable SQLite database")

    assert file.read_bytes() == before
    assert not (tmp_path / "crm.db").exists(), "nothing is begun beside a key store that cannot be used"


def test_an_empty_file_becomes_a_crm(tmp_path: Path) -> None:
    (tmp_path / "crm.db").touch()
    with CRM.open(f"sqlite:///{tmp_path / 'crm.db'}", follow=[]) as crm:
        assert crm.execute(AddContact(name="Ada"), by="ann").position == 1


@pytest.mark.parametrize(("value", "found"), [("7", 7), ("soon", 0)])
def test_a_database_of_another_schema_is_refused(value: str, found: int, tmp_path: Path) -> None:
    CRM.open(f"sqlite:///{tmp_path / 'crm.db'}", follow=[]).close()
    with closing(sqlite3.connect(tmp_path / "crm.db")) as connection, connection:
        connection.execute("UPDATE crm_meta SET value = ? WHERE name = 'schema'", [value])
    refused(f"sqlite:///{tmp_path / 'crm.db'}", SchemaMismatch, f"has schema {found}")


@pytest.mark.parametrize("suffix", ["", "_keys"])
def test_a_postgresql_schema_of_others_is_refused_and_left_as_it_is(
    suffix: str, postgres_url: str, postgres_dsn: str
) -> None:
    schema = parse_qs(urlsplit(postgres_url).query)["schema"][0]
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(f"CREATE SCHEMA {schema}{suffix} CREATE TABLE people (name text)")
    refused(postgres_url, NotACRMDatabase, "holds other tables .people. and no CRM")

    with psycopg.connect(postgres_dsn) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname LIKE %s", [f"{schema}%"]
        ).fetchall()
    assert tables == [("people",)]


@pytest.mark.parametrize(
    ("url", "field", "rule"),
    [
        ("", "url", "must be memory://"),
        ("acme.db", "url", "must be memory://"),
        ("sqlite://", "url", "must be memory://"),
        ("mysql://localhost/crm", "url", "must be memory://"),
        ("postgresql://[bad", "url", "must be memory://"),
        ("memory://?durability=none", "durability", "full or test"),
        ("memory://?durabilty=test", "durabilty", "is no option"),
        ("postgresql:///crm?schema=x;DROP", "schema", "lower-case letters"),
        ("postgresql:///crm?colour=red", "url", "option that libpq does not know"),
    ],
)
def test_a_url_that_names_nothing_is_refused(url: str, field: str, rule: str) -> None:
    with pytest.raises(Invalid, match=rule) as caught:
        CRM.open(url, follow=[])
    assert caught.value.field == field


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://127.0.0.1:1/crm",
        f"postgresql://ann:{PRIVATE}@127.0.0.1:1/crm",
        "postgresql:///crm?host=%2Fno%2Fsuch%2Ffolder",
        "sqlite:////no/such/folder/crm.db",
    ],
)
def test_a_missing_server_or_folder_is_said_so(url: str) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        CRM.open(url, follow=[])
    assert PRIVATE not in f"{caught.value} {caught.value!r}"


# -- settings that lose data --------------------------------------------------------------------------


def test_a_server_that_would_lose_acknowledged_events_is_refused_unless_asked_for(
    own_postgres: Callable[..., PostgresServer],
) -> None:
    server = own_postgres(settings={"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"})
    refused(server.dsn, UnsafeSettings, "fsync, full_page_writes, synchronous_commit is off.*durability=test")
    with CRM.open(f"{server.dsn}&durability=test", follow=[]) as crm:
        assert crm.status().durability == "test"
        crm.execute(AddContact(name="Ada"), by="ann")


def test_a_key_store_that_would_lose_keys_is_refused(
    own_postgres: Callable[..., PostgresServer], postgres_url: str
) -> None:
    unsafe = own_postgres(settings={"fsync": "off"})
    refused(f"{postgres_url}&keys={quote(unsafe.dsn, safe='')}", UnsafeSettings, "fsync is off")


def test_what_is_safe_is_called_so(store_url: str) -> None:
    with CRM.open(store_url, follow=[]) as crm:
        assert crm.status().durability == ("memory" if store_url.startswith("memory") else "full")


def test_sqlite_says_when_it_was_opened_without_durability(tmp_path: Path) -> None:
    with CRM.open(f"sqlite:///{tmp_path / 'crm.db'}?durability=test", follow=[]) as crm:
        assert crm.status().durability == "test"


def test_the_setting_that_makes_readers_miss_events_is_refused(monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    refused(store_url, UnsafeSettings, "POSTGRES_ENABLE_DB_FUNCTIONS.*miss events")
