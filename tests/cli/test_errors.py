"""How the program fails: which exit code, and the error as JSON or as one line."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from crm_core import CRMError
from crm_core.cli import failures
from crm_core.cli.desk import Answer, Desk
from crm_core.cli.verbs import carry_out
from crm_core.errors import DealNotOpen, Invalid, PayloadTampered, UnknownEventType
from tests.cli.conftest import Run, run_crm

NOWHERE = "00000000-0000-4000-8000-ffffffffffff"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("bogus",), 2, "BadUsage"),
        (("history",), 2, "BadUsage"),
        (("show", "pipeline", "--limit", "0"), 2, "BadUsage"),
        (("show", "pipeline", "--where", "status"), 2, "BadUsage"),
        (("policies", "on", "thank_on_purchase"), 2, "BadUsage"),
        (("status", "--url", "sqlite:///none.db"), 2, "DatabaseUnavailable"),
        (("status", "--url", "mysql://somewhere/else"), 4, "Invalid"),
        (("history", "xyz"), 4, "Invalid"),
        (("history", "abc"), 4, "Invalid"),
        (("pipeline", "--tz", "Mars", "--as-of", "2024-03-01"), 4, "Invalid"),
        (("pipeline", "--axis", "z"), 4, "Invalid"),
        (("retention", "--since", "January"), 4, "Invalid"),
        (("show", "pipeline", "--where", "colour=red"), 4, "Invalid"),
        (("policies", "on", "thank_on_purchase", "--by", "robot:7"), 4, "Invalid"),
        (("history", NOWHERE), 5, "NotFound"),
        (("history", "ffffffffff"), 5, "NotFound"),
        (("timeline", NOWHERE), 5, "NotFound"),
        (("show", "nothing"), 5, "NotFound"),
        (("rebuild", "nothing"), 5, "NotFound"),
        (("explain", "deal.wno"), 5, "NotFound"),
        (("policies", "on", "nothing", "--by", "ann"), 5, "NotFound"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_error_has_its_code_and_is_told_on_stderr(
    arguments: tuple[str, ...], code: int, error: str, crm: Run
) -> None:
    programs, people = crm(*arguments, "--json"), crm(*arguments)
    assert (programs.code, programs.error["error"]) == (code, error)
    assert (people.code, people.out, people.err.count("\n")) == (code, "", 1)
    assert people.err.startswith("crm: ")
    assert "\x1b" not in people.err


def test_a_prefix_that_several_ids_share_is_refused(crm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm_core.cli.desk._SHORTEST", 1)
    said = crm("history", "1", "--json")
    assert said.code == 4
    assert "several begin with 1" in said.error["message"]


def test_somebody_must_say_which_database() -> None:
    said = run_crm("status", "--json")
    assert (said.code, said.error["error"]) == (2, "BadUsage")
    assert "CRM_URL" in said.error["message"]


def test_asking_creates_no_database(tmp_path: Path) -> None:
    assert run_crm("pipeline", "--url", f"sqlite:///{tmp_path / 'typo.db'}").code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.db"
    file.write_text("Dear Sir or Madam, " * 100, encoding="utf-8")
    said = run_crm("status", "--url", f"sqlite:///{file}", "--json")
    assert (said.code, said.error["error"]) == (2, "NotACRMDatabase")
    assert file.read_text(encoding="utf-8").startswith("Dear Sir")


def all_errors(root: type[CRMError]) -> list[type[CRMError]]:
    return [root, *(deeper for one in root.__subclasses__() for deeper in all_errors(one))]


@pytest.mark.parametrize("error", [one for one in all_errors(CRMError) if one is not CRMError])
def test_every_error_has_a_code_that_is_not_a_defect(error: type[CRMError]) -> None:
    code = failures.code_of(error.__new__(error))
    assert code in failures.MEANINGS
    assert code not in (failures.DONE, failures.DEFECT, failures.INTERRUPTED, failures.UNREAD)


def test_an_error_brings_what_it_knows() -> None:
    deal = UUID(int=7)
    assert failures.document_of(DealNotOpen(deal, "won")) == {
        "error": "DealNotOpen", "code": "deal_not_open", "message": str(DealNotOpen(deal, "won")),
        "attributes": {"deal_id": str(deal), "status": "won"}, "doc": "docs/reference/errors.md#deal_not_open",
    }  # fmt: skip
    assert failures.document_of(Invalid("AddTask", [("title", "too long")]))["attributes"]["problems"] == [
        {"field": "title", "rule": "too long"}
    ]
    assert failures.document_of(UnknownEventType("deal.sung", 3, 17))["attributes"]["position"] == 17
    assert failures.code_of(PayloadTampered("x")) == failures.CHECK_FAILED


@pytest.mark.parametrize("as_json", [True, False])
def test_a_defect_quotes_no_customer_in_json(*, as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> Answer:
        raise RuntimeError("Mara Jensen")

    verb: Callable[[], Answer] = broken
    assert carry_out(Desk(as_json=as_json), verb) == failures.DEFECT
    told = capsys.readouterr()
    assert told.out == ""
    assert ("Mara" in told.err) is not as_json
