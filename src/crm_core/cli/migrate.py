"""`crm migrate`: a database of an older version of the library becomes one of this version."""

from typing import Annotated

import typer

from crm_core import upkeep
from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import note

Sql = Annotated[bool, typer.Option("--sql", help="Change nothing; print the statements, for sqlite3 or psql.")]


def migrate(desk: Desk, sql: Sql = False) -> Answer:
    """Bring the tables to this version's schema, one transaction a step. Run by the owner; back up first."""
    if sql:
        statements = upkeep.migration_sql(desk.database)
        return Answer({"sql": statements}, statements)
    done = upkeep.migrate(desk.database)
    moved = done.before != done.after
    said = f"migrated from schema {done.before} to {done.after}" if moved else f"nothing to do: schema {done.after}"
    return Answer(done, note(said, "green"))
