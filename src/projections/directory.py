"""The directory: who and what we know, under the name it goes by, to be found by a part of it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from crm_core.events import (
    AccountAdded,
    AccountRenamed,
    ContactAdded,
    ContactRenamed,
    DealOpened,
    LeadCaptured,
    TicketOpened,
)
from crm_core.kernel.personal import ERASED, Erased, PersonalMark
from crm_core.kernel.recorded import Recorded
from crm_core.kernel.replacing import replace
from projections.engine.projection import projection

Follows: TypeAlias = (
    AccountAdded | AccountRenamed | ContactAdded | ContactRenamed | DealOpened | LeadCaptured | TicketOpened
)
Theirs: TypeAlias = Annotated[str | Erased, PersonalMark("person_id")]


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """A contact, lead, account, deal or ticket.

    `person_id` is the person that name and e-mail belong to; None for an account. `found_by` is what
    one may look for, in lower case: name, e-mail and company.
    """

    id: UUID
    kind: Literal["contact", "lead", "account", "deal", "ticket"]
    name: Theirs
    email: Annotated[str | Erased | None, PersonalMark("person_id")]
    found_by: Theirs
    person_id: UUID | None


def _key(event: Follows, seen: Recorded) -> UUID:
    return seen.stream


@projection("directory", version=1, key=_key)
def directory(row: DirectoryRow | None, event: Follows, seen: Recorded) -> DirectoryRow | None:
    """The entry after one more fact."""
    match event:
        case ContactAdded(name=name, email=email):
            return DirectoryRow(seen.stream, "contact", name, email, _found_by(name, email), seen.subject)
        case LeadCaptured(name=name, email=email, company=company):
            shown = name if name is not None else company if company is not None else ""
            return DirectoryRow(seen.stream, "lead", shown, email, _found_by(name, email, company), seen.subject)
        case AccountAdded(name=name):
            return DirectoryRow(seen.stream, "account", name, None, _found_by(name), None)
        case DealOpened(title=title):
            return DirectoryRow(seen.stream, "deal", title, None, _found_by(title), seen.subject)
        case TicketOpened(subject=subject):
            return DirectoryRow(seen.stream, "ticket", subject, None, _found_by(subject), seen.subject)
        case _ if row is None:
            return None
        case AccountRenamed(name=name) | ContactRenamed(name=name):
            return replace(row, name=name, found_by=_found_by(name, row.email))


def _found_by(*values: str | Erased | None) -> str | Erased:
    """The texts in lower case, one a line; gone as soon as one of them is."""
    texts = [value.casefold() for value in values if isinstance(value, str)]
    return ERASED if any(isinstance(value, Erased) for value in values) else "\n".join(texts)


def find(transaction: Any, text: str, limit: int = 20) -> list[DirectoryRow]:
    """Who or what has this identifier, or this part of a name, e-mail or company, whatever its case.

    Args:
        transaction: where to read.
        text: an identifier, or a part; blank: everything.
        limit: at most so many.
    """
    wanted = text.strip().casefold()
    try:
        found = directory.select(transaction, {"id": UUID(wanted)})
    except ValueError:
        found = []
    return found or directory.table.containing(transaction, "found_by", wanted, limit)
