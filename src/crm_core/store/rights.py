"""What the opener of a database may do there."""

from dataclasses import dataclass

from crm_core.store.port import Transaction

_LOG = """SELECT has_table_privilege('{schema}.crm_events', 'INSERT'),
    has_table_privilege('{schema}.crm_followers', 'INSERT') AND has_table_privilege('{schema}.crm_followers', 'UPDATE')
    AND has_schema_privilege('{schema}', 'CREATE')"""
_KEYS = """SELECT CASE WHEN may THEN has_table_privilege('{schema}.crm_keys', 'SELECT') ELSE false END,
    CASE WHEN may THEN has_table_privilege('{schema}.crm_keys', 'INSERT')
    AND has_column_privilege('{schema}.crm_keys', 'key', 'UPDATE')
    AND has_column_privilege('{schema}.crm_keys', 'erased_at', 'UPDATE') ELSE false END
    FROM has_schema_privilege('{schema}', 'USAGE') AS schema (may)"""


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be done: append to the log, fold views and policies, open personal values, destroy keys.

    Where keys may not be read, personal values are withheld, and nothing is folded that would keep them so; where
    they may not be destroyed, forgetting is finished by the next opener who may.
    """

    append: bool = True
    fold: bool = True
    open: bool = True
    forget: bool = True

    @property
    def read_only(self) -> bool:
        """Whether nothing at all may be changed."""
        return not self.append and not self.fold


def of_role(log: Transaction, schema: str, keys: Transaction, keys_schema: str) -> Rights:
    """What the connected PostgreSQL roles were granted."""
    append, fold = log.execute(_LOG.format(schema=schema)).fetchone()
    open_, forget = keys.execute(_KEYS.format(schema=keys_schema)).fetchone()
    return Rights(append=append, fold=fold and open_, open=open_, forget=forget)


def of_reader(rights: Rights) -> Rights:
    """The same for who asked to change nothing."""
    return Rights(append=False, fold=False, open=rights.open, forget=False)
