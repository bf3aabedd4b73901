"""A CRM with one policy switched on, on each database, and a look at what the policy keeps."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from crm_core import CRM
from crm_core.commands import SwitchOnPolicy
from crm_core.kernel.time import ManualClock
from crm_core.store.opening import open_store
from policies import Policy
from policies.testing import START

Opener = Callable[..., CRM]
Rows = Callable[[str], list[Any]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that several workers can open, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'crm.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def clock() -> ManualClock:
    """The hands stand at the start of the story."""
    return ManualClock(START)


@pytest.fixture
def opened(database_url: str, clock: ManualClock) -> Iterator[Opener]:
    """Opens the database with some policies, as often as one likes; switches them on unless told otherwise."""
    with ExitStack() as stack:

        def open_with(*policies: Policy[Any], on: bool = True) -> CRM:
            crm = stack.enter_context(CRM.open(database_url, follow=policies, clock=clock))
            for policy in policies if on else ():
                crm.execute(SwitchOnPolicy(policy=policy.name), by="admin")
            return crm

        yield open_with


@pytest.fixture
def kept(database_url: str, clock: ManualClock) -> Rows:
    """Looks into the tables."""

    def look(sql: str) -> list[Any]:
        store = open_store(database_url, clock)
        try:
            with store.database.looking() as transaction:
                return [tuple(row) for row in transaction.execute(sql).fetchall()]
        finally:
            store.close()

    return look
