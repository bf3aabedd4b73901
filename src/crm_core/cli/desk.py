"""Where a verb does its work: the database it asks about, and the terminal it answers on."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any
from uuid import UUID

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from crm_core.app import CRM
from crm_core.cli.failures import BadUsage, as_json_line, line_of
from crm_core.cli.moments import moment_of, zone_of
from crm_core.cli.plain import as_json
from crm_core.extending import extensions, followers_with
from crm_core.following import Follower
from crm_core.kernel.errors import Invalid, NotFound
from crm_core.reading import AsOf, Axis

_WIDE = 120
"""Columns where no terminal says how many there are."""
_PIECE = 8_192
_SHORTEST = 6
_AMBIGUOUS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb says: once for programs, once for people. `code` is the exit code.

    What is `shown` as a string is printed as it is, such as CSV. `foot` is said below, such as the moment
    that the answer speaks of; a verb that quotes another's answer may leave it out.
    """

    document: Any
    shown: RenderableType
    foot: RenderableType | None = None
    code: int = 0


Ask = Callable[..., Answer]
"""Another verb, asked by name: `ask("pipeline", as_of=…)`."""


@dataclass(slots=True)
class Desk:
    """What every verb is given.

    `url` and `load` are what was asked for on the command line; where nothing was, CRM_URL and CRM_LOAD
    count. `verb` asks another verb for its answer.
    """

    url: str | None = None
    as_json: bool = False
    verbs: Callable[[str], Ask] = field(default_factory=lambda: _no_verb)
    load: tuple[str, ...] = ()
    _crm: CRM | None = None

    # -- the database ---------------------------------------------------------------------------

    @property
    def crm(self) -> CRM:
        """The CRM that the URL names, opened when first asked for; never created by asking.

        Raises:
            BadUsage: nobody said which.
            DatabaseUnavailable: there is no such file.
            NotACRMDatabase: nothing is there yet; says how to make it.
            StoreError: it cannot be used; says why.
        """
        if self._crm is None:
            self._crm = CRM.open(self.database, extend=self.extend, create=False)
        return self._crm

    @property
    def database(self) -> str:
        """The URL that was asked for.

        Raises:
            BadUsage: nobody said which.
        """
        url = self.url or os.environ.get("CRM_URL")
        if not url:
            raise BadUsage("which database? say --url sqlite:///FILE or postgresql://…, or set CRM_URL")
        return url

    @property
    def extend(self) -> tuple[str, ...]:
        """The extensions to load beside those that are installed."""
        return self.load or tuple(filter(None, os.environ.get("CRM_LOAD", "").split(os.pathsep)))

    @property
    def followers(self) -> list[Follower]:
        """Every view and policy there is; no database is needed to know.

        Raises:
            CatalogueError: an extension cannot be loaded, or does not fit.
        """
        return followers_with(extensions(self.extend))

    def use(self, url: str) -> None:
        """From now on speak of this database."""
        self.close()
        self.url = url

    def close(self) -> None:
        """Give the database back, if it was opened."""
        if self._crm is not None:
            self._crm.close()
            self._crm = None

    # -- what people mean -----------------------------------------------------------------------

    def ask(self, verb: str, **values: Any) -> Answer:
        """What another verb answers.

        Raises:
            BadUsage: no such verb is installed.
        """
        return self.verbs(verb)(self, **values)

    def moment(self, as_of: str | None, tz: str, axis: str) -> AsOf:
        """The moment that `--as-of`, `--tz` and `--axis` name; without `--as-of`, now.

        Raises:
            Invalid: it is no moment, lies in the future or beyond the log.
        """
        now = self.crm.as_of(None, _axis(axis))
        if as_of is None or now.instant is None:
            return now
        return self.crm.as_of(moment_of(as_of, zone_of(tz), now.instant), _axis(axis))

    def thing(self, text: str) -> UUID:
        """The id that is meant: a whole one, or its first six or more digits.

        Raises:
            Invalid: it is no id, or several begin like that.
            NotFound: nothing on record begins like that.
        """
        digits = text.strip().replace("-", "").lower()
        if not digits or set(digits) - set("0123456789abcdef") or not _SHORTEST <= len(digits) <= 32:  # noqa: PLR2004 - of a UUID
            raise Invalid(
                "command line", [("id", f"must be an id, or its first {_SHORTEST} or more digits; see crm find")]
            )
        if len(digits) == 32:  # noqa: PLR2004 - a whole one
            return UUID(digits)
        found = self.crm.things(digits, _AMBIGUOUS)
        if not found:
            raise NotFound(f"nothing on record has an id that begins with {text}")
        if len(found) > 1:
            several = ", ".join(str(one)[:13] for one in found)
            raise Invalid(
                "id", [("id", f"several begin with {text}: {several}{' …' if len(found) == _AMBIGUOUS else ''}")]
            )
        return found[0]

    # -- the terminal ---------------------------------------------------------------------------

    def say(self, answer: Answer) -> None:
        """Print the answer: one JSON document, or what people read.

        Raises:
            BrokenPipeError: nobody reads it any more.
        """
        if self.as_json:
            _write(f"{as_json(answer.document)}\n")
        elif isinstance(answer.shown, str):
            _write(answer.shown)
        else:
            self._print(answer)

    def _print(self, answer: Answer) -> None:
        console = paper(sys.stdout)
        with console.capture() as printed:
            console.print(answer.shown, soft_wrap=isinstance(answer.shown, Text))
            if answer.foot is not None:
                console.print(Text(), answer.foot, sep="\n")
        text = printed.get()
        if not sys.stdout.isatty():
            text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        _write(text)

    def tell(self, text: str) -> None:
        """A remark while working, on stderr; programs that read JSON are spared it."""
        if not self.as_json:
            paper(sys.stderr).print(Text(text, style="dim"), soft_wrap=True)

    def fail(self, error: BaseException) -> None:
        """Tell the error on stderr: a JSON object, or a line in red."""
        if self.as_json:
            sys.stderr.write(f"{as_json_line(error)}\n")
        else:
            paper(sys.stderr).print(Text(f"crm: {line_of(error)}", style="red"), soft_wrap=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar on the terminal while something takes long: call what it gives with (done, of all)."""
        console = paper(sys.stderr)
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
        with Progress(
            *columns, console=console, transient=True, disable=self.as_json or not colourful(sys.stderr)
        ) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, of: bar.update(task, completed=done, total=of)


def _write(text: str) -> None:
    """To stdout, in pieces: unbuffered, one large write to a pipe that is closed meanwhile seems to succeed."""
    for start in range(0, len(text), _PIECE):
        sys.stdout.write(text[start : start + _PIECE])
    sys.stdout.flush()


def colourful(stream: IO[str]) -> bool:
    """Whether colours and moving bars belong there: on a terminal, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def paper(stream: IO[str]) -> Console:
    """Where to print tables and text; plain text where it is no terminal."""
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _WIDE
    if colourful(stream):
        return Console(file=stream, width=width, highlight=False, emoji=False)
    return Console(file=stream, width=width, highlight=False, emoji=False, color_system=None, force_terminal=False)


def _axis(text: str) -> Axis:
    if text == "recorded":
        return "recorded"
    if text == "occurred":
        return "occurred"
    raise Invalid("command line", [("axis", "must be recorded or occurred")])


def _no_verb(name: str) -> Ask:
    raise BadUsage(f"no verb {name} is installed")
