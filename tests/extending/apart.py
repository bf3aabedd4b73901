"""Running a function in a Python of its own: what an extension declares, it declares for the whole process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
VISITS = ROOT / "docs" / "examples" / "visits.py"


def apart(function: Callable[..., None], *arguments: str, **environment: str) -> str:
    """Call a function of a test module in a fresh interpreter; what it printed."""
    code = f"from {function.__module__} import {function.__name__} as work; work(*{arguments!r})"
    return _done([sys.executable, "-c", code], environment)


def program(*arguments: str, code: int = 0, **environment: str) -> str:
    """Run `crm` as people do, in a process of its own; what it printed, errors included."""
    return _done([sys.executable, "-m", "crm_core", *arguments], environment, code)


def _done(command: list[str], environment: dict[str, str], code: int = 0) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("CRM_URL", "CRM_LOAD")}
    done = subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr
