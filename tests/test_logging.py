"""What is logged: types, ids and positions under `crm_core`; never a value, and nothing is configured."""

import logging
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest

from crm_core import CRM, Invalid, Money, Recorded
from crm_core.commands import AddContact, MoveDeal, OpenDeal, RenameContact
from crm_core.errors import DatabaseUnavailable, FollowerHalted, NoSuchStage
from crm_core.events import DealOpened
from crm_core.kernel.ids import ContactId
from crm_core.store.log import EventLog
from crm_core.store.port import StreamsMoved
from projections import projection
from projections.pipeline import PipelineRow
from tests.hosts import SqliteHost

NAME, TITLE = "Zebulon Quix", "Zebulon's roof"


def deal() -> OpenDeal:
    return OpenDeal(title=TITLE, amount=Money("1", "EUR"), owner="ann")


@projection("brittle", version=1, key=lambda event: event.deal_id)
def brittle(row: PipelineRow | None, event: DealOpened, seen: Recorded) -> PipelineRow | None:
    """A view that fails, with a customer's words in its mouth."""
    raise ValueError(event.title)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    """What was logged under `crm_core`; nothing of it names the customer."""
    assert NAME not in caplog.text
    assert TITLE not in caplog.text
    found = [one for one in caplog.record_tuples if one[0].startswith("crm_core")]
    caplog.clear()
    return found


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Everything is listened to."""
    caplog.set_level(logging.DEBUG)
    return caplog


def test_a_command_is_told_by_type_id_and_position(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with CRM.open(store_url, follow=[]) as crm:
        receipt = crm.execute(AddContact(name=NAME), by="ann")
        many = list(crm.execute_many([deal(), deal()], by="ann"))
    assert said(caplog) == [
        ("crm_core.writing", logging.DEBUG, f"executed AddContact {receipt.command_id} at position 1"),
        ("crm_core.writing", logging.DEBUG, f"executed OpenDeal {many[0].command_id} at position 2"),  # type: ignore[union-attr]
        ("crm_core.writing", logging.DEBUG, f"executed OpenDeal {many[1].command_id} at position 3"),  # type: ignore[union-attr]
    ]


def test_a_refusal_is_told_by_its_kind_only(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    command_id = uuid4()
    with CRM.open(store_url, follow=[]) as crm:
        opened = crm.execute(deal(), by="ann")
        said(caplog)
        move = MoveDeal(deal_id=opened.id, stage="nowhere")
        with pytest.raises(NoSuchStage):
            crm.execute(move, by="ann", command_id=command_id)
        list(crm.execute_many([RenameContact(contact_id=ContactId(uuid4()), name=NAME)], by="ann"))
        list(crm.execute_many([deal()], by=None))
    first, second, third = said(caplog)
    assert first == ("crm_core.writing", logging.INFO, f"refused MoveDeal {command_id}: NoSuchStage")
    assert second[1:][1].startswith("refused RenameContact ")
    assert third == ("crm_core.writing", logging.INFO, f"refused a command before it was looked at: {Invalid.__name__}")


def test_meeting_other_writers_and_losing_a_connection_are_told(caplog: pytest.LogCaptureFixture) -> None:
    append, troubles = EventLog.append, [StreamsMoved(), DatabaseUnavailable("gone")]

    def troubled(*arguments: object) -> object:
        if troubles:
            raise troubles.pop()
        return append(*arguments)  # type: ignore[arg-type]

    with CRM.open("memory://", follow=[]) as crm, patch.object(EventLog, "append", troubled):
        command_id = crm.execute(AddContact(name=NAME), by="ann").command_id
    assert [(level, text) for _, level, text in said(caplog)] == [
        (logging.INFO, f"AddContact {command_id} lost its connection, time 1"),
        (logging.DEBUG, f"AddContact {command_id} met other writers, attempt 1"),
        (logging.DEBUG, f"executed AddContact {command_id} at position 1"),
    ]


def test_a_command_that_joined_a_transaction_is_told_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    host = SqliteHost(f"sqlite:///{tmp_path / 'crm.db'}")
    with closing(host), CRM.open(host.url, follow=[]) as crm, host.connect() as connection:
        receipt = crm.execute(AddContact(name=NAME), by="ann", connection=connection)
    [(_, level, text)] = said(caplog)
    assert (level, text) == (logging.DEBUG, f"executed AddContact {receipt.command_id} at position 1")


def test_a_halted_view_is_a_warning_told_once(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with CRM.open(store_url, follow=[brittle]) as crm:
        crm.execute(deal(), by="ann")
        said(caplog)
        for _ in range(3):
            with pytest.raises(FollowerHalted):
                crm.settle()
    assert said(caplog) == [
        ("crm_core.following", logging.WARNING, "brittle halted before position 1: its fold raised ValueError")
    ]


def test_a_host_that_configures_no_logging_sees_nothing_on_its_terminal() -> None:
    program = """
import logging
import crm_core, policies
logging.getLogger("crm_core.following").warning("halted")
logging.getLogger("policies").warning("late")
assert not logging.getLogger().handlers
assert logging.getLogger("crm_core").level == logging.NOTSET
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
