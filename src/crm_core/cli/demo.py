"""`crm demo`: a customer's story and real purchases, in a database of your own, in seconds."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import typer
from rich.console import RenderableType
from rich.text import Text

from crm_core.app import CRM
from crm_core.cli.cdnow import Imported, import_cdnow, sample
from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import Sparing, heading, stack, words
from crm_core.cli.story import BEGINS, ENDS, FIRST, Cast, tell
from crm_core.cli.told import automation, outcome
from crm_core.kernel.errors import Refused
from crm_core.kernel.time import ManualClock

Db = Annotated[
    str | None,
    typer.Option("--db", metavar="FILE", help="The file to keep it in; crm-demo.db if left out.", show_default=False),
]
_FILE = "crm-demo.db"
_ENCODED = str.maketrans({one: f"%{ord(one):02X}" for one in "%?#"})
_COMMANDS = 6919 + 2357
_TRY = (
    ("history {deal}", "every fact about the deal that was won"),
    ("timeline {contact} --as-of 2024-03-05T11:00", "what was known of her then"),
    ("pipeline --as-of 2024-03-12", "the board as it was that day"),
    ("find brightwater", "whoever goes by that name"),
    ("show retention --limit 5 --csv", "rows of any view"),
    ("explain deal.won", "who records it, shows it, answers it"),
    ("rebuild timeline", "a view folded anew"),
    ("verify", "is the log what was written?"),
)


class NotADemo(Refused):
    """The database holds a history that no demo wrote; nothing was added to it.

    When: `crm demo` is given a database that something else wrote to.
    Do: name another file with `--db`.

    Attributes:
        database: which one it is.
    """

    def __init__(self, database: str) -> None:
        self.database = database
        super().__init__(f"{database} holds a history of its own, so nothing was added; name another file with --db")


def demo(desk: Desk, db: Db = None) -> Answer:
    """Tell a customer's story in commands, import real purchases, show what came of it. Again, it changes nothing."""
    url = desk.url if desk.url and not db else _url(db or _FILE)
    cast, imported, changed = _write(desk, url)
    desk.use(url)
    pipeline = desk.ask("pipeline")
    timeline = desk.ask("timeline", thing=str(cast.contact_id))
    retention = desk.ask("retention", since="1997-01", until="1997-03", months=18)
    done, status = automation(desk.crm, cast), desk.crm.status()
    document = {
        "database": unquote(status.database.removeprefix("sqlite:///")),
        "events": status.position,
        "changed": changed,
        "story": outcome(desk.crm, cast),
        "automation": done,
        "pipeline": pipeline.document,
        "timeline": timeline.document,
        "retention": retention.document,
    }
    end = _farewell(url, status.position, changed, cast)
    return Answer(document, stack(pipeline.shown, timeline.shown, _automation(done, imported), retention.shown, end))


def _url(file: str) -> str:
    """A file's name as a URL; what would mean something else there is percent-encoded."""
    return f"sqlite:///{file.translate(_ENCODED)}"


def _write(desk: Desk, url: str) -> tuple[Cast, Imported, int]:
    """Story and purchases, as far as they are not there; and how many events that came to."""
    clock = ManualClock(BEGINS)
    with (
        CRM.open(url, extend=desk.extend, clock=clock, app="crm demo") as crm,
        desk.progress("importing purchases") as bar,
    ):
        before = crm.as_of(None).position
        if any(fact.command_id != FIRST for fact in crm.log(upto=1)):
            raise NotADemo(crm.status().database)
        cast = tell(crm, clock)
        clock.set(ENDS)
        imported = import_cdnow(crm, sample(), lambda done: bar(done, _COMMANDS))
        crm.settle(timeout=600, policies=True)
        return cast, imported, crm.as_of(None).position - before


def _automation(done: list[dict[str, Any]], imported: Imported) -> RenderableType:
    rows = [(one["at"], one["policy"], one["says"], (one["because"] or {}).get("says")) for one in done]
    passed = f"{imported.purchases:,} imported purchases were answered by nobody: history is remembered, not acted on"
    return stack(
        heading("automation", f"{len(done)} facts recorded by policies"),
        Sparing(
            ["when", "policy", "did", "because"], rows, wraps=["did", "because"], short="policy", spare=["because"]
        ),
        Text(passed, style="dim"),
    )


def _farewell(url: str, events: int, changed: int, cast: Cast) -> RenderableType:
    first = f"{changed:,} events recorded in {_where(url)}"
    said = first if changed else f"nothing changed: {_where(url)} held all {events:,} events already"
    ids = {"deal": str(cast.deal_id)[:8], "contact": str(cast.contact_id)[:8]}
    program = _program()
    setting = (
        f"{'set' if os.name == 'nt' else 'export'} CRM_URL={url if url.startswith('sqlite') else '(the URL you gave)'}"
    )
    tries = [(f"{program} {typed.format(**ids)}", why) for typed, why in _TRY]
    return stack(heading("yours to try", said), words([(setting, ""), *tries]))


def _where(url: str) -> str:
    file = url.removeprefix("sqlite:///")
    return str(Path(unquote(file))) if file != url else "the database"


def _program() -> str:
    """The program as it was called."""
    called = Path(sys.argv[0])
    if called.parts[-2:] == ("crm_core", "__main__.py"):
        return f"{Path(sys.executable).name} -m crm_core"
    return "crm" if called.name != "crm" or shutil.which("crm") == str(called) else str(called)
