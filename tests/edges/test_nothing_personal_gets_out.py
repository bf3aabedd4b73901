"""Nothing personal is in an error, a repr, a log record, or any part of the database that is not sealed."""

import contextlib
import json
import logging
import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from crm_core import CRM, CRMError, Refused
from crm_core.cli.failures import as_json_line, document_of, line_of
from crm_core.kernel.decider import decisions
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import PersonalMark, mark_of
from crm_core.testing import MONDAY, MovableClock, strategies

SENTINEL = "zqxsentinel"
PHONE = "+442079460000"
"""The one phone number that anybody has: a number has no room for a text."""
SECRETS = (SENTINEL, PHONE.removeprefix("+"), PHONE.removeprefix("+44"))
COMMANDS = tuple(one.command for one in decisions() if one.command.__module__.startswith("crm_core."))
WRONG: list[Any] = [
    f"{SENTINEL}\0", f"{SENTINEL}\ud800", f"{SENTINEL}@", SENTINEL * 3_000, "", [SENTINEL], {SENTINEL: SENTINEL}, 7,
]  # fmt: skip


class Watched:
    """Whatever was said so far, and how much of each kind."""

    def __init__(self) -> None:
        self.carried_out = self.refused = self.invalid = self.failed = 0

    @property
    def told(self) -> int:
        return self.carried_out + self.refused + self.invalid + self.failed

    def nothing_in(self, *texts: str) -> None:
        for text in texts:
            assert not any(secret in text for secret in SECRETS)

    def error(self, error: BaseException) -> None:
        """Every way in which an error is told."""
        assert isinstance(error, CRMError), repr(type(error))
        self.nothing_in(
            str(error), repr(error), repr(error.args), line_of(error), as_json_line(error), str(document_of(error)),
            repr(vars(error)),
            "".join(traceback.format_exception(error)),
        )  # fmt: skip
        if hasattr(error, "as_dict"):
            self.nothing_in(repr(error.as_dict()), json.dumps(error.as_dict(), default=repr))

    def carry_out(self, crm: CRM, command: Command) -> None:
        self.nothing_in(repr(command), str(command), f"{command!r:>5}", repr([command]), repr({"said": command}))
        try:
            receipt = crm.execute(command, by="ann")
        except Refused as error:
            self.refused += 1
            self.error(error)
        except CRMError as error:
            self.failed += 1
            self.error(error)
        else:
            self.carried_out += 1
            self.nothing_in(repr(receipt), str(receipt), json.dumps(receipt.as_dict()))

    def say_it_wrong(self, command: Command, wrong: Any) -> None:
        """The same with a wrong value in each personal field in turn, and with a field that does not exist."""
        said = {name: value for name, value in command.__dict__.items() if name not in command.left_out()}
        personal = [name for name, info in type(command).model_fields.items() if _is_personal(info.metadata)]
        for name in [*personal, "no_such_field"]:
            try:
                made = type(command)(**{**said, name: wrong})
                made.content()
            except CRMError as error:
                self.invalid += 1
                self.error(error)
            else:
                self.nothing_in(repr(made))


def _is_personal(metadata: Any) -> bool:
    return isinstance(mark_of(metadata), PersonalMark)


class Listening(logging.Handler):
    """Every record of every logger, formatted, with its arguments and tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep all that any formatter could show."""
        shown = logging.Formatter("%(name)s %(message)s").format(record)
        self.lines.append(f"{shown} {record.args!r} { ({**vars(record)})!r}")


@pytest.fixture
def log() -> Iterator[Listening]:
    """All loggers at DEBUG."""
    root, listening = logging.getLogger(), Listening()
    before = root.level
    root.addHandler(listening)
    root.setLevel(logging.DEBUG)
    yield listening
    root.removeHandler(listening)
    root.setLevel(before)


def stories(size: int) -> st.SearchStrategy[list[Command]]:
    return strategies.commands(
        *COMMANDS, min_size=size, max_size=size, prefix=SENTINEL, phone=st.none() | st.just(PHONE)
    )


