"""Stores that outlive a process."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def disk_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each durable store in turn, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'crm.db'}"
    return str(request.getfixturevalue("postgres_url"))
