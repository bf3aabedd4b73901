"""The verbs of the program: functions that are given a desk and give an answer."""

import importlib
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any, get_type_hints

import typer

from crm_core.cli.desk import Answer, Ask, Desk
from crm_core.cli.failures import DEFECT, INTERRUPTED, UNREAD, BadUsage, code_of
from crm_core.kernel.errors import CRMError

Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Which database; or set CRM_URL.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout; errors as JSON on stderr.")]
Load = Annotated[
    list[str] | None,
    typer.Option(
        "--load",
        metavar="MODULE|FILE",
        help="An extension to load; may be said several times; or set CRM_LOAD.",
        show_default=False,
    ),
]


class Verbs:
    """Collects verbs from packages, one module each, and turns them into commands of the program.

    A verb is the function that has its module's name:

    ```python
    def verify(desk: Desk) -> Answer:
        \"\"\"Recompute the log's chain …\"\"\"
    ```

    Its parameters are typer's; `--url`, `--load` and `--json` are added to every one.
    """

    def __init__(self, app: typer.Typer) -> None:
        self._app = app
        self._functions: dict[str, Ask] = {}

    def add_package(self, package: ModuleType, panel: str) -> None:
        """Every module of the package that holds a verb."""
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            name = found.name.rpartition(".")[2]
            function = getattr(importlib.import_module(found.name), name, None)
            if inspect.isfunction(function) and next(iter(inspect.signature(function).parameters), "") == "desk":
                self.add(name, function, panel)

    def add(self, name: str, function: Ask, panel: str) -> None:
        """One verb."""
        self._functions[name] = function
        self._app.command(name, rich_help_panel=panel)(self._command(name, function))

    def named(self, name: str) -> Ask:
        """The verb of that name.

        Raises:
            BadUsage: it is not installed.
        """
        if name not in self._functions:
            raise BadUsage(f"no verb {name} is installed")
        return self._functions[name]

    def _command(self, name: str, function: Ask) -> Callable[..., None]:
        def command(
            context: typer.Context,
            url: str | None = None,
            load: list[str] | None = None,
            as_json: bool = False,
            **values: Any,
        ) -> None:
            given = context.obj or Desk()
            desk = Desk(url or given.url, as_json or given.as_json, self.named, tuple(load or given.load))
            raise typer.Exit(carry_out(desk, lambda: function(desk, **values)))

        hints = get_type_hints(function, include_extras=True)
        own = [
            one.replace(annotation=hints[one.name]) for one in list(inspect.signature(function).parameters.values())[1:]
        ]
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
            *(one.replace(kind=keyword) for one in own),
            inspect.Parameter("url", keyword, default=None, annotation=Url),
            inspect.Parameter("load", keyword, default=None, annotation=Load),
            inspect.Parameter("as_json", keyword, default=False, annotation=Json),
        ]
        command.__name__ = name
        command.__doc__ = function.__doc__
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command


def carry_out(desk: Desk, verb: Callable[[], Answer]) -> int:
    """The exit code of a verb that has said its answer, or its error."""
    try:
        answer = verb()
        desk.say(answer)
        return answer.code
    except CRMError as error:
        desk.fail(error)
        return code_of(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush goes nowhere
        return UNREAD
    except Exception as error:  # noqa: BLE001 - a defect must not look like a result
        if desk.as_json:
            desk.fail(error)
        else:
            traceback.print_exc(file=sys.stderr)
        return DEFECT
    finally:
        desk.close()
