"""What one may ask to be recorded about what was said and done."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crm_core.interaction.events import CallOutcome, Direction, NoteKind
from crm_core.kernel.fields import Line, Seconds, Text
from crm_core.kernel.ids import ContactId, DealId, LeadId, TicketId
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Private, Public


class _Interaction(Command):
    ticket_id: Public[TicketId | None] = None
    deal_id: Public[DealId | None] = None
    lead_id: Public[LeadId | None] = None
    contact_id: Public[ContactId | None] = None

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if not (self.ticket_id or self.deal_id or self.lead_id or self.contact_id):
            raise PydanticCustomError("regarding", "needs a ticket_id, deal_id, lead_id or contact_id")
        return self


class HoldDemo(_Interaction):
    """Record that the product was shown, with the concerns raised and the next step agreed.

    Raises:
        NotOnRecord: the ticket, deal, lead or contact is not on record.
        PersonIsForgotten: the person was forgotten.
    """

    concerns: Private[Annotated[tuple[Text, ...], Field(max_length=50)]] = ()
    next_step: Private[Line | None] = None
    attendees: Private[Annotated[tuple[Line, ...], Field(max_length=200)]] = ()
    summary: Private[Text | None] = None
    duration_s: Public[Seconds | None] = None


class LogCall(_Interaction):
    """Record a call, answered or not.

    Raises:
        NotOnRecord: the ticket, deal, lead or contact is not on record.
        PersonIsForgotten: the person was forgotten.
    """

    direction: Public[Direction] = "outbound"
    outcome: Public[CallOutcome] = "connected"
    duration_s: Public[Seconds | None] = None
    participants: Private[Annotated[tuple[Line, ...], Field(max_length=200)]] = ()
    summary: Private[Text | None] = None


class HoldMeeting(_Interaction):
    """Record a meeting that was not a demo.

    Raises:
        NotOnRecord: the ticket, deal, lead or contact is not on record.
        PersonIsForgotten: the person was forgotten.
    """

    topic: Private[Line]
    attendees: Private[Annotated[tuple[Line, ...], Field(max_length=200)]] = ()
    summary: Private[Text | None] = None
    next_step: Private[Line | None] = None
    duration_s: Public[Seconds | None] = None


class AddNote(_Interaction):
    """Write down something worth knowing: a plain note, a concern or an interest.

    Raises:
        NotOnRecord: the ticket, deal, lead or contact is not on record.
        PersonIsForgotten: the person was forgotten.
    """

    text: Private[Text]
    kind: Public[NoteKind] = "note"
