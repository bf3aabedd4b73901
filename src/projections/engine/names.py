"""Names that plain SQL takes without quotes, on SQLite and on PostgreSQL."""

import re

from crm_core.kernel.errors import WiringError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST_VIEW = 30
_LONGEST_COLUMN = 50
RESERVED = frozenset(
    """
    add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary both case
    cast check collate collation column commit concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable deferred delete desc
    distinct do drop else end escape except exists false fetch for foreign freeze from full grant group having if ilike
    in index initially inner insert intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not nothing notnull null offset on only or order outer overlaps placing primary raise
    references regexp returning right select session_user set similar some symmetric system_user table tablesample then
    to trailing transaction true union unique update user using values variadic verbose when where window with
    """.split()
)
"""Words that one of the two databases reads as something else than a name."""


def check_view(name: str) -> str:
    """The name of a view, if it can be one.

    Raises:
        WiringError: it cannot.
    """
    if name.startswith(("crm_", "sqlite_", "pg_")):
        raise WiringError(f"view {name!r}: names that begin with crm_, sqlite_ or pg_ are taken")
    return _checked("view", name, _LONGEST_VIEW)


def check_column(name: str) -> str:
    """The name of a column, if it can be one.

    Raises:
        WiringError: it cannot.
    """
    return _checked("column", name, _LONGEST_COLUMN)


def _checked(what: str, name: str, longest: int) -> str:
    if not _NAME.fullmatch(name) or len(name) > longest:
        raise WiringError(f"{what} {name!r}: must be at most {longest} lower-case letters, digits and underscores")
    if name in RESERVED:
        raise WiringError(f"{what} {name!r}: is a word of SQL; whoever queries the view would have to quote it")
    return name
