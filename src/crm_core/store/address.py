"""What a database URL says: which database, and how it is to be opened."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from crm_core.kernel import arguments
from crm_core.kernel.errors import Invalid

_SCHEMES = "memory://, sqlite:///FILE or postgresql://…"
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_LONGEST = 40
"""Characters of a schema or prefix: what is added to them must still fit into a name of PostgreSQL's, 63."""


@dataclass(frozen=True, slots=True)
class Address:
    """A database URL, taken apart and checked.

    `target`: a path, or what libpq is given. `prefix`: what the URL says that views' names begin with;
    None: nothing. `keys`: where the key store lies; None: in its usual place beside the log. `shared`: the
    host's own tables may be in the same SQLite file.
    """

    scheme: Literal["memory", "sqlite", "postgresql"]
    target: str
    schema: str
    prefix: str | None
    durability: str
    keys: str | None
    read_only: bool
    shared: bool = False

    @property
    def keys_target(self) -> str:
        """Where the key store lies."""
        if self.scheme == "sqlite":
            return self.keys or f"{self.target.removesuffix('.db')}.keys.db"
        return self.keys or self.target


def parse(url: str) -> Address:
    """Take a URL apart.

    Raises:
        Invalid: it is none of memory://, sqlite:///FILE, postgresql://…, or an option is wrong.
    """
    arguments.text("url", url)
    try:
        parts = urlsplit(url)
        file = unquote(parts.path[1:], errors="strict")
    except ValueError:
        raise Invalid("url", [("url", f"must be {_SCHEMES}")]) from None
    if "\0" in file:
        raise Invalid("url", [("url", "must not hold NUL")])
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    mode = options.pop("mode", "rw")
    durability = options.pop("durability", "full")
    keys = options.pop("keys", None)
    own_schema = options.pop("schema", None)
    schema = _name("schema", "crm" if own_schema is None else own_schema)
    prefix = options.pop("prefix", None)
    shared = options.pop("shared", "no")
    if shared not in ("no", "yes") or (shared == "yes" and parts.scheme != "sqlite"):
        raise Invalid("url", [("shared", "must be yes or no, and is for sqlite:///FILE: PostgreSQL has schemas")])
    if durability not in ("full", "test"):
        raise Invalid("url", [("durability", "must be full or test")])
    if mode not in ("rw", "ro"):
        raise Invalid("url", [("mode", "must be ro (nothing is changed) or rw")])
    if prefix is not None and (_name("prefix", prefix).startswith(("crm_", "sqlite_")) or parts.scheme == "postgresql"):
        rule = "is for SQLite; PostgreSQL has schema=" if parts.scheme == "postgresql" else "must not begin with crm_"
        raise Invalid("url", [("prefix", rule)])
    if own_schema is not None and parts.scheme in ("memory", "sqlite"):
        raise Invalid(
            "url", [("schema", "is for PostgreSQL; on SQLite a file is a CRM's own, and views can have prefix=")]
        )
    if options and parts.scheme in ("memory", "sqlite"):
        rule = "is no option; there are mode, keys, prefix, shared and durability"
        raise Invalid("url", [(min(options), rule)])
    if parts.fragment:
        raise Invalid("url", [("url", "must not hold #")])
    read_only = mode == "ro"
    if parts.scheme == "memory" and not parts.netloc and not parts.path and keys is None:
        if read_only:
            raise Invalid("url", [("mode", "memory:// is always new: there is nothing to read")])
        return Address("memory", ":memory:", schema, prefix, "memory", keys, read_only)
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        return Address("sqlite", file, schema, prefix, durability, keys, read_only, shared == "yes")
    if parts.scheme in ("postgresql", "postgres"):
        target = f"postgresql://{parts.netloc}{parts.path}?{urlencode(options)}"
        return Address("postgresql", target, schema, prefix, durability, keys, read_only)
    raise Invalid("url", [("url", f"must be {_SCHEMES}")])


def _name(option: str, value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > _LONGEST:
        rule = f"must be at most {_LONGEST} lower-case letters, digits and underscores, not beginning with a digit"
        raise Invalid("url", [(option, rule)])
    return value
