"""Who and what a fact is about: opaque random ids, never made from a personal value."""

from hashlib import sha1
from typing import Any, NewType, TypeAlias
from uuid import UUID, SafeUUID

from pydantic import Field

AccountId = NewType("AccountId", UUID)
ContactId = NewType("ContactId", UUID)
DealId = NewType("DealId", UUID)
LeadId = NewType("LeadId", UUID)
MessageId = NewType("MessageId", UUID)
PurchaseId = NewType("PurchaseId", UUID)
SubmissionId = NewType("SubmissionId", UUID)
TaskId = NewType("TaskId", UUID)
TicketId = NewType("TicketId", UUID)

UserId: TypeAlias = str
"""A pseudonymous name for someone who works with the CRM (a login, not an e-mail address)."""
TeamId: TypeAlias = str
"""The name of a team."""

NAMESPACE = UUID("5b1f5b43-5c0e-5d2b-9d5e-0c1d6e9a7c11")
"""Ids of the library's own streams and derived ids hang under this one."""

UNASSIGNED = UUID(int=0)
"""Stands in a command for an id that the command id will decide."""


def new() -> Any:
    """The default of a command field whose id the caller may leave out: the command id decides it."""
    return Field(default=UNASSIGNED, json_schema_extra=_follows_from_the_command_id)


def _follows_from_the_command_id(schema: dict[str, Any]) -> None:
    schema.pop("default", None)
    schema.update(derived=True, description="Left out, it follows from the command id.")


def derived(source: UUID, *parts: object) -> UUID:
    """An id that follows from another: the same parts give the same id, always (RFC 4122, version 5)."""
    name = str(parts[0]) if len(parts) == 1 else "/".join([str(part) for part in parts])
    digest = sha1(source.int.to_bytes(16, "big") + name.encode()).digest()  # noqa: S324 - what the RFC says, no secret
    return made_id(int.from_bytes(digest[:16], "big"), 5)


def made_id(bits: int, version: int) -> UUID:
    """A UUID of these bits. The standard constructor checks its arguments for longer than all the rest takes."""
    made = _blank(UUID)
    _set(made, "int", bits & _FREE | _VARIANT | version << 76)
    _set(made, "is_safe", SafeUUID.unknown)
    return made


_blank, _set = object.__new__, object.__setattr__
_FREE = ~((0xF << 76) | (0x3 << 62))
_VARIANT = 0x2 << 62


def named_stream(noun: str, name: str) -> UUID:
    """The stream of something that has a name of its own, such as a pipeline definition."""
    return derived(NAMESPACE, noun, name)
