"""The distribution as others get it: light to import, typed, complete, and one sentence where an extra is missing."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import crm_core
from crm_core import surface

ROOT = Path(__file__).parent.parent
PACKAGES = ("crm_core", "projections", "policies")
HEAVY = [
    "typer",
    "rich",
    "psycopg",
    "apscheduler",
    "eventsourcing",
    "sqlite3",
    "cryptography",
    "phonenumbers",
]


def python(code: str, *, interpreter: str = sys.executable, folder: Path = ROOT) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [interpreter, "-c", code], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocking(*names: str) -> str:
    """Code that makes modules look as if they were not installed."""
    return f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
"""


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [("import crm_core", HEAVY), ("from crm_core import CRM", ["typer", "rich", "psycopg", "apscheduler"])],
)
def test_importing_the_core_loads_nothing_heavy_and_starts_nothing(statement: str, heavy: list[str]) -> None:
    code = f"""
import json, sys, threading, time
before = time.perf_counter()
{statement}
took = time.perf_counter() - before
loaded = [name for name in {heavy!r} if name in sys.modules]
print(json.dumps([loaded, threading.active_count(), round(took * 1000)]))
"""
    loaded, threads, took = json.loads(python(code))
    assert loaded == []
    assert threads == 1
    print(f"{statement}: {took} ms")  # noqa: T201 - a figure, not an assertion


def test_declaring_a_domain_loads_no_database() -> None:
    code = (
        "import crm_core.events, crm_core.commands, crm_core.kernel.decider, sys; print('eventsourcing' in sys.modules)"
    )
    assert python(code) == "False\n"


