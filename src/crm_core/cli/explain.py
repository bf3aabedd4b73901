"""`crm explain`: who records a fact, who shows it, who answers it, and where that is written."""

import difflib
from typing import Annotated

import typer
from rich.text import Text

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.explanations import Explanation, explanations
from crm_core.kernel.errors import NotFound

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="An event type (deal.won), a command (WinDeal), a view or a policy.")
]


def explain(desk: Desk, name: Name) -> Answer:
    """What happens around an event, command, view or policy, with file and line; read from the code's annotations."""
    known = explanations(desk.followers)
    found = [one for one in known if name in (one.name, one.also)]
    if not found:
        near = difflib.get_close_matches(name, [one.name for one in known], 3, 0.5)
        raise NotFound(f"nothing is called {name}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    documents = [one.as_dict() for one in found]
    return Answer(documents[0] if len(documents) == 1 else documents, Text("\n\n").join(map(_shown, found)))


def _shown(one: Explanation) -> Text:
    text = Text()
    text.append(one.title, "bold cyan")
    text.append(f"  {one.meaning}")
    text.append(f"  [{one.place}]\n", "dim")
    width = max(
        (len(line.what) for lines in one.lines.values() for line in lines if line.aside or line.place), default=0
    )
    for relation, lines in one.lines.items():
        for number, line in enumerate(lines):
            text.append(f"  {relation if not number else '':<16}", "green")
            text.append(f"{line.what:<{width if line.aside or line.place else 0}}")
            text.append(f"  {line.aside}" if line.aside else "", "dim" if not line.place else "")
            text.append(f"  [{line.place}]" if line.place else "", "dim")
            text.append("\n")
    text.rstrip()
    return text
