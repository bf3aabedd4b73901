"""`crm rebuild`: a view folded anew, while the old rows are still being read."""

from typing import Annotated

import typer

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import note
from projections.verbs.rows import view_named

Name = Annotated[str, typer.Argument(metavar="NAME", help="Which view.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=16, help="How many processes fold a large log.")]


def rebuild(desk: Desk, name: Name, workers: Workers = 1) -> Answer:
    """Fold a view anew from the first event, beside the live one, and swap it in."""
    view = view_named(desk, name)
    with desk.progress(f"rebuilding {name}") as bar:
        position = desk.crm.rebuild(view, bar, workers=workers)
    return Answer({"view": name, "position": position}, note(f"{name} is rebuilt up to position {position}", "green"))
