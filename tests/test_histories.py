"""What was ever stored can still be read: one golden file for every event type and version."""

import pytest

from crm_core.kernel.catalogue import catalogue
from tests.histories import Stored, event_types, on_file, stored

FILES = on_file()


def _name(one: Stored) -> str:
    return f"{one.type}.v{one.version}"


def test_every_event_type_and_version_has_its_file() -> None:
    missing = {f"{one.name}.v{one.version}" for one in event_types()} - {_name(one) for one in FILES}
    assert not missing, "write them with: python -m tests.histories.add"


@pytest.mark.parametrize("golden", FILES, ids=_name)
def test_what_is_stored_is_still_read(golden: Stored) -> None:
    event = golden.read()
    assert catalogue.knows(golden.type, golden.version)
    assert golden.path.name == f"{_name(golden)}.jsonl"
    if golden.version == catalogue.of(event).version:
        today = stored(event)
        assert {name: today.public[name] for name in golden.public} == golden.public
        assert {name: today.personal[name] for name in golden.personal} == golden.personal
