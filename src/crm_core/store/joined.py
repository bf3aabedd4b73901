"""Appending inside a transaction that somebody else opened on a connection of their own, and will commit."""

from contextlib import AbstractContextManager

from crm_core.kernel.errors import Invalid
from crm_core.store.port import Database, Transaction


def joining(database: Database, connection: object) -> AbstractContextManager[Transaction]:
    """A part of the caller's transaction in which the log can be read and appended to.

    The log is locked before anything is read, and stays locked until the caller's transaction ends: nothing
    that a decision saw can move. Where the block appended nothing, or fails, the caller's transaction is as it
    was before, the lock included, and can still be used.

    Raises:
        Invalid: the connection is of another kind, of another database, closed, busy, failed, or would
            commit by itself; names `connection`.
        TransactionConflict: others are in the way; the caller's transaction has to be run again.
        DatabaseUnavailable: the connection broke; so its transaction was rolled back.
    """
    if database.durability == "memory":
        raise refused("cannot be given: nobody else can connect to memory://")
    if database.dialect.name == "sqlite":
        from crm_core.store.joined_sqlite import joined_sqlite

        return joined_sqlite(database, connection)
    from crm_core.store.joined_postgres import joined_postgres

    return joined_postgres(database, connection)


def require_connection(connection: object) -> None:
    """Refuse at once what is no connection at all; the rest is found when it is used.

    Raises:
        Invalid: it is none.
    """
    if connection is not None and not hasattr(connection, "cursor"):
        raise refused("must be an open sqlite3.Connection or psycopg.Connection of your own")


def refused(rule: str) -> Invalid:
    """What is wrong with the caller's connection."""
    return Invalid("execute", [("connection", rule)])