def test_everything_public_is_there_and_nothing_else_answers() -> None:
    assert len(set(surface.__all__)) == len(surface.__all__)
    for name in surface.__all__:
        assert getattr(crm_core, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'crm_core' has no attribute 'Crm'"):
        crm_core.Crm  # type: ignore[attr-defined]  # noqa: B018


def test_the_core_needs_what_the_decision_says_and_no_more() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {Requirement(one).name for one in project["dependencies"]} == {
        "apscheduler", "cryptography", "email-validator", "eventsourcing", "phonenumberslite", "psycopg", "pydantic",
    }  # fmt: skip
    decided = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text(encoding="utf-8")
    assert all(Requirement(one).name in decided for one in project["dependencies"])
    installed = [Requirement(one) for one in requires("crm-core") or []]
    assert {one.name for one in installed if one.marker is None} == {
        Requirement(one).name for one in project["dependencies"]
    }


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_cli_extra_the_program_says_in_a_sentence_what_to_install(missing: str) -> None:
    code = f"{blocking(missing)}from crm_core.cli import main; print(main(['status']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "2\n"
    assert done.stderr == "The program crm needs typer and rich: pip install 'crm-core[cli]'\n"


def test_without_extras_and_drivers_the_library_works_on_sqlite() -> None:
    code = blocking("typer", "rich", "psycopg", "psycopg_binary") + (
        "from crm_core import CRM\n"
        "from crm_core.commands import AddContact\n"
        "crm = CRM.open('memory://')\n"
        "print(crm.execute(AddContact(name='Ada'), by='ann').position, crm.settle())\n"
    )
    assert python(code) == "1 1\n"


# -- types --------------------------------------------------------------------------------------------


def checked(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A type checker's run, with this interpreter's environment."""
    beside = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}",
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


@pytest.mark.timeout(400)
@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_symbol_has_a_type(package: str) -> None:
    assert (Path(crm_core.__file__).parent.parent / package / "py.typed").is_file()
    done = checked("pyright", "--verifytypes", package, "--ignoreexternal", "--outputjson")
    found = json.loads(done.stdout)["typeCompleteness"]
    assert found["exportedSymbolCounts"]["withKnownType"] > 100
    unclear = [one["name"] for one in found["symbols"] if one["isExported"] and not one["isTypeKnown"]]
    assert (found["completenessScore"], unclear) == (1, [])


SCRIPT = """
from datetime import date

from crm_core import CRM, Money
from crm_core.commands import OpenDeal, WinDeal
from projections import pipeline

with CRM.open("memory://") as crm:
    roof = crm.execute(OpenDeal(title="New roof", amount=Money("12000", "EUR"), owner="ann"), by="ann")
    won = crm.execute(WinDeal(deal_id=roof.id, amount=Money("11500", "EUR"), closed_on=date(2026, 3, 2)), by="ann")
    reveal_type(crm.view(pipeline, after=won))
    for row in crm.view(pipeline, after=won).where(status="won"):
        reveal_type(row)
        print(row.no_such_field)
    OpenDeal(titel="New roof", amount=Money("12000", "EUR"), owner="ann")
"""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("checker", [("mypy", "--strict", "--no-incremental"), ("pyright",)], ids=lambda one: one[0])
def test_a_host_sees_the_types_of_rows_and_its_slips_of_the_pen(checker: Sequence[str], tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    said = checked(*checker, "script.py", folder=tmp_path).stdout
    assert "View[PipelineRow]" in said.replace("projections.pipeline.", "")
    lines = {line.partition(":")[2].partition(":")[0]: line for line in said.splitlines() if "script.py:" in line}
    assert "PipelineRow" in lines["13"]
    assert "no_such_field" in lines["14"]
    assert "titel" in lines["15"]
    assert "Found 2 errors" in said or said.count(" error: ") == 3, said  # pyright also misses the title itself


@pytest.mark.timeout(400)
@pytest.mark.parametrize("checker", [("mypy", "--strict"), ("pyright",)], ids=lambda one: one[0])
def test_the_example_of_an_extension_has_no_type_error(checker: Sequence[str], tmp_path: Path) -> None:
    example = ROOT / "docs" / "examples" / "visits.py"
    done = checked(*checker, str(example), folder=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(400)
@pytest.mark.parametrize("checker", [("mypy", "--strict"), ("pyright",)], ids=lambda one: one[0])
def test_the_readmes_scripts_have_no_type_error(checker: Sequence[str], tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4, "embed, twice, audit, analyse"
    script = "\n".join(blocks)
    (tmp_path / "script.py").write_text(script + "\nreveal_type(CRM.open('memory://').view(pipeline).rows[0])\n")
    done = checked(*checker, "script.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "PipelineRow" in done.stdout


# -- built and installed ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution, built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), "--target"]
    for target in ("sdist", "wheel"):
        subprocess.run([*command, target], cwd=ROOT, check=True, capture_output=True, timeout=100)
    return folder


def installed(distribution: Path, folder: Path) -> str:
    """The interpreter of a new environment that holds this distribution; the dependencies are borrowed from ours."""
    venv.create(folder, with_pip=True)
    interpreter = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    site = Path(python("import sysconfig; print(sysconfig.get_path('purelib'))", interpreter=interpreter).strip())
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    command = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--ignore-installed",
    ]
    done = subprocess.run(
        [interpreter, *command, str(distribution)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    where = python("import crm_core; print(crm_core.__file__)", interpreter=interpreter, folder=folder)
    assert Path(where.strip()) == site / "crm_core" / "__init__.py"
    return interpreter


def test_the_wheel_holds_the_three_packages_and_all_that_lies_in_them(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    source = ROOT / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    expected = {name for name in files if "__pycache__" not in name and not name.endswith(".db")}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected
    assert {"crm_core/py.typed", "crm_core/store/schema/0001.sqlite.sql", "projections/py.typed"} <= held


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"], ids=["wheel", "sdist"])
def test_it_installs_into_an_empty_environment_and_tells_its_demo_there(kind: str, built: Path, tmp_path: Path) -> None:
    [distribution] = built.glob(kind)
    interpreter = installed(distribution, tmp_path / "environment")
    program = Path(interpreter).with_name("crm")
    said = subprocess.run(
        [program, "demo", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["events"] > 9_000
    assert (tmp_path / "crm-demo.db").is_file()
