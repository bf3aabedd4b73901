"""One endpoint takes every command; what is refused is a problem document, and no answer repeats what was sent."""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaMode

import crm_core.commands
from crm_core import CRM, Actor, Allow, CRMError, Deny, Invalid, Money, Refused
from crm_core.commands import AnyCommand, Command, OpenDeal, WinDeal, parse_command
from crm_core.errors import (
    CatalogueError,
    CommandIdReused,
    Conflict,
    DatabaseUnavailable,
    Denied,
    FollowerHalted,
    KeyMissing,
    MoneyError,
    NotFound,
    NotOnRecord,
    PayloadTooLarge,
    SettleTimeout,
    StoreError,
    TooManyConflicts,
    UnknownCommand,
    ViewNotFolded,
)
from crm_core.kernel.decider import decisions
from crm_core.kernel.ids import DealId
from crm_core.store.sqlite import StillLocked
from crm_core.web import MEDIA_TYPE, http_status, invalid_request, problem
from tests.error_page import every_error
from tests.faults.children import fork

SECRET = "zqx-ada-okafor"  # noqa: S105 - what must not show
DEAL = DealId(UUID("00000000-0000-4000-8000-0000000000de"))
ROOF = {
    "command": "OpenDeal",
    "title": "New roof",
    "amount": {"amount": "12000", "currency": "EUR"},
    "owner": "ann",
    "deal_id": str(DEAL),
}
OURS = set(crm_core.commands.__all__) - {"Command"}


def every_command() -> set[str]:
    """Ours, and those of whatever else was imported."""
    return {one.command.__name__ for one in decisions()}


def only_ann(actor: Actor, action: str, resource: Command, fields: tuple[str, ...]) -> Allow | Deny:
    return Allow() if actor.id == "ann" else Deny("not hers")


@pytest.fixture
def crm() -> Iterator[CRM]:
    """A CRM that only Ann may write to."""
    with CRM.open("memory://", follow=[], authorize=only_ann) as opened:
        yield opened


def served(crm: CRM, *, handled: bool = True) -> TestClient:
    """The page docs/how-to/serve-over-http.md in short; `handled` False: without our words about a wrong request."""
    api = FastAPI()

    @api.post("/commands")
    def carry_out(command: AnyCommand, by: str = "ann", version: int | None = None) -> dict[str, Any]:
        return crm.execute(command, by=by, expect=None if version is None else {DEAL: version}).as_dict()

    @api.post("/deals")
    def open_deal(command: OpenDeal) -> dict[str, Any]:
        return crm.execute(command, by="ann").as_dict()

    @api.get("/example")
    def example() -> AnyCommand:
        return OpenDeal(title="New roof", amount=Money("12000", "EUR"), owner="ann", deal_id=DEAL)

    @api.exception_handler(CRMError)
    async def refused(_: Request, error: CRMError) -> JSONResponse:
        return JSONResponse(problem(error), http_status(error), media_type=MEDIA_TYPE)

    if handled:

        @api.exception_handler(RequestValidationError)
        async def wrong(request: Request, error: RequestValidationError) -> JSONResponse:
            return await refused(request, invalid_request(error.errors()))

    return TestClient(api)


@pytest.fixture
def client(crm: CRM) -> TestClient:
    """Who asks it over HTTP."""
    return served(crm)


# -- the endpoint -----------------------------------------------------------------------------------------


def test_a_command_is_carried_out_and_answered_with_its_receipt(client: TestClient, crm: CRM) -> None:
    answer = client.post("/commands", json=ROOF)
    assert (answer.status_code, answer.json()["id"]) == (200, str(DEAL))
    assert str(crm.history(DEAL)[0]) == "opened New roof for 12,000.00 EUR in new_lead"
    told = client.get("/example").json()
    assert told.items() >= {**ROOF, "amount": {"amount": "12000.00", "currency": "EUR"}}.items()


