"""The program `crm`: one file, one verb; the rings add theirs through the entry-point group `crm_core.commands`."""

import sys
from collections.abc import Sequence

_NEEDED = {"rich", "typer"}
_WITHOUT = "The program crm needs typer and rich: pip install 'crm-core[cli]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the result is its exit code."""
    try:
        from crm_core.cli.program import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write(f"{_WITHOUT}\n")
        return 2
    return run(sys.argv[1:] if arguments is None else list(arguments))
