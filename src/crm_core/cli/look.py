"""How answers look: one kind of table, one kind of heading, one footer that says which moment is told."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from crm_core.cli.plain import readable, tidy
from crm_core.kernel.money import Money
from crm_core.reading import AsOf

_SHORT = 25
_NARROW = 12
_ENDLESS = 10_000
_ACTORS = {"policy": "magenta", "customer": "yellow"}


def heading(text: str, aside: str = "") -> Text:
    """A title, and something beside it in a low voice."""
    return Text.assemble((text, "bold cyan"), ("  ", ""), (aside, "dim"))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    zone: tzinfo = UTC,
    *,
    wraps: Collection[str] = (),
    short: str | None = None,
) -> Table:
    """A table of plain values; amounts and whole numbers to the right.

    `wraps` names the columns that are broken into lines where the terminal is narrow, `short` one that is
    cut to 25 characters; the others are kept whole.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    made.show_header = any(columns)
    cells = [list(row) for row in rows]
    for number, name in enumerate(columns):
        made.add_column(
            Text(name),
            justify="right" if any(_is_number(row[number]) for row in cells) else "left",
            no_wrap=name not in wraps,
            overflow="fold" if name in wraps else "ellipsis",
            min_width=_NARROW if name in wraps else None,
            max_width=_SHORT if name == short else None,
        )
    for row in cells:
        made.add_row(*(one if isinstance(one, Text) else Text(readable(one, zone)) for one in row))
    return made


@dataclass(frozen=True, slots=True)
class Sparing:
    """A table that leaves out columns where the terminal is narrow: those in `spare`, in that order."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    zone: tzinfo = UTC
    wraps: Collection[str] = ()
    short: str | None = None
    spare: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As much as fits."""
        for left_out in range(len(self.spare) + 1):
            made = self._without(self.spare[:left_out])
            if left_out == len(self.spare) or _least(console, options, made) <= options.max_width:
                yield made
                return

    def _without(self, left_out: Sequence[str]) -> Table:
        kept = [number for number, name in enumerate(self.columns) if name not in left_out]
        names = [self.columns[number] for number in kept]
        rows = [[row[number] for number in kept] for row in self.rows]
        return table(names, rows, self.zone, wraps=self.wraps, short=self.short)


@dataclass(frozen=True, slots=True)
class Records:
    """Rows as a table if the terminal is wide enough, else one under the other, a line for each field."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    zone: tzinfo = UTC

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Whichever fits."""
        across = table(self.columns, self.rows, self.zone)
        if Measurement.get(console, options.update(width=_ENDLESS), across).maximum <= options.max_width:
            yield across
            return
        for number, row in enumerate(self.rows, 1):
            if number > 1:
                yield Text()
            down = table(
                ["", f"row {number}"],
                [(name, str(readable(value, self.zone))) for name, value in zip(self.columns, row, strict=True)],
            )
            yield down


def who(actor: str) -> Text:
    """Who did it: users by their login alone, policies in a colour of their own."""
    kind, _, name = actor.partition(":")
    return Text(tidy(name if kind == "user" else actor), _ACTORS.get(kind, ""))


def moment(as_of: AsOf, zone: tzinfo = UTC) -> Text:
    """The footer: which moment the answer speaks of."""
    when = "the beginning" if as_of.instant is None else as_of.instant.astimezone(zone).isoformat(timespec="seconds")
    return Text(f"as of {when} · position {as_of.position} · {as_of.axis} time", style="dim")


def words(lines: Iterable[tuple[str, str]]) -> Table:
    """What to type, and beside it what that is good for."""
    made = Table.grid(padding=(0, 3, 0, 0))
    made.add_column(no_wrap=True, overflow="ellipsis")
    made.add_column(style="dim")
    for typed, why in lines:
        made.add_row(Text(typed), Text(why))
    return made


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


def _least(console: Console, options: ConsoleOptions, made: Table) -> int:
    return Measurement.get(console, options.update(width=_ENDLESS), made).minimum
