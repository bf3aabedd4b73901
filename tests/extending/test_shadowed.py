"""A foreign `projections` or `policies` is reported by name and path: both are words that other code uses too."""

import json
from pathlib import Path

import pytest

import crm_core
from crm_core import CRM
from crm_core.errors import ModuleShadowed
from tests.extending.apart import apart, program


def shadowed(name: str, found: str, *distributions: str) -> None:
    with pytest.raises(ModuleShadowed) as caught:
        CRM.open("memory://")
    assert (caught.value.module, caught.value.found, caught.value.distributions) == (name, found, distributions)
    assert str(caught.value).startswith(f"the module {name} that Python finds ({found}")
    assert "rename it" in str(caught.value)
    CRM.open("memory://", follow=[]).close()


@pytest.mark.parametrize("name", ["projections", "policies"])
def test_a_module_in_front_of_ours_is_named_with_its_path(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text("raise RuntimeError('somebody else ran me')\n")
    apart(shadowed, name, str(file), PYTHONPATH=str(tmp_path))


def test_the_program_names_it_too(tmp_path: Path) -> None:
    (tmp_path / "projections").mkdir()
    (tmp_path / "projections" / "__init__.py").touch()
    said = program("status", "--url", "memory://", "--json", code=2, PYTHONPATH=str(tmp_path))
    assert json.loads(said)["error"] == "ModuleShadowed"
    said = program("status", "--url", "memory://", code=2, PYTHONPATH=str(tmp_path))
    assert said.startswith(f"crm: the module projections that Python finds ({tmp_path}")
    assert said.count("\n") == 1


@pytest.mark.parametrize("content", ["", "import no_such_module_xyz\n"])
def test_a_distribution_that_wrote_over_ours_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "crm_core").symlink_to(Path(crm_core.__file__).parent)
    (tmp_path / "policies").symlink_to(Path(crm_core.__file__).parent.parent / "policies")
    package = tmp_path / "projections"
    package.mkdir()
    (package / "__init__.py").write_text(content)
    info = tmp_path / "map_projections-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: map-projections\nVersion: 2.0\n")
    (info / "top_level.txt").write_text("projections\n")
    apart(shadowed, "projections", str(package / "__init__.py"), "map-projections", PYTHONPATH=str(tmp_path))
