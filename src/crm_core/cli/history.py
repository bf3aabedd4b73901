"""`crm history`: every fact about a thing, as the log has it."""

from typing import Annotated, Any

import typer

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import heading, moment, stack, table, who
from crm_core.cli.moments import zone_of
from crm_core.cli.options import Axis, Moment, Zone
from crm_core.cli.plain import readable, tidy
from crm_core.kernel.recorded import Recorded

Thing = Annotated[str, typer.Argument(metavar="ID", help="Whose history: an id, or its first six or more digits.")]


def history(desk: Desk, thing: Thing, as_of: Moment = None, tz: Zone = "UTC", axis: Axis = "recorded") -> Answer:
    """Every fact about a customer, deal, ticket or any other thing, in the order the log learnt them."""
    zone = zone_of(tz)
    facts = desk.crm.history(desk.thing(thing), as_of=desk.moment(as_of, tz, axis))
    rows = [_row(fact, zone) for fact in facts]
    return Answer(
        {"thing": desk.thing(thing), **facts.as_dict()},
        stack(
            heading(f"{len(facts)} facts", str(desk.thing(thing))),
            table(["#", "when", "what", "in words", "by"], rows, zone, wraps=["in words"], short="by"),
        ),
        moment(facts.as_of, zone),
    )


def _row(fact: Recorded, zone: Any) -> list[Any]:
    told = readable(fact.recorded_at, zone)
    late = "" if readable(fact.at, zone) == told else f" (recorded {told})"
    return [fact.position, fact.at, fact.type, f"{tidy(str(fact))}{late}", who(str(fact.by))]
