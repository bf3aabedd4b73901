"""docs/reference/errors.md, made from the tree of errors: `python -m tests.error_page` writes it."""

import inspect
import pkgutil
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from crm_core.cli.failures import code_of
from crm_core.errors import CRMError
from crm_core.kernel.errors import OURS, PAGE
from crm_core.web import http_status

FILE = Path(__file__).parent.parent / PAGE
_HEAD = """\
# Errors

Every error is a `CRMError`, and says the same of itself to programs in every place: `error.as_dict()` has its `code`,
its `message`, its `attributes` and in `doc` the place on this page. A code never changes. The command line tells the
same object with `--json`; [over HTTP](../how-to/serve-over-http.md) it becomes a problem document. No message and no
attribute holds a personal value. Errors are equal if they say the same, and can be pickled.

Made from the docstrings by `python -m tests.error_page`; a test fails where it is stale.

"""


@dataclass(frozen=True, slots=True)
class Explained:
    """What an error's docstring says."""

    meaning: str
    when: str
    do: str
    attributes: dict[str, str]


def every_error() -> list[type[CRMError]]:
    """The tree of this distribution, each class after the one it is a kind of."""
    for package in OURS:
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    return [one for one in _below(CRMError) if one.__module__.partition(".")[0] in OURS]


def _below(kind: type[CRMError]) -> list[type[CRMError]]:
    kinds = sorted(dict.fromkeys(kind.__subclasses__()), key=lambda one: one.code)
    return list(dict.fromkeys([kind, *(deeper for one in kinds for deeper in _below(one))]))


def explained(kind: type[CRMError]) -> Explained:
    """What the docstring says, its attributes with those of the errors it is a kind of."""
    told = inspect.cleandoc(kind.__doc__ or "")
    body, _, listed = told.partition("\n\nAttributes:\n")
    found = re.fullmatch(r"(?P<meaning>.*)\n\nWhen: (?P<when>.*)\nDo: (?P<do>.*)", body, re.DOTALL)
    if found is None:
        raise ValueError(f"{kind.__name__}: its docstring does not say `When:` and `Do:`")
    inherited = explained(parent).attributes if issubclass(parent := kind.__bases__[0], CRMError) else {}
    own = dict(re.findall(r"^    (\w+): (.*)$", listed, re.MULTILINE))
    return Explained(found["meaning"], _line(found["when"]), _line(found["do"]), inherited | own)


def _line(text: str) -> str:
    return " ".join(text.split())


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(_section(kind) for kind in every_error())


def _section(kind: type[CRMError]) -> str:
    told = explained(kind)
    parent = kind.__bases__[0]
    of = f", a kind of [`{parent.code}`](#{parent.code})" if issubclass(parent, CRMError) else ""
    numbers = "" if kind is CRMError else f" · HTTP {http_status(kind)} · exit code {code_of(kind.__new__(kind))}"
    lines = [
        f"## {kind.code}",
        "",
        f"`{kind.__name__}`{of}{numbers}",
        "",
        *told.meaning.splitlines(),
        "",
        f"- *When:* {told.when}",
        f"- *Do:* {told.do}",
        *(f"- `{name}`: {meaning}" for name, meaning in told.attributes.items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
