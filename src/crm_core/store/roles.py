"""Separated roles on PostgreSQL: what each may do is written in `schema/roles.postgres.sql`."""

from crm_core.store import migrations
from crm_core.store.port import Transaction

ROLES = ("writer", "projector", "reader", "auditor")
_KNOWN = "SELECT value FROM crm_meta WHERE name = 'roles'"


def names_of(roles: str) -> tuple[str, ...]:
    """The names of the four group roles."""
    return tuple(f"{roles}_{one}" for one in ROLES)


def known(transaction: Transaction) -> str | None:
    """What the names of this database's roles begin with; None: it has none of its own."""
    found = transaction.execute(_KNOWN).fetchone()
    return None if found is None else str(found[0])


def grants(schema: str, roles: str) -> str:
    """The statements that make the roles and grant them the log."""
    return _filled("roles.postgres.sql", schema, roles)


def key_grants(schema: str, roles: str) -> str:
    """The same for the key store, which may lie on another server."""
    return _filled("roles-keys.postgres.sql", schema, roles)


def _filled(name: str, schema: str, roles: str) -> str:
    return migrations.STEPS.sql(name).replace("{schema}", schema).replace("{roles}", roles)
