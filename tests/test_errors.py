"""Every error of the tree: its code, itself as JSON, its copy in another process, its place in the reference."""

import copy
import json
import multiprocessing
import pickle
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import crm_core.commands
from crm_core import CRM, CRMError, Invalid, Refused, Request
from crm_core.cli.demo import NotADemo
from crm_core.cli.failures import BadUsage
from crm_core.definitions.pipelines import SHIPPED
from crm_core.errors import (
    AlreadyHandedOff,
    AlreadyOnRecord,
    CatalogueError,
    ClosingStage,
    CommandIdReused,
    Conflict,
    DatabaseUnavailable,
    DealNotClosed,
    DealNotOpen,
    DealNotWon,
    Denied,
    ExtensionError,
    FollowerHalted,
    FollowError,
    KeyMissing,
    LeadAlreadyConverted,
    LeadHasNoOwner,
    LeadIsDisqualified,
    LeadNotQualified,
    ModuleShadowed,
    MoneyError,
    NoSuchPipeline,
    NoSuchStage,
    NotACRMDatabase,
    NotFound,
    NotOnRecord,
    PayloadTampered,
    PayloadTooLarge,
    PersonIsForgotten,
    ReadOnly,
    SchemaMismatch,
    SettleTimeout,
    StoreError,
    TamperingFound,
    TaskNotOpen,
    TicketIsClosed,
    TicketIsSolved,
    TicketNotSolved,
    TooManyConflicts,
    TransactionConflict,
    UnknownCommand,
    UnknownEventType,
    UnsafeSettings,
    ViewNotFolded,
    WiringError,
)
from crm_core.kernel.decider import decisions
from crm_core.kernel.errors import PAGE
from crm_core.kernel.messages import Command
from crm_core.store.copies import IncompleteCopy
from crm_core.store.keys import KeyErased
from crm_core.store.sqlite import StillLocked
from crm_core.testing import example
from crm_core.web import http_status
from tests.error_page import every_error, explained, page

ID, OTHER = UUID(int=7), UUID(int=8)
SECRET = "zqx-ada-okafor"  # noqa: S105 - what must not show
ERRORS = [
    CRMError("something"),
    Refused("no"),
    Invalid("AddTask", [("title", "too long"), ("due", "required")]),
    PayloadTooLarge("AddNote", [("event", "must not exceed 256 KiB as stored")]),
    Denied("user:ann may not WinDeal: not allowed", by="user:ann", action="WinDeal"),
    NotFound(f"nothing is recorded about {ID}"),
    Conflict("stale", {ID: 3, OTHER: 4}),
    TransactionConflict("deadlock", "the log and a row of yours wait for each other"),
    TooManyConflicts("WinDeal met other writers 60 times", {}),
    CommandIdReused(ID),
    CatalogueError("deal.won v1 as stored: amount: Field required"),
    WiringError("policy 'X': a name is lower-case words joined by underscores"),
    UnknownCommand("Dance is no command that anything decides", command="Dance"),
    UnknownEventType("deal.sung", 3, 17),
    ExtensionError("visits.py", "there is no such file"),
    ModuleShadowed("projections", "projections.py", "site-packages/projections", ["map-projections"]),
    FollowError("another rebuild of pipeline took over"),
    ViewNotFolded("pipeline was never folded", view="pipeline"),
    FollowerHalted("pipeline", 4, "its code raised KeyError"),
    SettleTimeout("not folded up to position 4 in time", position=4),
    StoreError("this CRM is closed"),
    DatabaseUnavailable("no PostgreSQL answers"),
    NotACRMDatabase("this database holds other tables"),
    SchemaMismatch(7, 1),
    ReadOnly("nothing can be folded"),
    IncompleteCopy("crm.db", "its -wal is missing"),
    UnsafeSettings("fsync is off"),
    KeyMissing(f"no key for {ID}"),
    PayloadTampered(f"what is sealed for {ID} does not open with its key"),
    StillLocked("crm.db was locked by another process for 30 s"),
    TamperingFound(9, "the chain does not follow"),
    MoneyError("EUR and USD do not mix"),
    NotOnRecord("deal", ID),
    AlreadyOnRecord("deal", ID),
    PersonIsForgotten("contact", ID),
    KeyErased(ID),
    LeadAlreadyConverted(ID, OTHER, None, None),
    LeadIsDisqualified(ID),
    LeadNotQualified(ID, "new"),
    LeadHasNoOwner(ID),
    DealNotOpen(ID, "won"),
    DealNotClosed(ID),
    DealNotWon(ID, "lost"),
    AlreadyHandedOff(ID, "onboarding"),
    NoSuchPipeline("standard"),
    NoSuchStage("standard", "dreaming"),
    ClosingStage("standard", "won"),
    TaskNotOpen(ID, "done"),
    TicketIsClosed(ID),
    TicketIsSolved(ID),
    TicketNotSolved(ID, "open"),
    NotADemo("sqlite:///acme.db"),
    BadUsage("no verb dance is installed"),
]
KINDS = every_error()
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda one: one.code)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.code)


