"""How answers look: one kind of table, one kind of heading, one footer that says which moment is told."""

from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crm_core.cli.plain import readable, tidy
from crm_core.kernel.money import Money
from crm_core.reading import AsOf


def heading(text: str, aside: str = "") -> Text:
    """A title, and something beside it in a low voice."""
    return Text.assemble((text, "bold cyan"), ("  ", ""), (aside, "dim"))


def table(columns: Iterable[str], rows: Iterable[Sequence[Any]], zone: tzinfo = UTC, *, wraps: str = "") -> Table:
    """A table of plain values; amounts and whole numbers to the right.

    `wraps` names the column that is broken into lines where the terminal is narrow; the others are kept whole.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    cells = [list(row) for row in rows]
    for number, name in enumerate(columns):
        right = any(_is_number(row[number]) for row in cells)
        made.add_column(
            Text(name), justify="right" if right else "left", no_wrap=name != wraps, overflow="fold" if name == wraps else "ellipsis",
            ratio=1 if name == wraps else None,
        )  # fmt: skip
    for row in cells:
        made.add_row(*(one if isinstance(one, Text) else Text(readable(one, zone)) for one in row))
    return made


def moment(as_of: AsOf, zone: tzinfo = UTC) -> Text:
    """The footer: which moment the answer speaks of."""
    when = "the beginning" if as_of.instant is None else as_of.instant.astimezone(zone).isoformat(timespec="seconds")
    return Text(f"as of {when} · position {as_of.position} · {as_of.axis} time", style="dim")


def note(text: str, style: str = "") -> Text:
    """A line of text that may quote what others wrote."""
    return Text(tidy(text), style=style)


def stack(*parts: RenderableType) -> Group:
    """One under the other, a blank line between."""
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [Text(), part] if spaced else [part]
    return Group(*spaced)


def _is_number(value: Any) -> bool:
    return isinstance(value, Money) or (isinstance(value, int | float) and not isinstance(value, bool))
