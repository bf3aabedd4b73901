"""`crm verify`: whether the log is what was written."""

from typing import Annotated

import typer
from rich.text import Text

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.failures import CHECK_FAILED
from crm_core.cli.look import stack

Workers = Annotated[int, typer.Option("--workers", min=1, max=16, help="How many processes read a large log.")]


def verify(desk: Desk, workers: Workers = 1) -> Answer:
    """Recompute the chain, and every column and link that was copied from it. Exit code 1: something was altered."""
    head = desk.crm.as_of(None).position
    with desk.progress("verifying") as bar:
        verdict = desk.crm.verify(lambda done: bar(done, head), workers=workers)
    document = verdict.as_dict()
    if verdict.intact:
        shown = stack(
            Text(f"intact: {verdict.events:,} events", style="green"), Text(f"chain {verdict.chain}", style="dim")
        )
        return Answer(document, shown)
    altered = Text(f"altered: position {verdict.position}: {verdict.what}", style="bold red")
    before = Text(
        f"{verdict.events:,} events before it are as they were written, up to chain {verdict.chain}", style="dim"
    )
    return Answer(document, stack(altered, before), code=CHECK_FAILED)
