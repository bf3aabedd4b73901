"""The program, run in this process; and one demo, told once and copied for every test that needs it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typer.testing import CliRunner

from crm_core.cli.program import build

_RUNNER = CliRunner(env={"CRM_URL": None, "NO_COLOR": None, "FORCE_COLOR": None, "COLUMNS": None})


@dataclass(frozen=True)
class Said:
    """What the program answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The one JSON object on stderr."""
        assert self.out == ""
        return json.loads(self.err)


Run: TypeAlias = Callable[..., Said]


def run_crm(*arguments: str, **env: str) -> Said:
    """Run the program with these arguments and environment."""
    result = _RUNNER.invoke(build(), list(arguments), env=env, prog_name="crm")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


@dataclass(frozen=True)
class Demo:
    """A demo's database, and what `crm demo --json` said when it made it."""

    file: Path
    document: Any

    @property
    def url(self) -> str:
        """For `--url`."""
        return f"sqlite:///{self.file}"

    @property
    def deal(self) -> str:
        """The deal that was won."""
        return str(self.document["story"]["deal"]["id"])

    @property
    def contact(self) -> str:
        """The customer of the story."""
        return str(self.document["story"]["contact"]["id"])


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo, told once a session; not to be changed."""
    file = tmp_path_factory.mktemp("demo") / "demo.db"
    said = run_crm("demo", "--db", str(file), "--json")
    assert said.code == 0, said.err
    return Demo(file, said.document)


@pytest.fixture
def demo(told: Demo, tmp_path: Path) -> Demo:
    """A copy of the demo that the test may change."""
    for name in ("demo.db", "demo.keys.db"):
        shutil.copy(told.file.parent / name, tmp_path / name)
    return Demo(tmp_path / "demo.db", told.document)


@pytest.fixture
def crm(demo: Demo) -> Run:
    """The program, asked about a copy of the demo."""
    return lambda *arguments, **env: run_crm(*arguments, **{"CRM_URL": demo.url, **env})
