"""Whatever is handed to the CRM object instead of what belongs there: an error of ours that names the argument."""

import inspect
import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from crm_core import CRM, AsOf, CRMError, Invalid, Money, Receipt, Request
from crm_core.commands import AddContact, MoveDeal, OpenDeal
from crm_core.errors import UnknownCommand
from crm_core.events import DealOpened
from crm_core.kernel.ids import DealId
from crm_core.kernel.money import MoneyError
from policies import thank_on_purchase
from projections import pipeline

DEAL = DealId(UUID("00000000-0000-4000-8000-0000000000de"))
NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
SECRET = "hunter2-at-home"  # noqa: S105 - what must not show


class Odd:
    """Fits nowhere, and tells everything about itself."""

    def __repr__(self) -> str:
        return SECRET


ODD = Odd()
A_DEAL = OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann")
RIGHT: dict[str, dict[str, Any]] = {
    "open": {"url": "memory://"},
    "execute": {"command": A_DEAL, "by": "ann"},
    "execute_many": {"commands": [A_DEAL], "by": "ann"},
    "history": {"thing": DEAL},
    "identities": {"thing": DEAL},
    "things": {"prefix": "00"},
    "as_of": {"moment": 0},
    "view": {"projection": pipeline, "after": 0},
    "rebuild": {"projection": pipeline},
}
"""Method → arguments that it cannot do without."""
_NAME = [SECRET, 5, None, True, pipeline.row, CRM]
_ID = [SECRET, str(DEAL), 5, DEAL.int, None, [DEAL]]
_POSITION = [SECRET, 1.5, -1, True, math.inf, [1]]
_MOMENT = [SECRET, "2024-03-04", 1.5, -1, 99, True, date(2024, 3, 4), time(12, tzinfo=UTC), NOON.replace(tzinfo=None)]
_AXIS = [SECRET, 5, None, ["recorded"]]
_FLAG = [SECRET, 1, 0, None, "no"]
_SECONDS = [SECRET, "3", -1, math.nan, True, None, [3]]
_FUNCTION = [SECRET, 5, None, [print]]
_ACTOR = [SECRET + ":7", 5, "", " ", True, b"ann", ["ann"], Money(1, "EUR")]
_FOLLOWERS = ["pipeline", ["pipeline"], 5, [5], [None], [type(pipeline)], pipeline, [CRM], b"pipeline"]
_A_VIEW = ["pipeline", 5, None, type(pipeline), thank_on_purchase, [pipeline], pipeline.row, print]
WRONG: dict[str, list[Any]] = {
    "open.url": [5, None, b"memory://", Path("acme.db"), ["memory://"], True],
    "open.follow": _FOLLOWERS,
    "open.extend": [5, b"visits", "", [""], [5], True],
    "open.clock": [SECRET, 5, NOON, datetime.now, type("Clock", (), {"now": None})],
    "open.authorize": _FUNCTION,
    "open.app": [5, None, b"acme", ["acme"], "a\nb"],
    "open.create": _FLAG,
    "execute.command": [SECRET, 5, None, OpenDeal, {"command": "OpenDeal"}, [A_DEAL], Request(A_DEAL), DealOpened],
    "execute.by": [*_ACTOR, None],
    "execute.at": [SECRET, 5, "2024-03-04", date(2024, 3, 4), time(12, tzinfo=UTC), NOON.replace(tzinfo=None)],
    "execute.command_id": [SECRET, str(DEAL), 5, [DEAL]],
    "execute.expect": [SECRET, 5, [DEAL], {SECRET: 1}, {DEAL: SECRET}, {DEAL: -1}, {DEAL: True}, {DEAL: 1.0}],
    "execute.on_behalf_of": _ACTOR,
    "execute.correlation_id": [SECRET, str(DEAL), 5],
    "execute.causation_id": [SECRET, str(DEAL), 5],
    "rebuild.workers": [SECRET, 0, 17, 1.5, True, None, "2"],
    "verify.workers": [SECRET, 0, 17, 1.5, True, None, "2"],
    "execute.connection": [SECRET, 5, True, object(), "sqlite:///acme.db"],
    "execute_many.connection": [SECRET, 5, True, object(), "sqlite:///acme.db"],
    "execute_many.commands": [SECRET, 5, None, A_DEAL, Request(A_DEAL), OpenDeal, b"x", [5], [None], [OpenDeal], ["x"]],
    "execute_many.by": _ACTOR,
    "execute_many.batch": [SECRET, 0, -1, 1.5, True, None, [1]],
    "execute_many.stop_on_refusal": _FLAG,
    "history.thing": _ID,
    "history.as_of": _MOMENT,
    "history.axis": _AXIS,
    "history.durable": _FLAG,
    "identities.thing": _ID,
    "things.prefix": [SECRET, 5, None, b"00", "", "0" * 33, ["00"], DEAL],
    "things.limit": [SECRET, -1, 1.5, True, None],
    "as_of.moment": _MOMENT,
    "as_of.axis": _AXIS,
    "log.after": [*_POSITION, None],
    "log.types": [SECRET, "deal.won", 5, [5], [None], ["no.such"], ["deal.won", "no.such"], [DealOpened], b"deal.won"],
    "log.upto": _POSITION,
    "log.durable": _FLAG,
    "view.projection": _A_VIEW,
    "view.after": _POSITION,
    "view.as_of": _MOMENT,
    "view.axis": _AXIS,
    "view.timeout": _SECONDS,
    "view.durable": _FLAG,
    "verify.progress": _FUNCTION,
    "settle.position": _POSITION,
    "settle.timeout": _SECONDS,
    "settle.policies": _FLAG,
    "run.stop": [SECRET, 5, False, [], print],
    "rebuild.projection": _A_VIEW,
    "rebuild.progress": _FUNCTION,
}
"""Method and argument → what does not belong there; something odd does not belong anywhere."""
CALLED_OTHERWISE = {"as_of.moment": "as_of", "execute_many.commands": "command"}
"""Where the error names something else: the moment as it is called everywhere, the one command among many."""


