"""The example for PostgreSQL in docs/how-to/join-your-transaction.md runs, on a real server."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "join-your-transaction.md"


@pytest.mark.postgres
def test_the_example_with_psycopg_does_what_it_says(postgres_url: str) -> None:
    [code] = re.findall(r"^## With psycopg\n.*?^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    dsn, _, schema = postgres_url.rpartition("&schema=")
    named = 'url = "postgresql:///shop"\ncrm = CRM.open(url)\n'
    assert named in code
    code = code.replace(named, f"url = {dsn!r}\ncrm = CRM.open({postgres_url!r})\n")
    namespace: dict[str, object] = {"__name__": "page"}
    exec(compile(code, PAGE.name, "exec"), namespace)  # noqa: S102 - the page's own code
    assert schema
    assert namespace["receipt"]
    namespace["crm"].close()  # type: ignore[attr-defined]