def test_the_schema_tells_every_command_apart_by_its_name(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    body = schema["paths"]["/commands"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    mapping = body["discriminator"]["mapping"]

    assert body["discriminator"]["propertyName"] == "command"
    assert mapping.keys() == every_command() >= OURS
    assert {one["$ref"] for one in body["oneOf"]} == set(mapping.values())
    for name, place in mapping.items():
        if name not in OURS:
            continue
        described = schema["components"]["schemas"][place.removeprefix("#/components/schemas/")]
        assert described["properties"]["command"]["const"] == name
        assert "command" in described["required"]
        assert described["additionalProperties"] is False
        assert described["description"] == inspect.getdoc(getattr(crm_core.commands, name))
    answer = schema["paths"]["/example"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["discriminator"]["mapping"].keys() == every_command() >= OURS
    assert "00000000-0000-0000-0000-000000000000" not in json.dumps(schema), "an id to be left out has no default"


@pytest.mark.parametrize(
    ("change", "query", "status", "code"),
    [
        ({}, {}, 409, "already_on_record"),
        ({"deal_id": str(uuid4()), "contact_id": str(uuid4())}, {}, 404, "not_on_record"),
        ({"deal_id": str(uuid4()), "stage": "won"}, {}, 409, "closing_stage"),
        ({"deal_id": str(uuid4())}, {"by": "bob"}, 403, "denied"),
        ({"deal_id": str(uuid4())}, {"by": "robot:7"}, 422, "invalid"),
        ({"deal_id": str(uuid4())}, {"version": 7}, 409, "conflict"),
        ({"amount": "12"}, {}, 422, "invalid"),
        ({"command": "DanceWithCustomer"}, {}, 422, "invalid"),
    ],
)
def test_what_is_refused_is_a_problem_document_with_a_fitting_status(
    change: dict[str, Any], query: dict[str, Any], status: int, code: str, client: TestClient, crm: CRM
) -> None:
    client.post("/commands", json=ROOF)
    answer = client.post("/commands", json={**ROOF, **change}, params=query)
    document = answer.json()

    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert (document["status"], document["code"]) == (status, code)
    assert list(document) == ["type", "title", "status", "code", "detail", "attributes"]
    assert document["type"].endswith(f"#{code}")
    assert crm.status().position == 1


WRONG: list[Any] = [
    {**ROOF, "title": [SECRET]},
    {**ROOF, "title": "x\0" + SECRET},
    {**ROOF, "title": SECRET * 20},
    {**ROOF, "amount": SECRET},
    {**ROOF, "deal_id": SECRET},
    {**ROOF, "shoe_size": SECRET},
    {**ROOF, "command": SECRET},
    {**ROOF, "command": [SECRET]},
    {"title": SECRET},
    {"command": "AddContact", "name": "Ada", "email": SECRET},
    {"command": "CaptureLead", "channel": SECRET, "name": SECRET},
    SECRET,
    [SECRET],
    [{**ROOF, "title": SECRET}],
    5,
    None,
]


@pytest.mark.parametrize("sent", WRONG, ids=repr)
@pytest.mark.parametrize("path", ["/commands", "/deals"])
def test_no_answer_repeats_what_was_sent(path: str, sent: Any, client: TestClient, crm: CRM) -> None:
    answer = client.post(path, json=sent)
    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA_TYPE)
    assert SECRET not in answer.text
    assert answer.json()["attributes"]["problems"]
    assert crm.status().position == 0


@pytest.mark.parametrize("sent", [SECRET, f'{{"title": "{SECRET}', f'"{SECRET}"', ""])
def test_nor_does_it_where_no_json_was_sent(sent: str, client: TestClient) -> None:
    for kind in ("application/json", "text/plain"):
        answer = client.post("/commands", content=sent.encode(), headers={"content-type": kind})
        assert answer.status_code == 422
        assert SECRET not in answer.text


@pytest.mark.parametrize("sent", WRONG, ids=repr)
def test_the_union_repeats_nothing_even_in_the_answer_that_the_framework_makes(sent: Any, crm: CRM) -> None:
    answer = served(crm, handled=False).post("/commands", json=sent)
    assert answer.status_code == 422
    assert SECRET not in answer.text


def test_a_single_command_needs_the_handler_as_the_page_says(crm: CRM) -> None:
    sent = {**ROOF, "title": [SECRET]}
    assert SECRET in served(crm, handled=False).post("/deals", json=sent).text
    assert SECRET not in served(crm).post("/deals", json=sent).text


# -- the union by itself ------------------------------------------------------------------------------------


def test_json_becomes_the_command_that_it_names() -> None:
    command = parse_command(json.dumps(ROOF))
    assert type(command) is OpenDeal
    assert command == OpenDeal(title="New roof", amount=Money("12000", "EUR"), owner="ann", deal_id=DEAL)
    assert command.model_fields_set == ROOF.keys() - {"command"}
    assert parse_command(ROOF) == parse_command(json.dumps(ROOF).encode()) == command
    assert TypeAdapter(AnyCommand).validate_python(command) is command
    assert json.loads(TypeAdapter(AnyCommand).dump_json(command)) == command.as_dict()


def test_ids_that_were_left_out_are_left_out_of_the_json_too() -> None:
    command = OpenDeal(title="New roof", amount=Money("12000", "EUR"), owner="ann")
    assert "deal_id" not in command.as_dict()
    again = parse_command(command.as_dict())
    assert again.left_out() == command.left_out() == ["deal_id"]


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        ({**ROOF, "title": [SECRET], "amount": 1.5}, {"title": "string", "amount": "must be Money"}),
        ({**ROOF, "shoe_size": SECRET}, {"shoe_size": "not permitted"}),
        ({"title": SECRET}, {"command": "required"}),
        ({"command": SECRET}, {"command": "the name of a command"}),
        ({"command": "AddTask"}, {"title": "required", "assignee": "required"}),
        ({"command": "ConvertLead", "lead_id": str(DEAL), "title": SECRET}, {"command": "both title and amount"}),
        (f'{{"command": "{SECRET}', {"command": "JSON"}),
        (f'"{SECRET}"', {"command": "object"}),
        (5, {"command": "object"}),
    ],
)
def test_what_is_no_command_is_told_by_field_and_rule(said: Any, problems: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_command(said)
    told = dict(caught.value.problems)
    for field, rule in problems.items():
        assert rule in told[field] or rule in told[field].lower(), told
    assert SECRET not in f"{caught.value} {caught.value.as_dict()}"


def test_not_even_pydantics_own_error_holds_what_was_sent() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(AnyCommand).validate_python({**ROOF, "title": [SECRET]})
    assert SECRET not in f"{caught.value} {caught.value.errors()} {caught.value.json()}"


def test_many_commands_are_read_alike_and_each_problem_says_whose_it_is() -> None:
    many: TypeAdapter[list[Command]] = TypeAdapter(list[AnyCommand])
    assert many.validate_python([ROOF, ROOF]) == [parse_command(ROOF)] * 2
    assert many.dump_python([parse_command(ROOF)], mode="json") == [parse_command(ROOF).as_dict()]
    with pytest.raises(ValidationError) as caught:
        many.validate_python([ROOF, {**ROOF, "title": [SECRET]}])
    assert [one["loc"] for one in caught.value.errors()] == [(1, "title")]
    assert SECRET not in f"{caught.value} {caught.value.errors()}"


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_json_schema_names_every_command(mode: JsonSchemaMode) -> None:
    schema = TypeAdapter(AnyCommand).json_schema(mode=mode)
    assert schema["discriminator"]["mapping"].keys() == every_command() >= OURS


def test_a_hosts_own_commands_are_among_them_once_they_are_declared(tmp_path: Path) -> None:
    def later() -> None:
        before = TypeAdapter(AnyCommand)
        praise = {"command": "PraiseDeal", "deal_id": str(DEAL), "words": "So good"}
        with pytest.raises(Invalid, match="the name of a command"):
            parse_command(praise)

        from tests.newer_library import PraiseDeal

        assert type(parse_command(praise)) is PraiseDeal
        assert "PraiseDeal" in TypeAdapter(AnyCommand).json_schema()["discriminator"]["mapping"]
        assert "PraiseDeal" not in before.json_schema()["discriminator"]["mapping"]
        with CRM.open("memory://", follow=[]) as crm:
            client = served(crm)
            assert client.post("/commands", json=ROOF).status_code == 200
            assert client.post("/commands", json=praise).status_code == 200
            assert str(crm.history(DEAL)[-1].type) == "deal.praised"

    fork(later, tmp_path).join()


def test_two_commands_of_one_name_cannot_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class WinDealToo(Command):
        """Wins it again."""

    class Commanded(Command):
        """Has a field that is called as the tag is."""

        command: str

    WinDealToo.__name__ = "WinDeal"
    for commands, rule in (((WinDeal, WinDealToo), "already the name"), ((WinDeal, Commanded), "would hide the tag")):
        monkeypatch.setattr("crm_core.kernel.any_command._every_command", lambda commands=commands: commands)
        with pytest.raises(CatalogueError, match=rule):
            TypeAdapter(AnyCommand)


def test_the_light_import_stays_light() -> None:
    assert "fastapi" in sys.modules, "this very test"
    heavy = {"fastapi", "starlette", "crm_core.web", "psycopg", "email_validator"}
    code = f"import sys, crm_core, crm_core.commands; print({heavy} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


# -- statuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Refused, 409), (Conflict, 409), (NotOnRecord, 404), (NotFound, 404), (Denied, 403), (Invalid, 422),
        (MoneyError, 422), (UnknownCommand, 422), (CommandIdReused, 422), (PayloadTooLarge, 413),
        (TooManyConflicts, 503), (DatabaseUnavailable, 503), (StillLocked, 503), (SettleTimeout, 503),
        (ViewNotFolded, 503), (StoreError, 500), (KeyMissing, 500), (FollowerHalted, 500), (CRMError, 500),
    ],
)  # fmt: skip
def test_each_kind_of_error_has_its_status(kind: type[CRMError], status: int) -> None:
    assert http_status(kind) == status


@pytest.mark.parametrize("kind", every_error(), ids=lambda one: one.code)
def test_every_error_has_a_status_that_is_an_error(kind: type[CRMError]) -> None:
    assert http_status(kind) in {403, 404, 409, 413, 422, 500, 503}


def test_of_its_own_trouble_a_server_tells_the_code_alone() -> None:
    document = problem(StoreError("PostgreSQL refused: 42P01 relation crm_events does not exist"))
    assert document == {
        "type": "docs/reference/errors.md#store_error", "title": "The database cannot do what was asked.",
        "status": 500, "code": "store_error",
    }  # fmt: skip


def test_a_rule_of_a_host_without_a_word_of_explanation_is_called_by_its_name() -> None:
    class Overdue(Refused):
        __doc__ = None

    assert problem(Overdue("they have not paid"))["title"] == "Overdue"