def tell(crm: CRM, watched: Watched, examples: int, size: int) -> None:
    """So many stories, each told rightly and wrongly."""

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(stories(size), st.sampled_from(WRONG))
    def each(story: list[Command], wrong: Any) -> None:
        for command in story:
            watched.carry_out(crm, command)
            watched.say_it_wrong(command, wrong)

    each()


@contextlib.contextmanager
def raw(url: str) -> Iterator[Any]:
    """The database behind the library's back: `ask(statement)` gives its rows."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(urlsplit(url).path[1:])) as file, file:
            yield lambda statement: file.execute(statement).fetchall()
    else:
        schema = parse_qs(urlsplit(url).query)["schema"][0]
        with psycopg.connect(url.replace(f"schema={schema}", "").rstrip("?&"), autocommit=True) as server:
            server.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))

            def ask(statement: str) -> list[Any]:
                cursor = server.execute(statement.encode())
                return cursor.fetchall() if cursor.description else []

            yield ask


def columns(url: str, ask: Any) -> dict[str, list[str]]:
    """Table → its columns."""
    if url.startswith("sqlite"):
        tables = [name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: [row[1] for row in ask(f"PRAGMA table_info({table})")] for table in tables}
    found: dict[str, list[str]] = {}
    for table, column in ask(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    ):
        found.setdefault(table, []).append(column)
    return found


def unsealed(url: str) -> Iterator[tuple[str, str, bytes]]:
    """Table, column and value of everything in the database but what is sealed."""
    with raw(url) as ask:
        for table, names in columns(url, ask).items():
            for name in names:
                if name != "sealed":
                    for (value,) in ask(f"SELECT {name} FROM {table}"):
                        yield table, name, value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each database that lies somewhere."""
    return f"sqlite:///{tmp_path}/crm.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def test_a_thousand_commands_leave_nothing_personal_behind(url: str, log: Listening, tmp_path: Path) -> None:
    watched, sqlite = Watched(), url.startswith("sqlite")
    with CRM.open(url, follow=[], clock=MovableClock(MONDAY)) as crm:
        tell(crm, watched, examples=100 if sqlite else 30, size=10)
    assert watched.told >= (1_000 if sqlite else 300)
    assert watched.carried_out > watched.told // 10
    assert watched.refused > watched.told // 10
    assert watched.invalid > watched.told // 10
    assert watched.failed == 0

    watched.nothing_in(*log.lines)
    looked_at = set()
    for table, column, value in unsealed(url):
        looked_at.add((table, column))
        watched.nothing_in(value.decode("latin-1"))
    assert {("crm_events", "public"), ("crm_events", "header"), ("crm_commands", "fingerprint")} <= looked_at
    if sqlite:
        for path in tmp_path.iterdir():
            watched.nothing_in(path.read_bytes().decode("latin-1"))


FAIL = {
    "sqlite": "CREATE TRIGGER crm_no BEFORE INSERT ON crm_events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    "postgresql": "ALTER TABLE crm_events ADD CONSTRAINT crm_no CHECK (position < 0) NOT VALID",
}


def test_a_store_that_fails_tells_nothing_personal(url: str, log: Listening) -> None:
    watched = Watched()
    with CRM.open(url, follow=[]) as crm:
        with raw(url) as ask:
            ask(FAIL[urlsplit(url).scheme])
        tell(crm, watched, examples=10, size=4)
    assert watched.failed > 10, "the store did fail"
    watched.nothing_in(*log.lines)


def test_a_store_that_is_gone_tells_nothing_personal(url: str, log: Listening) -> None:
    watched = Watched()
    crm = CRM.open(url, follow=[])
    crm.close()
    tell(crm, watched, examples=5, size=3)
    assert watched.failed > 5
    watched.nothing_in(*log.lines)


def test_the_test_would_see_it(log: Listening) -> None:
    watched = Watched()
    logging.getLogger("a.library").debug("wrote %s", {"name": SENTINEL})
    with pytest.raises(AssertionError):
        watched.nothing_in(*log.lines)
    with pytest.raises(AssertionError):
        watched.error(CRMError(f"no such person: {SENTINEL}"))
    with pytest.raises(AssertionError):
        watched.error(CRMError(PHONE))
