"""Who may know whom, where the import contracts in pyproject.toml cannot say it; and what pure code may not touch."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}
RINGS = [name for name in MODULES if name.split(".")[0] in {"projections", "policies"}]

PUBLISHED = ("events", "commands", "errors", "kernel", "app", "following", "testing")
ENGINES = ("projections.engine", "policies.engine")
VERBS = ("projections.verbs", "policies.verbs")

WORLDLY = (
    "crm_core.__main__",
    "crm_core.app",
    "crm_core.aside",
    "crm_core.cli",
    "crm_core.exchange",
    "crm_core.following",
    "crm_core.forgetting",
    "crm_core.in_force",
    "crm_core.store",
    "crm_core.testing",
    "crm_core.writing",
    "policies.engine",
    "projections.console",
    "projections.engine",
)
TOUCHES = {
    "builtins.input",
    "builtins.open",
    "builtins.print",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "os.environ",
    "os.getenv",
    "os.urandom",
    "time.monotonic",
    "time.sleep",
    "time.time",
    "uuid.uuid1",
    "uuid.uuid4",
}
WORLDLY_LIBRARIES = {"asyncio", "http", "random", "secrets", "socket", "subprocess", "threading", "urllib"}
THE_CLOCK = ("crm_core.kernel.time", "datetime.datetime.now")  # SystemClock: the one clock there is to inject


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Whether the module is one of these or lies in one of them."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(name in this file, what it stands for) for every import, also inside functions."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0], alias.name)
            case ast.ImportFrom(module=str(module), names=names):
                for alias in names:
                    yield alias.asname or alias.name, f"{module}.{alias.name}"
            case _:
                pass


def beyond_the_published_language(module: str, source: str) -> list[str]:
    """What a ring's module imports of the core that is not published."""
    allowed = tuple(f"crm_core.{name}" for name in PUBLISHED)
    if within(module, ENGINES):
        allowed += ("crm_core.store.port",)
    if within(module, VERBS):
        allowed += ("crm_core.cli",)
    core = {target for _, target in imported(ast.parse(source)) if within(target, ("crm_core",))}
    surface = {
        target for target in core if target.count(".") == 1 and target not in MODULES
    }  # `from crm_core import CRM`
    return sorted(target for target in core - surface if not within(target, allowed))


def touches(module: str, source: str) -> list[str]:
    """Which clocks, dice, files and environment a module reaches for by itself."""
    tree = ast.parse(source)
    names = dict(imported(tree))
    found = {target for target in names.values() if target.split(".")[0] in WORLDLY_LIBRARIES}
    for node in ast.walk(tree):
        dotted = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        first, _, rest = dotted.partition(".")
        meant = f"{names.get(first, f'builtins.{first}')}{'.' if rest else ''}{rest}"
        if meant in TOUCHES and (module, meant) != THE_CLOCK:
            found.add(meant)
    return sorted(found)


@pytest.mark.parametrize("module", RINGS)
def test_a_ring_speaks_only_the_published_language(module: str) -> None:
    assert beyond_the_published_language(module, MODULES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", [name for name in MODULES if not within(name, WORLDLY)])
def test_pure_code_is_given_its_clock_its_ids_and_its_data(module: str) -> None:
    assert touches(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_the_core_is_looked_at() -> None:
    assert {"crm_core.kernel.money", "crm_core.kernel.time"} <= set(MODULES)


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("projections.pipeline", "from crm_core.deal.deal import Deal", ["crm_core.deal.deal.Deal"]),
        ("policies.engine.runner", "import crm_core.store.sqlite", ["crm_core.store.sqlite"]),
        ("policies.nudge", "from crm_core.store.port import Port", ["crm_core.store.port.Port"]),
        ("policies.engine.runner", "from crm_core.store.port import Port", []),
        ("policies.nudge", "from crm_core.events import DealWon\nfrom crm_core import CRM", []),
        ("policies.nudge", "from crm_core import kernel", []),
    ],
)
def test_a_ring_that_knows_too_much_is_found(module: str, source: str, found: list[str]) -> None:
    assert beyond_the_published_language(module, source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from datetime import datetime, UTC\ndef f(): return datetime.now(UTC)", ["datetime.datetime.now"]),
        ("import datetime as d\nx = d.date.today()", ["datetime.date.today"]),
        ("from uuid import uuid4, uuid5\nfield(default_factory=uuid4)", ["uuid.uuid4"]),
        ("def f():\n    import random", ["random"]),
        ("with open('x') as f: pass", ["builtins.open"]),
        ("from datetime import datetime\ndef f(clock): return clock.now(), datetime.min", []),
    ],
)
def test_code_that_reaches_for_the_world_is_found(source: str, found: list[str]) -> None:
    assert touches("crm_core.deal.deal", source) == found
