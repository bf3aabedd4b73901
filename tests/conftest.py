"""Stores to test on, the real data beside the repository, documents that run, and no silent skips in CI."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from crm_core import upkeep
from tests.postgres_server import PostgresServer, Unavailable

ROOT = Path(__file__).parent.parent
WITH_ROLES = {"store", "projections", "test_promises.py", "test_bad_input.py"}
"""What the suite also runs under separated database roles."""


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The URL of a PostgreSQL database that tests may make schemas in; one server a session."""
    given = os.environ.get("CRM_TEST_POSTGRES_DSN")
    if given:
        yield _as_url(given)
        return
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(_or_skip(PostgresServer)).dsn


@pytest.fixture
def postgres_url(postgres_dsn: str) -> Iterator[str]:
    """A PostgreSQL URL whose schema is this test's own; the library makes it, and it is dropped afterwards."""
    schema = f"t_{uuid.uuid4().hex[:8]}"
    yield f"{postgres_dsn}{'&' if '?' in postgres_dsn else '?'}schema={schema}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '10s'")  # a test that leaves a transaction open fails, not hangs
        for name in (schema, f"{schema}_keys"):
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture
def roles_url(postgres_dsn: str, postgres_url: str) -> Iterator[str]:
    """A PostgreSQL URL whose database was made by its owner with separated roles; the login is writer and projector.

    It owns nothing but what it folds. The roles are called as the schema is, `<schema>_writer` and so on.
    """
    schema = parse_qs(urlsplit(postgres_url).query)["schema"][0]
    roles = upkeep.create(postgres_url, roles=schema).roles
    with login(postgres_dsn, postgres_url, f"{schema}_app", roles[0], roles[1]) as url:
        yield url
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for role in roles:
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@contextlib.contextmanager
def login(dsn: str, url: str, name: str, *roles: str, acts_as: str | None = None) -> Iterator[str]:
    """The database as a login of its own sees it, which has these group roles; `acts_as`: it acts as this one."""
    role = sql.Identifier(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(role))
        for one in roles:
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(one), role))
        if acts_as:
            connection.execute(sql.SQL("ALTER ROLE {} SET role TO {}").format(role, sql.Literal(acts_as)))
        try:
            parts = urlsplit(url)
            yield urlunsplit(parts._replace(netloc=f"{name}:secret@{parts.netloc.rpartition('@')[2]}"))
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def own_postgres() -> Iterator[Callable[..., PostgresServer]]:
    """Makes servers that the test may stop, restart or slow down: `own_postgres(tcp=True)`; closed afterwards."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(_or_skip(PostgresServer, **options))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def disk_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each store that outlives a process in turn, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'crm.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store_url(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each store in turn, empty."""
    match store_kind:
        case "memory":
            return "memory://"
        case "sqlite":
            return f"sqlite:///{tmp_path / 'crm.db'}"
        case "postgresql-roles":
            return str(request.getfixturevalue("roles_url"))
        case _:
            return str(request.getfixturevalue("postgres_url"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each store in turn; in the folders and files of `WITH_ROLES` also PostgreSQL with separated roles."""
    if "store_kind" not in metafunc.fixturenames:
        return
    kinds: list[Any] = ["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
    if WITH_ROLES & {metafunc.definition.path.name, metafunc.definition.path.parent.name}:
        kinds.append(pytest.param("postgresql-roles", marks=pytest.mark.postgres))
    metafunc.parametrize("store_kind", kinds)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that lies beside the repository and is not part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real data: the folder ../shared/data is not beside the repository")
    return folder


def _or_skip(make: Callable[..., PostgresServer], **options: Any) -> PostgresServer:
    try:
        return make(**options)
    except Unavailable as why:
        pytest.skip(str(why))


def _as_url(dsn: str) -> str:
    """The same database as a URL, also where the DSN is of the form `host=… dbname=…`."""
    if dsn.startswith(("postgresql://", "postgres://")):
        return dsn
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    database = quote(parts.pop("dbname", ""), safe="")
    return f"postgresql:///{database}?{urlencode(parts, quote_via=quote)}"


class NoSilentSkips:
    """In CI (CRM_CI=1) whatever a test needs is there, so that a test which skips is a test which failed."""

    def __init__(self) -> None:
        """Nothing skipped yet."""
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that skipped; an expected failure is none."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a whole file that skipped."""
        if report.skipped:
            self._note(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run."""
        if self.skipped and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests, and why."""
        if self.skipped:
            terminalreporter.section("skipped, which CI does not allow", red=True, bold=True)
            for line in self.skipped:
                terminalreporter.line(line)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        self.skipped.append(f"{report.nodeid}: {reason}")


class RunningDocuments:
    """README.md and docs/**/*.md are tests: every ```python block runs, one document one namespace."""

    def __init__(self) -> None:
        """Each document runs in an empty folder, as its reader would."""
        sybil = Sybil(
            parsers=[PythonCodeBlockParser(), SkipParser()],
            path=str(ROOT),
            patterns=["*.md"],
            setup=self._enter,
            teardown=self._leave,
        )
        self.pytest_collect_file = sybil.pytest()

    def _enter(self, namespace: dict[str, Any]) -> None:
        stack = namespace["_folder"] = contextlib.ExitStack()
        stack.enter_context(contextlib.chdir(stack.enter_context(tempfile.TemporaryDirectory(prefix="crm-docs-"))))

    def _leave(self, namespace: dict[str, Any]) -> None:
        namespace["_folder"].close()


def pytest_configure(config: pytest.Config) -> None:
    """Watch the whole run, not only the tests below this folder."""
    config.pluginmanager.register(RunningDocuments(), "crm-documents")
    if os.environ.get("CRM_CI") == "1":
        config.pluginmanager.register(NoSilentSkips(), "crm-no-silent-skips")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for a server is a PostgreSQL test, so that `-m "not postgres"` leaves all of them out."""
    for item in items:
        if {"postgres_dsn", "postgres_url", "roles_url", "own_postgres"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("postgres")
