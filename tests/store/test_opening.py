"""Tables are made in an empty database only, or where somebody says so; views are called what the URL says."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crm_core import CRM, Invalid, Money, upkeep
from crm_core.commands import AddContact, OpenDeal
from crm_core.errors import KeyMissing, NotACRMDatabase
from projections import pipeline

DEAL = OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann")


def made_in(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def selected(file: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


def test_beside_other_tables_a_crm_is_made_only_by_whoever_says_so(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    made_in(file, "CREATE TABLE pipeline (oil TEXT)")
    with pytest.raises(NotACRMDatabase, match=r"holds other tables .pipeline. and no CRM"):
        CRM.open(f"sqlite:///{file}")
    assert upkeep.create(f"sqlite:///{file}?prefix=sales_").created
    assert not upkeep.create(f"sqlite:///{file}").created
    with CRM.open(f"sqlite:///{file}", follow=[pipeline]) as crm:
        crm.execute(DEAL, by="ann")
        crm.settle()
        crm.rebuild(pipeline)
    assert selected(file, "SELECT owner FROM sales_pipeline") == [("ann",)]
    assert selected(file, "SELECT * FROM pipeline") == []


def test_everything_of_ours_in_a_file_begins_with_crm_but_the_views(tmp_path: Path) -> None:
    for prefix, shown in (("", {"pipeline"}), ("sales_", {"sales_pipeline"})):
        file = tmp_path / f"{prefix}.db"
        with CRM.open(f"sqlite:///{file}{f'?prefix={prefix}' if prefix else ''}", follow=[pipeline]) as crm:
            crm.execute(DEAL, by="ann")
            crm.settle()
            assert len(crm.view(pipeline)) == 1
        names = {name for (name,) in selected(file, "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")}
        assert {name for name in names if not name.startswith("crm_")} == shown


def test_the_prefix_is_settled_when_the_database_is_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    CRM.open(f"{url}?prefix=sales_", follow=[]).close()
    for again in (url, f"{url}?prefix=sales_", f"{url}?mode=ro"):
        CRM.open(again, follow=[]).close()
    with pytest.raises(Invalid, match="prefix: is sales_ in this database"):
        CRM.open(f"{url}?prefix=other_", follow=[])
    CRM.open(f"sqlite:///{tmp_path / 'bare.db'}", follow=[]).close()
    with pytest.raises(Invalid, match="prefix: is empty in this database"):
        CRM.open(f"sqlite:///{tmp_path / 'bare.db'}?prefix=sales_", follow=[])


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("sqlite:///a.db?prefix=crm_", "prefix"),
        ("sqlite:///a.db?prefix=sqlite_", "prefix"),
        ("sqlite:///a.db?prefix=a-b", "prefix"),
        ("sqlite:///a.db?prefix=", "prefix"),
        ("sqlite:///a.db?schema=acme", "schema"),
        ("memory://?schema=acme", "schema"),
        ("postgresql:///crm?prefix=sales_", "prefix"),
        ("postgresql:///crm?schema=", "schema"),
    ],
)
def test_an_option_that_means_nothing_there_is_refused(url: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        CRM.open(url)
    assert caught.value.field == field


def test_a_history_that_lost_its_keys_is_not_given_new_ones_in_silence(disk_url: str, request: Any) -> None:
    with CRM.open(disk_url, follow=[]) as crm:
        crm.execute(AddContact(name="Ada"), by="ann")
    if disk_url.startswith("sqlite"):
        Path(f"{disk_url.removeprefix('sqlite:///').removesuffix('.db')}.keys.db").unlink()
    else:
        with psycopg.connect(request.getfixturevalue("postgres_dsn")) as connection:
            connection.execute(f"DROP SCHEMA {disk_url.partition('schema=')[2]}_keys CASCADE")
    with pytest.raises(KeyMissing, match="crm init begins a new one"):
        CRM.open(disk_url, follow=[])
    with pytest.raises(KeyMissing, match="crm init begins a new one"):
        CRM.open(disk_url, follow=[])
    assert not upkeep.create(disk_url).created
    with CRM.open(disk_url, follow=[]) as crm:
        assert crm.execute(AddContact(name="Bob"), by="ann").position == 2
        with pytest.raises(KeyMissing, match="no key and no tombstone"):
            list(crm.log())


def test_a_file_that_the_last_has_left_is_all_there_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    first, second = CRM.open(url, follow=[]), CRM.open(url, follow=[])
    first.execute(DEAL, by="ann")
    first.close()
    assert second.execute(DEAL, by="ann").position == 2
    second.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["crm.db", "crm.keys.db"]
    assert selected(tmp_path / "crm.db", "PRAGMA journal_mode") == [("delete",)]
    with CRM.open(url, follow=[]) as crm:
        assert crm.execute(DEAL, by="ann").position == 3
        assert crm.verify().intact