def public_methods() -> dict[str, Callable[..., Any]]:
    found = {name: getattr(CRM, name) for name, kept in vars(CRM).items() if not name.startswith("_")}
    return {name: method for name, method in found.items() if callable(method)}


def arguments_of_all() -> list[str]:
    return [
        f"{name}.{parameter}"
        for name, method in public_methods().items()
        for parameter in inspect.signature(method).parameters
        if parameter != "self"
    ]


@pytest.fixture
def crm() -> Iterator[CRM]:
    """A CRM with one open deal, folded."""
    with CRM.open("memory://", follow=[pipeline]) as opened:
        opened.execute(OpenDeal(deal_id=DEAL, title="New roof", amount=Money(1, "EUR"), owner="ann"), by="ann")
        opened.settle()
        yield opened


def test_every_argument_of_every_method_is_tried() -> None:
    assert sorted(WRONG) == sorted(arguments_of_all())
    assert {"execute", "open", "view", "log", "settle"} <= public_methods().keys()


@pytest.mark.parametrize("argument", WRONG)
def test_what_does_not_belong_there_is_refused_by_name_and_nothing_is_recorded(argument: str, crm: CRM) -> None:
    method, _, parameter = argument.partition(".")
    for wrong in [*WRONG[argument], ODD]:
        error = _refusal(crm, method, {**RIGHT.get(method, {}), parameter: wrong})
        assert isinstance(error, CRMError), f"{wrong!r}: {type(error).__name__}: {error}"
        assert isinstance(error, Invalid), f"{wrong!r}: {error}"
        assert error.field in (parameter, CALLED_OTHERWISE.get(argument)), f"{wrong!r}: {error}"
        assert error.problems[0][1]
        assert SECRET not in f"{error} {error!r} {error.as_dict()}"
    assert crm.status().position == 1
    assert crm.verify().intact


def _refusal(crm: CRM, method: str, arguments: dict[str, Any]) -> Any:
    """What comes of it: an error, or what was given back."""
    try:
        given = getattr(CRM if method == "open" else crm, method)(**arguments)
        if method == "execute_many":
            [given] = given
    except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
        return error
    return given


@pytest.mark.parametrize("argument", [one for one in WRONG if one.startswith(("log.", "execute_many.", "view."))])
def test_what_is_wrong_is_said_at_once_and_not_when_the_answer_is_read(argument: str, crm: CRM) -> None:
    method, _, parameter = argument.partition(".")
    with pytest.raises(Invalid):
        getattr(crm, method)(**{**RIGHT.get(method, {}), parameter: ODD})


def test_the_deal_that_is_no_command_is_told_what_to_do(crm: CRM) -> None:
    execute: Any = crm.execute
    with pytest.raises(Invalid, match=r"must be a command such as OpenDeal.*, not the class OpenDeal"):
        execute(OpenDeal, by="ann")
    with pytest.raises(Invalid, match="not a value of type int"):
        execute(5, by="ann")


def test_what_is_no_command_is_an_outcome_among_many(crm: CRM) -> None:
    move = MoveDeal(deal_id=DEAL, stage="negotiation")
    outcomes = list(crm.execute_many(cast("Any", [5, move, OpenDeal, AddContact(name="Ada")]), by="ann"))
    assert [type(one) for one in outcomes] == [Invalid, Receipt, Invalid, Receipt]
    assert not any(isinstance(one, UnknownCommand) for one in outcomes)


