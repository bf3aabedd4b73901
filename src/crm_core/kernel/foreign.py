"""What a host adds to the log under its own prefix, as it looks where the host's code is not loaded."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import field_serializer

from crm_core.kernel.errors import UnknownEventType
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import Public

OURS = "crm_core"
_WORD = r"[a-z][a-z0-9_]*"
_NAME = re.compile(rf"(?:(?P<host>{_WORD})\.)?(?P<noun>{_WORD})\.{_WORD}")
_RESERVED = frozenset({"crm", OURS})


class Foreign(Event, declared=False):
    """A host's fact that this process cannot read: its code is not loaded, or is older than the fact.

    `type` and `type_version` are as stored, `public` is the public part as stored, a JSON object; `sealed`
    names the personal fields, whose values stay sealed. Never written: it stands for what is in the log.
    """

    type: Public[str]
    type_version: Public[int]
    public: Public[str]
    sealed: Public[tuple[str, ...]] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """The public part, parsed."""
        parsed: dict[str, Any] = json.loads(self.public)
        return parsed

    @property
    def sentence(self) -> str:
        """What can be said of it."""
        return f"{words_of(self.type)} (known to an extension that is not loaded)"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: the public part as the object that it is."""
        return self.model_dump(mode="json")

    @field_serializer("public", when_used="json")
    def _as_json(self, public: str) -> Any:
        return json.loads(public)


def host_of(name: str) -> str | None:
    """The prefix in front of a host's type, `acme` in `acme.visit.recorded`; None: a type of this library."""
    host, dot, _ = name.partition(".")
    return host if dot and name.count(".") > 1 else None


def noun_of(name: str, module: str) -> str:
    """The noun in a type's name, if a class of that module may have that name.

    Raises:
        ValueError: it may not; says why.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"must be 'noun.participle', or 'host.noun.participle' outside this library, not {name!r}")
    host, ours = found["host"], module.partition(".")[0] == OURS
    if ours and host is not None:
        raise ValueError(f"must be 'noun.participle', not {name!r}: only a host's types have a prefix")
    if not ours and host is None:
        raise ValueError(
            f"must begin with a prefix of your own, such as 'acme.{name}': whoever reads the log without your code "
            f"passes such a type over, and no later version of this library will ever use it"
        )
    if host in _RESERVED:
        raise ValueError(f"must not begin with {host!r}, which is this library's")
    return found["noun"]


def words_of(name: str) -> str:
    """A type's name as words."""
    return name.replace(".", " ").replace("_", " ")


def barrier(unknown: Iterable[UnknownEventType], types: Sequence[str] | None) -> UnknownEventType | None:
    """The first of these unknown facts that a follower of these types (None: of all) must not pass.

    Any type of this library is such a barrier: a newer version wrote it, and may have meant it for every
    reader. A host's type is one only for a follower that follows types with the same prefix, whose code is
    then older than the fact; to others it is none of their business. A follower of everything is given
    it as `Foreign`.
    """
    hosts = {host_of(name) for name in types or ()}
    stops = (one for one in unknown if (host := host_of(one.type_name)) is None or host in hosts)
    return min(stops, key=lambda one: one.position or 0, default=None)
