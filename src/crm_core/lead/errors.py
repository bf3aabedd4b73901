"""Why something cannot be done with a lead."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class LeadAlreadyConverted(Refused):
    """The lead is a contact already; its ids say where to go on.

    When: something is to be done with a lead that was converted.
    Do: go on with the contact, account or deal.

    Attributes:
        lead_id: the lead.
        contact_id: the contact it became.
        account_id: the account it was converted into; None: there was none.
        deal_id: the deal that came of it; None: there was none.
    """

    def __init__(self, lead_id: UUID, contact_id: UUID, account_id: UUID | None, deal_id: UUID | None) -> None:
        self.lead_id = lead_id
        self.contact_id = contact_id
        self.account_id = account_id
        self.deal_id = deal_id
        super().__init__(f"lead {lead_id} is already converted to contact {contact_id}")


class LeadIsDisqualified(Refused):
    """The lead was given up.

    When: a lead is to be assigned, qualified or disqualified that was disqualified.
    Do: recycle it first (`RecycleLead`).

    Attributes:
        lead_id: the lead.
    """

    def __init__(self, lead_id: UUID) -> None:
        self.lead_id = lead_id
        super().__init__(f"lead {lead_id} is disqualified: recycle it first")


class LeadNotQualified(Refused):
    """Only a qualified lead converts.

    When: a lead is to be converted that nobody accepted for selling.
    Do: qualify it first (`QualifyLead`).

    Attributes:
        lead_id: the lead.
        status: what it is instead.
    """

    def __init__(self, lead_id: UUID, status: str) -> None:
        self.lead_id = lead_id
        self.status = status
        super().__init__(f"lead {lead_id} is {status}, not qualified")


class LeadHasNoOwner(Refused):
    """A deal needs an owner, and neither the lead nor the command names one.

    When: a lead that nobody owns is to be converted into a deal.
    Do: name an `owner` in the command, or assign the lead (`AssignLead`).

    Attributes:
        lead_id: the lead.
    """

    def __init__(self, lead_id: UUID) -> None:
        self.lead_id = lead_id
        super().__init__(f"lead {lead_id} has no owner for the deal: assign it or name one")
