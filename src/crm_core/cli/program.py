"""The program as a whole: its verbs, wherever they are installed, its help and its exit codes."""

import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.core
import typer.rich_utils

import crm_core
import crm_core.cli
from crm_core.cli.desk import Desk
from crm_core.cli.failures import MEANINGS, UNUSABLE, BadUsage, code_of
from crm_core.cli.verbs import Json, Load, Url, Verbs
from crm_core.extending import loaded_point
from crm_core.kernel.errors import ModuleShadowed

_EPILOG = f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in MEANINGS.items())}."

Version = Annotated[bool, typer.Option("--version", help="Say which version this is.")]


class Program(typer.core.TyperGroup):
    """Tells wrong usage as every other error is told."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and leave with the exit code."""
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(arguments, prog_name, complete_var, False, windows_expand_args, **extra)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            Desk(as_json="--json" in arguments).fail(BadUsage(f"{error.format_message()} (crm --help)"))
            code = UNUSABLE
        sys.exit(code if isinstance(code, int) else 0)


def build() -> typer.Typer:
    """The program with the core's verbs and those of every installed ring."""
    app = typer.Typer(
        name="crm", cls=Program, epilog=_EPILOG, add_completion=False, invoke_without_command=True,
        pretty_exceptions_enable=False, rich_markup_mode="rich",
    )  # fmt: skip
    app.callback()(crm)
    verbs = Verbs(app)
    verbs.add_package(crm_core.cli, "The log")
    for point in sorted(importlib.metadata.entry_points(group="crm_core.commands"), key=lambda one: one.name):
        loaded_point(point)(verbs)
    return app


def crm(
    context: typer.Context, url: Url = None, load: Load = None, as_json: Json = False, version: Version = False
) -> None:
    """Ask a customer history: what happened, who did it, how it stands, and whether it is intact.

    Begin with `crm demo`; then every other verb has something to show.
    """
    context.obj = Desk(url, as_json, load=tuple(load or ()))
    if version:
        sys.stdout.write(f"crm-core {crm_core.__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help())
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run the program; its exit code."""
    typer.rich_utils.FORCE_TERMINAL = None  # a terminal is a terminal, on whatever machine
    if os.environ.get("NO_COLOR"):
        typer.rich_utils.COLOR_SYSTEM = None
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        build()(list(arguments), prog_name="crm")
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0
    except ModuleShadowed as error:
        Desk(as_json="--json" in arguments).fail(error)
        return code_of(error)
    return 0
