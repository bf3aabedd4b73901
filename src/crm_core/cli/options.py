"""Options that several verbs share."""

from typing import Annotated

import typer

Moment = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="MOMENT", help="A day (its end), an instant or a position (#123).", show_default=False
    ),
]
Zone = Annotated[
    str, typer.Option("--tz", metavar="ZONE", help="The time zone of days and of times without an offset.")
]
Axis = Annotated[
    str, typer.Option("--axis", metavar="AXIS", help="Which time counts: recorded (when we learnt it) or occurred.")
]
