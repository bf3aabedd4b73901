"""What the list of followers tells about a view: which versions have a table, and whether one is being built."""

from crm_core.store.port import Transaction

_ALL = "SELECT name FROM crm_followers"
_FORGET = "DELETE FROM crm_followers WHERE name = ?"
_CLAIM = "INSERT INTO crm_followers (name, position, detail) VALUES (?, 0, ?)"
_KEEP = "SELECT 1 FROM crm_followers WHERE name = ? AND detail = ?"
_OWNER = "SELECT detail FROM crm_followers WHERE name = ?"


def building(checkpoint: str) -> str:
    """The mark that a table is being built beside the one of this checkpoint."""
    return f"{checkpoint}/building"


def versions(transaction: Transaction, view: str) -> dict[int, list[str]]:
    """Version of a view → the marks that belong to it, for each that has a table in this database."""
    found: dict[int, list[str]] = {}
    for (mark,) in transaction.execute(_ALL).fetchall():
        name, _, rest = mark.partition("/")
        number = rest.partition("/")[0]
        if name == view and number.isdigit():
            found.setdefault(int(number), []).append(mark)
    return found


def forget(transaction: Transaction, mark: str) -> None:
    """Remove a mark."""
    transaction.execute(_FORGET, [mark])


def claim(transaction: Transaction, mark: str, owner: str) -> None:
    """Put one's own mark there, in place of whoever's was."""
    transaction.execute(_FORGET, [mark])
    transaction.execute(_CLAIM, [mark, owner])


def keep(transaction: Transaction, mark: str, owner: str) -> bool:
    """Whether the mark is still one's own; nobody else can claim it before the transaction ends.

    Others of the same owner can keep it at the same time. SQLite has one writer at a time anyway.
    """
    locked = " FOR SHARE" if transaction.dialect.name == "postgres" else ""
    return transaction.execute(f"{_KEEP}{locked}", [mark, owner]).fetchone() is not None


def owner_of(transaction: Transaction, mark: str) -> str | None:
    """Whose mark it is; None: nobody's, it is not there."""
    found = transaction.execute(_OWNER, [mark]).fetchone()
    return None if found is None else str(found[0])
