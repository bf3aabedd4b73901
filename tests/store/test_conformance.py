"""The library's own conformance suites, on our log in each of the databases; see docs/adr/0006."""

from typing import Any

import pytest

from tests.store.library_suites import Adapted, AdaptedForAggregates, opened_store, suites

_suites = suites()
_MANY = 300
"""Events that each of two racing writers inserts."""


class _OnOurLog:
    """Opens a log for each test, and closes it."""

    url: str
    recorder = Adapted

    def create_recorder(self) -> Any:
        self.store = opened_store(self.url)
        return self.recorder(self.store.log)

    def tearDown(self) -> None:
        self.store.close()


class _OnMemory(_OnOurLog):
    url = "memory://"


class _OnSqlite(_OnOurLog):
    @pytest.fixture(autouse=True)
    def _make(self, tmp_path: Any) -> None:
        self.url = f"sqlite:///{tmp_path / 'crm.db'}"


class _OnPostgres(_OnOurLog):
    @pytest.fixture(autouse=True)
    def _make(self, postgres_url: str) -> None:
        self.url = postgres_url


class _Aggregates(_suites.AggregateRecorderTestCase):  # type: ignore[misc,name-defined]
    recorder = AdaptedForAggregates


class _Applications(_suites.ApplicationRecorderTestCase):  # type: ignore[misc,name-defined]
    pass


class _NonInterleaving(_suites.NonInterleavingNotificationIDsBaseCase):  # type: ignore[misc,name-defined]
    insert_num = _MANY


class TestAggregateRecorderOnMemory(_OnMemory, _Aggregates):
    recorder = AdaptedForAggregates


class TestAggregateRecorderOnSqlite(_OnSqlite, _Aggregates):
    recorder = AdaptedForAggregates


@pytest.mark.postgres
class TestAggregateRecorderOnPostgres(_OnPostgres, _Aggregates):
    recorder = AdaptedForAggregates


class TestApplicationRecorderOnMemory(_OnMemory, _Applications):
    pass


class TestApplicationRecorderOnSqlite(_OnSqlite, _Applications):
    pass


@pytest.mark.postgres
class TestApplicationRecorderOnPostgres(_OnPostgres, _Applications):
    pass


class TestNonInterleavingOnMemory(_OnMemory, _NonInterleaving):
    pass


class TestNonInterleavingOnSqlite(_OnSqlite, _NonInterleaving):
    pass


@pytest.mark.postgres
class TestNonInterleavingOnPostgres(_OnPostgres, _NonInterleaving):
    pass
