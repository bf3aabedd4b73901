"""`crm backup`: a copy of a database that is in use."""

from typing import Annotated

import typer
from rich.text import Text

from crm_core import upkeep
from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import stack

File = Annotated[str, typer.Argument(metavar="FILE", help="Where to; a file that is there is not overwritten.")]
Keys = Annotated[
    str | None,
    typer.Option(
        "--keys", metavar="FILE", help="Also copy the keys of personal values, into this file.", show_default=False
    ),
]
_WARNING = (
    "whoever holds both files can read every personal value, also of people who ask to be forgotten later: "
    "keep the keys apart, and not for long"
)


def backup(desk: Desk, file: File, keys: Keys = None) -> Answer:
    """Copy one moment of a SQLite database into a new file, while others go on writing."""
    with desk.progress("copying") as bar:
        done = upkeep.back_up(desk.database, file, keys=keys, progress=bar)
    if keys:
        desk.tell(_WARNING)
    shown = stack(
        Text(f"{done.file}: {done.events:,} events{f'; keys: {done.keys}' if done.keys else ''}", style="green"),
        Text(f"chain {done.chain}", style="dim"),
    )
    return Answer(done, shown)
