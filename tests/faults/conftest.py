"""The databases that can lose something, a file and a server; and the figures that a test is proud of."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def disk_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each durable store in turn, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'crm.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Notes what was counted: in the report's properties, and in the output that `pytest -rP` shows."""

    def note(**counted: object) -> None:
        for name, value in counted.items():
            record_property(name, value)
        sys.stdout.write("figures: " + ", ".join(f"{name} {value}" for name, value in counted.items()) + "\n")

    return note
