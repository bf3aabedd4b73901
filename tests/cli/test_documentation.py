"""What docs/reference/cli.md says of the program is what the program does."""

import re
import sys
import types
from pathlib import Path

import pytest
import typer

from crm_core.cli.failures import MEANINGS
from crm_core.cli.program import build
from tests.cli.conftest import Demo, run_crm

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
PROGRAM = typer.main.get_command(build())
VERBS = sorted(PROGRAM.commands)  # type: ignore[attr-defined]


def section(verb: str) -> str:
    found = re.search(rf"^### `crm {verb}[ `].*?(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"no section about crm {verb}"
    return found[0]


def test_every_verb_that_should_be_there_is() -> None:
    assert sorted(
        ["backup", "demo", "explain", "find", "history", "init", "migrate", "pipeline", "policies", "rebuild", "replay",
         "retention", "run", "show", "status", "timeline", "verify"]
    ) == VERBS  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_every_option_of_it_is_documented(verb: str) -> None:
    command = PROGRAM.commands[verb]  # type: ignore[attr-defined]
    assert command.help
    said = run_crm(verb, "--help")
    assert said.code == 0
    shared = {"--url", "--load", "--json", "--help", "--tz", "--axis"}
    for parameter in command.params:
        for option in set(parameter.opts) - shared:
            if option.startswith("--"):
                assert f"`{option}" in section(verb), option


@pytest.mark.parametrize("option", ["--url", "--load", "--json", "--tz", "--axis", "--as-of"])
def test_options_that_verbs_share_are_documented_once(option: str) -> None:
    assert f"`{option}" in PAGE.partition("### `crm ")[0]


@pytest.mark.parametrize("code", MEANINGS)
def test_every_exit_code_is_documented_and_in_the_help(code: int) -> None:
    assert f"| {code} | {MEANINGS[code]}" in PAGE
    assert f"{code} {MEANINGS[code]}" in " ".join(run_crm("--help").out.split())


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/first-steps.md"])
def test_what_a_page_says_is_printed_is_printed(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```\n\n^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == text.count("```python")
    namespace: dict[str, object] = {"__name__": "page"}
    monkeypatch.setitem(sys.modules, "page", types.ModuleType("page"))
    for code, printed in blocks:
        exec(compile(code, page, "exec"), namespace)  # noqa: S102 - the page's own code
        assert capsys.readouterr().out == printed


def test_the_history_in_the_readme_is_the_demos(told: Demo) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(
        r"^\$ \.venv/bin/crm (history .*) --url sqlite:///crm-demo\.db\n((?:.*\n)*?)^```$", text, re.MULTILINE
    )
    assert found
    assert run_crm(*found[1].split(), "--url", told.url, COLUMNS="122").out == found[2]
