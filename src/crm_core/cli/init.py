"""`crm init`: a database becomes a CRM."""

from typing import Annotated

import typer

from crm_core import upkeep
from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import note

Roles = Annotated[
    str | None,
    typer.Option(
        "--roles",
        metavar="PREFIX",
        help="PostgreSQL: also make the group roles PREFIX_writer, _projector, _reader and _auditor.",
        show_default=False,
    ),
]


def init(desk: Desk, roles: Roles = None) -> Answer:
    """Make the tables, beside others if need be; a CRM that is there stays as it is. Run by the database's owner."""
    made = upkeep.create(desk.database, roles=roles)
    said = f"made, schema {made.schema}" if made.created else f"there already, schema {made.schema}"
    granted = f"; granted what they may: {', '.join(made.roles)}" if made.roles else ""
    return Answer(made, note(f"{said}{granted}", "green"))
