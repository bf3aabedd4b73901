"""What docs/reference/cli.md says of the program is what the program does."""

import re
from pathlib import Path

import pytest
import typer

from crm_core.cli.failures import MEANINGS
from crm_core.cli.program import build
from tests.cli.conftest import run_crm

PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
PROGRAM = typer.main.get_command(build())
VERBS = sorted(PROGRAM.commands)  # type: ignore[attr-defined]


def section(verb: str) -> str:
    found = re.search(rf"^### `crm {verb}[ `].*?(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"no section about crm {verb}"
    return found[0]


def test_every_verb_that_should_be_there_is() -> None:
    assert sorted(
        ["demo", "explain", "find", "history", "pipeline", "policies", "rebuild", "retention", "run", "show", "status",
         "timeline", "verify"]
    ) == VERBS  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_every_option_of_it_is_documented(verb: str) -> None:
    command = PROGRAM.commands[verb]  # type: ignore[attr-defined]
    assert command.help
    said = run_crm(verb, "--help")
    assert said.code == 0
    shared = {"--url", "--json", "--help", "--tz", "--axis"}
    for parameter in command.params:
        for option in set(parameter.opts) - shared:
            if option.startswith("--"):
                assert f"`{option}" in section(verb), option


@pytest.mark.parametrize("option", ["--url", "--json", "--tz", "--axis", "--as-of"])
def test_options_that_verbs_share_are_documented_once(option: str) -> None:
    assert f"`{option}" in PAGE.partition("### `crm ")[0]


@pytest.mark.parametrize("code", MEANINGS)
def test_every_exit_code_is_documented_and_in_the_help(code: int) -> None:
    assert f"| {code} | {MEANINGS[code]}" in PAGE
    assert f"{code} {MEANINGS[code]}" in " ".join(run_crm("--help").out.split())
