"""One stored event of every type and version there ever was, as it stands in somebody's database.

Each `<type>.v<version>.jsonl` holds one line: `{"type", "version", "public", "personal"}`, the latter two
as stored. A file is written once and never edited: it stands for data that cannot be changed any more.
`python -m tests.histories.add` writes the files of new types and versions; commit them with the event.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crm_core
from crm_core.kernel.catalogue import EventType, catalogue, discover
from crm_core.kernel.messages import Event
from crm_core.testing import example

HERE = Path(__file__).parent
OURS = ("crm_core.", "policies.", "projections.")


@dataclass(frozen=True, slots=True)
class Stored:
    """One event as stored: its type, its version, its public and its personal fields."""

    type: str
    version: int
    public: dict[str, Any]
    personal: dict[str, Any]

    @property
    def path(self) -> Path:
        """Where the file belongs."""
        return HERE / f"{self.type}.v{self.version}.jsonl"

    def line(self) -> str:
        """The file's one line."""
        whole = {"type": self.type, "version": self.version, "public": self.public, "personal": self.personal}
        return json.dumps(whole, ensure_ascii=False) + "\n"

    def read(self) -> Event:
        """The event, as the library reads it today."""
        return catalogue.named(self.type).read(self.version, json.dumps(self.public), json.dumps(self.personal))


def event_types() -> list[EventType]:
    """Every event type that this distribution declares, and none that a test did."""
    discover(crm_core)
    return [one for one in catalogue if one.cls.__module__.startswith(OURS)]


def stored(event: Event) -> Stored:
    """The event as it is stored today."""
    entry = catalogue.of(event)
    dumped = event.model_dump(mode="json")
    personal = {name: dumped.pop(name) for name in entry.personal}
    return Stored(entry.name, entry.version, dumped, personal)


def examples() -> Iterator[Event]:
    """One event of every type."""
    return (example(one.cls) for one in event_types())


def on_file() -> list[Stored]:
    """Everything in the files."""
    return [Stored(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(HERE.glob("*.jsonl"))]
