"""Why something cannot be done with a lead."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class LeadAlreadyConverted(Refused):
    """The lead is a contact already; its ids say where to go on."""

    def __init__(self, lead_id: UUID, contact_id: UUID, account_id: UUID | None, deal_id: UUID | None) -> None:
        self.lead_id = lead_id
        self.contact_id = contact_id
        self.account_id = account_id
        self.deal_id = deal_id
        super().__init__(f"lead {lead_id} is already converted to contact {contact_id}")


class LeadIsDisqualified(Refused):
    """The lead was given up; recycle it first."""

    def __init__(self, lead_id: UUID) -> None:
        self.lead_id = lead_id
        super().__init__(f"lead {lead_id} is disqualified: recycle it first")


class LeadNotQualified(Refused):
    """Only a qualified lead converts."""

    def __init__(self, lead_id: UUID, status: str) -> None:
        self.lead_id = lead_id
        self.status = status
        super().__init__(f"lead {lead_id} is {status}, not qualified")


class LeadHasNoOwner(Refused):
    """A deal needs an owner, and neither the lead nor the command names one."""

    def __init__(self, lead_id: UUID) -> None:
        self.lead_id = lead_id
        super().__init__(f"lead {lead_id} has no owner for the deal: assign it or name one")