@pytest.mark.parametrize(
    ("position", "instant", "axis", "field"),
    [
        (SECRET, None, "recorded", "position"),
        (-1, None, "recorded", "position"),
        (True, None, "recorded", "position"),
        (1, "2024-03-04", "recorded", "instant"),
        (1, NOON.replace(tzinfo=None), "recorded", "instant"),
        (1, date(2024, 3, 4), "recorded", "instant"),
        (1, NOON, "imagined", "axis"),
        (1, NOON, None, "axis"),
    ],
)
def test_a_moment_made_by_hand_is_looked_at(position: Any, instant: Any, axis: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        AsOf(position, instant, axis)
    assert caught.value.field == field
    assert SECRET not in str(caught.value)


def test_a_moment_beyond_the_log_is_refused_however_it_is_told(crm: CRM) -> None:
    for ask in (crm.as_of, lambda one: crm.history(DEAL, as_of=one), lambda one: crm.view(pipeline, as_of=one)):
        with pytest.raises(Invalid, match="ends at position 1"):
            ask(AsOf(99, None, "recorded"))
    assert crm.as_of(AsOf(1, NOON, "recorded")).position == 1


def test_what_may_be_asked_is_not_refused(crm: CRM) -> None:
    assert list(crm.log(types=["deal.won"])) == list(crm.log(types=[])) == list(crm.log(upto=0)) == []
    assert [fact.type for fact in crm.log(types=("deal.won", "deal.opened"))] == ["deal.opened"]
    assert crm.settle(timeout=math.inf) == crm.settle(timeout=30) == crm.settle(1, timeout=0) == 1
    assert crm.things("00", limit=0) == []
    assert list(crm.execute_many(iter(()), by="ann")) == list(crm.execute_many([])) == []


# -- beside the CRM object --------------------------------------------------------------------------------


def test_a_view_says_which_field_it_cannot_add_up(crm: CRM) -> None:
    rows = crm.view(pipeline)
    for field in ("colour", "owner", cast("Any", 5), "__class__"):
        with pytest.raises(Invalid) as caught:
            rows.totals(field)
        assert caught.value.field == "field"
    with pytest.raises(Invalid):
        rows.total("owner")
    with pytest.raises(MoneyError):
        rows.where(status="lost").total("amount")
    with pytest.raises(Invalid, match="question"):
        rows.ask(cast("Any", "SELECT 1"))


@pytest.mark.parametrize(
    "read",
    [
        lambda cls, said: cls.model_validate(said),
        lambda cls, said: cls.model_validate_strings(said),
        lambda cls, said: cls.model_validate_json(f'{{"deal_id": "{said.get("deal_id")}", "stage": 5}}'),
        lambda cls, said: cls(**said),
    ],
)
@pytest.mark.parametrize("cls", [MoveDeal, DealOpened])
def test_a_message_read_in_any_way_names_field_and_rule_and_not_the_value(
    cls: Any, read: Callable[[Any, Any], Any]
) -> None:
    with pytest.raises(Invalid) as caught:
        read(cls, {"deal_id": SECRET, "stage": {SECRET: SECRET}})
    error = caught.value
    assert "deal_id" in dict(error.problems)
    assert error.what == cls.__name__
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert SECRET not in f"{error} {error!r} {error.as_dict()}"


@pytest.mark.parametrize("said", ["", "{", "[]", "5", '"hunter2-at-home"', b"\xff"])
def test_json_that_is_no_message_is_refused(said: Any) -> None:
    with pytest.raises(Invalid) as caught:
        MoveDeal.model_validate_json(said)
    assert SECRET not in str(caught.value)


def test_a_message_read_in_any_way_is_the_same() -> None:
    said = {"deal_id": str(DEAL), "stage": "negotiation"}
    made = MoveDeal(deal_id=DEAL, stage="negotiation")
    assert MoveDeal.model_validate(said) == MoveDeal.model_validate_strings(said) == made
    assert MoveDeal.model_validate_json(made.model_dump_json()) == MoveDeal.model_validate(made) == made


# -- URLs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "file"),
    [
        ("b%20c.db", "b c.db"),
        ("100%25.db", "100%.db"),
        ("a%3Fb%23c.db", "a?b#c.db"),
        ("caf%C3%A9.db", "café.db"),
        ("plain.db", "plain.db"),
    ],
)
def test_a_sqlite_url_is_percent_decoded(said: str, file: str, tmp_path: Path) -> None:
    with CRM.open(f"sqlite:///{tmp_path}/{said}", follow=[]) as crm:
        crm.execute(A_DEAL, by="ann")
    assert (tmp_path / file).is_file()
    assert (tmp_path / f"{file.removesuffix('.db')}.keys.db").is_file()
    with CRM.open(f"sqlite:///{tmp_path}/{said}", follow=[]) as crm:
        assert crm.status().position == 1


@pytest.mark.parametrize("said", ["a%00b.db", "caf%E9.db"])
def test_a_file_name_that_cannot_be_one_is_refused(said: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        CRM.open(f"sqlite:///{tmp_path}/{said}", follow=[])
    assert caught.value.field == "url"
    assert list(tmp_path.iterdir()) == []


def test_the_keys_may_be_asked_for_by_another_name_with_blanks(tmp_path: Path) -> None:
    with CRM.open(f"sqlite:///{tmp_path}/a.db?keys={tmp_path}/my%20keys.db", follow=[]) as crm:
        crm.execute(A_DEAL, by="ann")
    assert (tmp_path / "my keys.db").is_file()
    assert not (tmp_path / "a.keys.db").exists()
