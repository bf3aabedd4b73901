"""README's two commands, its map of the code, and the locks they install."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCE = ROOT / "src"


def first_block(language: str, text: str) -> list[str]:
    """The lines of the first fenced block in that language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"README has no {language} block"
    return found[1].splitlines()


def named_in_map(lines: list[str]) -> set[str]:
    """The paths in a drawn tree: names before the explanation, nested by their indentation."""
    paths: set[str] = set()
    above: list[tuple[int, str]] = []
    for line in lines:
        indentation = len(line) - len(line.lstrip())
        above = [(depth, folder) for depth, folder in above if depth < indentation]
        parent = above[-1][1] if above else ""
        names = re.match(r"(?:[\w./-]+(?:/|\.py)(?:\s+|$))+", line.lstrip())
        if names:
            paths |= {parent + name for name in names[0].split()}
            above.append((indentation, parent + names[0].split()[0]))
    return paths


def test_the_first_block_is_the_demo_and_the_tests() -> None:
    demo, tests = first_block("sh", README)
    assert demo.endswith("crm demo")
    assert "pytest" in tests


def test_ci_runs_the_test_command_of_this_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    [parse] = re.findall(r"^command=.*$", script, re.MULTILINE)
    shell = ["bash", "-euo", "pipefail", "-c", f'{parse}\nprintf %s "$command"']
    taken = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert taken == first_block("sh", README)[1]
    assert '\neval "$command"\n' in script


@pytest.mark.parametrize("lock", sorted(path.name for path in ROOT.glob("*.lock") if path.name != "uv.lock"))
def test_a_lock_pins_by_hash_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "--hash=sha256:" in text
    assert not re.findall(r".*(?://|-index|--find-links).*", text)


def test_the_project_names_no_index() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "index" not in tomllib.loads(text)["tool"].get("uv", {})
    assert "://" not in text


def test_the_map_shows_every_package_and_nothing_that_is_not_there() -> None:
    named = named_in_map(first_block("text", README))
    packages = {f"{path.parent.relative_to(ROOT).as_posix()}/" for path in SOURCE.rglob("*.py")}
    assert packages - named == set(), "packages that the map leaves out"
    assert {path for path in named if not (ROOT / path).exists()} == set(), "in the map, not in the tree"


def test_a_map_is_read_by_its_indentation() -> None:
    drawn = ["src/core/   the core", "  app.py b.py   two files", "  deal/ lead/   nouns", "    x.py", "src/ring/"]
    assert named_in_map(drawn) == {
        "src/core/",
        "src/core/app.py",
        "src/core/b.py",
        "src/core/deal/",
        "src/core/lead/",
        "src/core/deal/x.py",
        "src/ring/",
    }
