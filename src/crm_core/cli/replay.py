"""`crm replay`: recorded histories against the code that is installed now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.failures import CHECK_FAILED, BadUsage
from crm_core.cli.look import heading, note, stack, table
from crm_core.cli.options import Moment, Zone
from crm_core.following import Follower
from crm_core.testing.histories import lines_of, read
from crm_core.testing.replaying import Difference, Replayed, record
from crm_core.testing.replaying import replay as replayed

Check = Annotated[
    list[Path] | None,
    typer.Option("--check", metavar="FILE", help="Replay this file, or every .jsonl of a folder; may be repeated."),
]
Record = Annotated[
    Path | None,
    typer.Option("--record", metavar="FILE", help="Write history and rows to a new file."),
]
Things = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="With --record: only these.", show_default=False),
]
Personal = Annotated[bool, typer.Option("--personal", help="With --record: personal values too, not withheld.")]


def replay(
    desk: Desk, things: Things = None, check: Check = None, record: Record = None, personal: Personal = False,
    as_of: Moment = None, tz: Zone = "UTC",
) -> Answer:  # fmt: skip
    """Whether recorded histories still load and fold, to the rows that were recorded. Exit code 1: not so.

    `--record FILE` writes such a file from a database; `--check FILE` needs none.
    """
    if (record is None) == (not check):
        raise BadUsage("crm replay --check FILE, or crm replay --record FILE [ID]...")
    if record is not None:
        return _record(desk, record, things or [], personal, as_of, tz)
    if things:
        raise BadUsage("--check replays whole files; ids belong to --record")
    return _check([file for one in check or () for file in _files(one)], desk.followers)


def _files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    found = sorted(place.glob("*.jsonl"))
    if not found:
        raise BadUsage(f"there is no .jsonl file in {place}")
    yield from found


def _record(desk: Desk, file: Path, things: list[str], personal: bool, as_of: str | None, tz: str) -> Answer:
    if file.exists():
        raise BadUsage(f"{file} is there already; a recorded history is not written over")
    history = record(
        desk.crm, [desk.thing(one) for one in things], desk.moment(as_of, tz, "recorded"), personal=personal
    )
    file.write_text("".join(f"{line}\n" for line in lines_of(history)), encoding="utf-8")
    rows = sum(map(len, history.rows.values()))
    document = {"file": str(file), "events": len(history.facts), "rows": rows, "states": len(history.states)}
    return Answer(
        document, note(f"{file}: {len(history.facts):,} events, {rows:,} rows, {len(history.states):,} states")
    )


def _check(files: list[Path], followers: list[Follower]) -> Answer:
    found = [(file, replayed(read(file), followers)) for file in files]
    ok = all(one.ok for _, one in found)
    document = {"ok": ok, "files": [{"file": str(file), **_document(one)} for file, one in found]}
    events, compared = (sum(getattr(one, name) for _, one in found) for name in ("events", "compared"))
    said = f"{events:,} events of {len(files):,} files replayed, {compared:,} rows and states compared"
    parts: list[Any] = [Text(said, style="green" if ok else "bold red")]
    skipped = sorted({f"not compared: {one}" for _, replayed in found for one in replayed.skipped})
    if skipped:
        parts.append(note("\n".join(skipped), "dim"))
    rows = [_row(file, one) for file, replayed in found for one in replayed.differences]
    if rows:
        columns = ["file", "what", "key", "event", "position", "is otherwise"]
        parts.append(heading(f"{len(rows)} differences"))
        parts.append(table(columns, rows, wraps=["file", "is otherwise"], short="key"))
    return Answer(document, stack(*parts), code=0 if ok else CHECK_FAILED)


def _document(one: Replayed) -> dict[str, Any]:
    return {
        "ok": one.ok, "events": one.events, "folded": one.folded, "compared": one.compared,
        "skipped": one.skipped, "differences": one.differences,
    }  # fmt: skip


def _row(file: Path, one: Difference) -> list[Any]:
    return [file.name, f"{one.where} {one.name}", str(one.key or ""), one.type or "", one.position, one.reason]