def test_the_tests_know_one_of_every_error() -> None:
    assert {type(one) for one in ERRORS} == set(KINDS)
    assert len(ERRORS) == len(KINDS)


def test_every_error_has_a_code_of_its_own() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code) for kind in KINDS)


def test_a_code_is_the_name_in_small_letters_unless_the_class_states_another() -> None:
    def words(name: str) -> str:
        return "_".join(word.lower() for word in re.findall(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z]?[a-z]+", name))

    assert words("DealNotOpen") == "deal_not_open"
    assert [kind for kind in KINDS if kind.code != words(kind.__name__)] == [NotACRMDatabase]


def test_codes_that_programs_rely_on_stay_what_they_are() -> None:
    codes = {kind.__name__: kind.code for kind in KINDS}
    assert codes["Conflict"] == "conflict"
    assert codes["DealNotOpen"] == "deal_not_open"
    assert codes["CRMError"] == "crm_error"
    assert codes["NotACRMDatabase"] == "not_a_crm_database"
    assert codes["UnknownEventType"] == "unknown_event_type"


@each_error
def test_an_error_is_json_with_all_that_it_knows(error: CRMError) -> None:
    told = json.loads(json.dumps(error.as_dict()))

    assert list(told) == ["code", "message", "attributes", "doc"]
    assert (told["code"], told["message"]) == (error.code, str(error))
    assert told["attributes"].keys() == {name for name in vars(error) if not name.startswith("_")}
    assert told["doc"] == f"{PAGE}#{error.code}"


def test_what_an_error_knows_is_told_as_json_has_it() -> None:
    assert LeadAlreadyConverted(ID, OTHER, None, None).as_dict()["attributes"] == {
        "lead_id": str(ID), "contact_id": str(OTHER), "account_id": None, "deal_id": None,
    }  # fmt: skip
    assert Conflict("stale", {ID: 3}).as_dict()["attributes"] == {"versions": {str(ID): 3}}
    assert Invalid("AddTask", [("title", "too long")]).as_dict()["attributes"] == {
        "what": "AddTask", "problems": [{"field": "title", "rule": "too long"}],
    }  # fmt: skip


@each_error
def test_an_error_comes_equal_out_of_a_pickle_and_a_copy(error: CRMError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - our own
        assert type(again) is type(error)
        assert again == error
        assert hash(again) == hash(error)
        assert (str(again), repr(again), again.as_dict()) == (str(error), repr(error), error.as_dict())


def test_every_error_comes_equal_out_of_another_process() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_as_it_came, ERRORS) == ERRORS
        with pytest.raises(DealNotOpen) as caught:
            pool.apply(_refuse, (ID,))
    assert caught.value == DealNotOpen(ID, "won")


def _as_it_came(error: CRMError) -> CRMError:
    return error


def _refuse(deal_id: UUID) -> None:
    raise DealNotOpen(deal_id, "won")


def test_errors_that_say_something_else_are_not_equal() -> None:
    assert len(set(ERRORS)) == len(ERRORS)
    assert DealNotOpen(ID, "won") != DealNotOpen(ID, "lost")
    assert Refused("no") != CRMError("no")
    assert SettleTimeout("late", position=4) != SettleTimeout("late", position=5)
    assert Refused("no") != "no"


def test_a_rule_of_a_host_has_a_code_too_and_is_explained_where_ours_is() -> None:
    class CreditLimitExceeded(Refused):
        """Above what they may owe."""

        def __init__(self, *, account: UUID) -> None:
            self.account = account
            super().__init__(f"account {account} may not owe more")

    class Overdue(Refused, code="acme_overdue"):
        """They have not paid."""

    told = CreditLimitExceeded(account=ID).as_dict()
    assert (told["code"], told["attributes"], told["doc"]) == (
        "credit_limit_exceeded", {"account": str(ID)}, f"{PAGE}#refused",
    )  # fmt: skip
    assert copy.copy(CreditLimitExceeded(account=ID)) == CreditLimitExceeded(account=ID)
    assert Overdue.code == "acme_overdue"
    assert http_status(Overdue) == http_status(Refused) == 409


# -- the reference --------------------------------------------------------------------------------------


@each_kind
def test_an_error_says_what_it_means_when_it_is_raised_and_what_to_do(kind: type[CRMError]) -> None:
    told = explained(kind)
    assert told.meaning.partition("\n")[0].endswith(".")
    assert told.when.endswith(".")
    assert told.do.endswith(".")


@each_error
def test_whatever_an_error_knows_is_explained(error: CRMError) -> None:
    assert explained(type(error)).attributes.keys() == error.attributes.keys()


def test_the_reference_is_what_the_docstrings_say() -> None:
    written = (Path(__file__).parent.parent / PAGE).read_text(encoding="utf-8")
    assert written == page(), "stale: run `python -m tests.error_page`"


@each_kind
def test_where_an_error_says_that_it_is_explained_it_is(kind: type[CRMError]) -> None:
    assert f"\n## {kind.code}\n\n`{kind.__name__}`" in page()


# -- and nothing personal -------------------------------------------------------------------------------

_NEEDS: dict[str, dict[str, Any]] = {
    "ForgetPerson": {"lead_id": None},
    "DefinePipeline": {"stages": SHIPPED["standard"]},
}


def secretive() -> list[Command]:
    ours = [one.command for one in decisions() if one.command.__module__.startswith("crm_core.")]
    return [example(one, prefix=SECRET, **_NEEDS.get(one.__name__, {})) for one in ours]


def test_no_refusal_of_any_command_holds_anything_personal() -> None:
    refusals: list[CRMError] = []
    with CRM.open("memory://", follow=[]) as crm:
        for _ in range(3):
            requests = [Request(one, "ann", expect=expect) for one in secretive() for expect in (None, {ID: 5})]
            refusals += [one for one in crm.execute_many(requests) if isinstance(one, CRMError)]

    assert len({one.code for one in refusals}) >= 5
    assert len(refusals) > 100
    for one in refusals:
        assert SECRET not in f"{one!r} {one} {json.dumps(one.as_dict())} {pickle.dumps(one)!r}"
    assert {type(one).__name__ for one in secretive()} <= set(crm_core.commands.__all__)


def test_what_postgresql_says_of_a_value_is_not_passed_on(postgres_url: str) -> None:
    with CRM.open(postgres_url, follow=[]) as crm:
        database = crm._store.database  # noqa: SLF001 - no command of ours makes the server quote a value
        with pytest.raises(StoreError, match="22P02") as caught, database.looking() as transaction:
            transaction.execute("SELECT CAST(CAST(? AS text) AS integer)", [SECRET])
        with pytest.raises(StoreError, match="no_such_table"), database.looking() as transaction:
            transaction.execute("SELECT 1 FROM no_such_table")
    assert SECRET not in f"{caught.value} {caught.value!r}"
