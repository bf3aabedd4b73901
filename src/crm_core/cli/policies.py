"""`crm policies`: what is automated, and switching it on and off, by name of who does."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.failures import BadUsage
from crm_core.cli.look import heading, note, stack, table, who
from crm_core.commands import SwitchOffPolicy, SwitchOnPolicy
from crm_core.kernel.errors import NotFound
from crm_core.kernel.recorded import Recorded


class Turn(StrEnum):
    """What to do with the switch."""

    LIST = "list"
    ON = "on"
    OFF = "off"


Action = Annotated[Turn, typer.Argument(help="list them, or turn one on or off.")]
Name = Annotated[str | None, typer.Argument(metavar="NAME", help="Which policy.", show_default=False)]
By = Annotated[
    str | None, typer.Option("--by", metavar="WHO", help="Who turns it: a login; recorded.", show_default=False)
]
After = Annotated[
    int | None,
    typer.Option(
        "--after", metavar="POSITION", help="Answer facts behind this position; else from now on.", show_default=False
    ),
]


def policies(desk: Desk, action: Action = Turn.LIST, name: Name = None, by: By = None, after: After = None) -> Answer:
    """The installed policies and who switched them; `on NAME` and `off NAME` turn one, `--by` says who does."""
    if action is Turn.LIST:
        return _list(desk)
    if name is None or by is None:
        raise BadUsage(f"crm policies {action.value} NAME --by WHO: which policy, and who turns it {action.value}?")
    installed = [one.name for one in desk.crm.policies]
    if name not in installed:
        raise NotFound(f"no policy {name} is installed; there are {', '.join(installed) or 'none'}")
    command = SwitchOnPolicy(policy=name, after=after) if action is Turn.ON else SwitchOffPolicy(policy=name)
    receipt = desk.crm.execute(command, by=by)
    said = f"{name} is {action.value}" + ("" if receipt.events else " already: nothing was recorded")
    return Answer({"policy": name, "on": action is Turn.ON, "receipt": receipt.as_dict()}, note(said))


def _list(desk: Desk) -> Answer:
    turns = _turns(desk)
    found = [_policy(one, turns) for one in desk.crm.policies]
    rows = [
        (one["name"], "on" if one["on"] else "off", one["since"], who(one["by"] or ""), one["meaning"]) for one in found
    ]
    columns = ["policy", "is", "since", "by", "what it does"]
    return Answer({"policies": found}, stack(heading("policies"), table(columns, rows, wraps=["what it does"])))


def _turns(desk: Desk) -> dict[str, Recorded]:
    """Policy → the last turn of its switch."""
    last: dict[str, Recorded] = {}
    for fact in desk.crm.log(types=["policy.switched_on", "policy.switched_off"]):
        last[fact.event.policy] = fact  # type: ignore[attr-defined]
    return last


def _policy(policy: Any, turns: dict[str, Recorded]) -> dict[str, Any]:
    turn = turns.get(policy.name)
    return {
        "name": policy.name,
        "on": turn is not None and turn.type == "policy.switched_on",
        "since": turn.at if turn else None,
        "by": str(turn.by) if turn else None,
        "meaning": getattr(policy, "meaning", ""),
    }
