"""Fixtures for pytest, there as soon as the library is installed; nothing is imported before one is used."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from crm_core.testing import MovableClock, StagedCRM


@pytest.fixture
def clock() -> "MovableClock":
    """What the time of `crm` and `sqlite_crm` is told by: it stands still until `clock.advance(days=14)`."""
    from crm_core.testing import MovableClock

    return MovableClock()


@pytest.fixture
def crm_policies() -> Iterable[Any]:
    """Which policies are switched on in `crm` and `sqlite_crm`: none. Override it to switch some on."""
    return ()


@pytest.fixture
def crm_follow() -> Iterable[Any] | None:
    """Which views and policies `crm` and `sqlite_crm` keep up: all that are installed. Override it for others."""
    return None


@pytest.fixture
def crm(clock: "MovableClock", crm_policies: Iterable[Any], crm_follow: Iterable[Any] | None) -> "Iterator[StagedCRM]":
    """An empty CRM in memory whose time is told by `clock`."""
    from crm_core.testing import a_crm

    with a_crm(clock=clock, policies=crm_policies, follow=crm_follow) as made:
        yield made


@pytest.fixture
def sqlite_crm(
    tmp_path: Path, clock: "MovableClock", crm_policies: Iterable[Any], crm_follow: Iterable[Any] | None
) -> "Iterator[StagedCRM]":
    """An empty CRM in the file `crm.db` of the test's own folder, whose time is told by `clock`."""
    from crm_core.testing import a_crm

    url = f"sqlite:///{tmp_path / 'crm.db'}?durability=test"
    with a_crm(url, clock=clock, policies=crm_policies, follow=crm_follow) as made:
        yield made
