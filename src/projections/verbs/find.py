"""`crm find`: whoever or whatever goes by a name, an e-mail address or an id."""

from typing import Annotated

import typer
from rich.text import Text as Whole

from crm_core import AsOf
from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import heading, moment, stack, table
from crm_core.kernel.errors import Invalid
from projections.directory import DirectoryRow, directory
from projections.directory import find as look_up
from projections.verbs.rows import PATIENCE_S

Text = Annotated[
    str, typer.Argument(metavar="TEXT", help="An id, or a part of a name, e-mail address, company, title or subject.")
]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]


def find(desk: Desk, text: Text, limit: Limit = 20) -> Answer:
    """Contacts, leads, accounts, deals and tickets by an identifier or a part of their name."""
    at = desk.moment(None, "UTC", "recorded")
    rows = desk.crm.view(directory, after=at.position, timeout=PATIENCE_S).ask(
        lambda transaction: look_up(transaction, text, limit)
    )
    rows = rows or _by_prefix(desk, text, at, limit)
    shown = [(Whole(str(row.id)), row.kind, row.name, row.email) for row in rows]
    return Answer(
        {"as_of": at.as_dict(), "rows": [directory.table.plain(row) for row in rows]},
        stack(
            heading(f"{len(rows)} found", text),
            table(["id", "kind", "name", "e-mail"], shown, wraps=["name"]),
        ),
        moment(at),
    )


def _by_prefix(desk: Desk, text: str, at: AsOf, limit: int) -> list[DirectoryRow]:
    """What has an id that begins like that."""
    try:
        things = desk.crm.things(text.strip(), limit)
    except Invalid:
        return []
    live = desk.crm.view(directory, after=at.position)
    return live.ask(lambda transaction: list(directory.table.load(transaction, things).values()))
