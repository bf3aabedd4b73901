"""Eight processes open the same fresh database at the same moment: one makes it, the others find it made."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

from crm_core import CRM
from crm_core.commands import AddContact
from projections import directory
from tests.faults.children import fork
from tests.postgres_server import PostgresServer

PROCESSES = 8
FRESH = 20


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def fresh_urls(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """As many databases that nobody has opened."""
    if request.param == "sqlite":
        return [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(FRESH)]
    server: PostgresServer = request.getfixturevalue("own_postgres")()
    return [f"{server.dsn}&schema=fresh_{number}" for number in range(FRESH)]


def test_eight_processes_that_open_the_same_fresh_database_make_it_once(
    fresh_urls: list[str], tmp_path: Path, figures: Callable[..., None]
) -> None:
    start = multiprocessing.get_context("fork").Barrier(PROCESSES)

    def open_all() -> None:
        for url in fresh_urls:
            start.wait(20)
            with CRM.open(url, follow=[directory]) as crm:
                crm.view(directory, after=crm.execute(AddContact(name="Ada"), by="ann"))

    children = [fork(open_all, tmp_path) for _ in range(PROCESSES)]
    for child in children:
        child.join()
    for url in fresh_urls:
        with CRM.open(url, follow=[directory]) as crm:
            assert crm.verify().intact
            assert crm.status().position == PROCESSES
            assert crm.settle() == PROCESSES
            assert len(crm.view(directory)) == PROCESSES
            with crm._store.database.looking() as transaction:  # noqa: SLF001 - the tables themselves are looked at
                made = transaction.execute("SELECT count(*) FROM crm_meta").fetchone()[0]
            with crm._store.keys._database.looking() as transaction:  # noqa: SLF001 - the same
                secrets = transaction.execute("SELECT count(*) FROM crm_secrets").fetchone()[0]
            assert (made, secrets) == (2, 1)
    figures(processes=PROCESSES, databases=len(fresh_urls), opened=PROCESSES * len(fresh_urls))


def test_processes_that_come_and_go_on_one_file_lose_nothing_and_keep_out_of_each_others_way(
    tmp_path: Path, figures: Callable[..., None]
) -> None:
    url, each = f"sqlite:///{tmp_path / 'crm.db'}", 15

    def come_and_go() -> None:
        for _ in range(each):
            with CRM.open(url, follow=[]) as crm:
                crm.execute(AddContact(name="Ada"), by="ann")
                with crm._store.database.looking() as transaction:  # noqa: SLF001 - what SQLite was told
                    assert transaction.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    children = [fork(come_and_go, tmp_path) for _ in range(4)]
    for child in children:
        child.join()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["crm.db", "crm.keys.db"]
    with CRM.open(f"{url}?mode=ro", follow=[]) as crm:
        assert crm.verify().intact
        assert crm.status().position == 4 * each
    figures(processes=4, opened=4 * each)
