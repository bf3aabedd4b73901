"""The page that shows how to add a domain of one's own shows the file that the tests load, and what it prints."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.extending.apart import ROOT, VISITS

PAGE = (ROOT / "docs" / "how-to" / "add-your-own-domain.md").read_text(encoding="utf-8")
EXAMPLE, SCRIPT = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_shows_the_whole_file() -> None:
    assert VISITS.read_text(encoding="utf-8") == EXAMPLE


def test_what_the_page_says_is_printed_is_printed(tmp_path: Path) -> None:
    shutil.copy(VISITS, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=True
    )
    [printed] = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert done.stdout == printed


def test_with_the_settings_of_the_page_the_linter_leaves_annotations_alone(tmp_path: Path) -> None:
    (tmp_path / "visits.py").write_text(f"from __future__ import annotations\n{EXAMPLE}")
    blocks = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    settings = "".join(block for block in blocks if "ruff" in block).replace("src/acme/crm/**", "visits.py")
    (tmp_path / "pyproject.toml").write_text(f'[tool.ruff.lint]\nselect = ["TC"]\n\n{settings}')
    assert linted(tmp_path) == 0
    assert linted(tmp_path, "--isolated", "--select", "TC") == 1, "without the settings it would move them"


def linted(folder: Path, *options: str) -> int:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", *options, "visits.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False).returncode
