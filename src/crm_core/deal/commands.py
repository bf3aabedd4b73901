"""What one may ask to be done with a deal."""

from datetime import date

from crm_core.deal.events import LossReason
from crm_core.kernel.fields import Amount, Key, Label, Line, Login, Team, Text
from crm_core.kernel.ids import AccountId, ContactId, DealId, LeadId, TaskId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Private, Public
from crm_core.kernel.time import Instant


class OpenDeal(Command):
    """Start pursuing a sale. `stage` None: the first of the pipeline.

    Raises:
        AlreadyOnRecord: the deal id is taken.
        NotOnRecord: no such contact, account or lead.
        PersonIsForgotten: the contact or lead was forgotten.
        NoSuchPipeline, NoSuchStage, ClosingStage: the deal cannot start there.
    """

    deal_id: Public[DealId] = new()
    title: Private[Line]
    amount: Public[Amount]
    owner: Public[Login]
    contact_id: Public[ContactId | None] = None
    account_id: Public[AccountId | None] = None
    lead_id: Public[LeadId | None] = None
    pipeline: Public[Key] = "standard"
    stage: Public[Key | None] = None
    expected_close: Public[date | None] = None


class AssignDeal(Command):
    """Give the deal another owner, open or closed; the owner it has already records nothing.

    Raises:
        NotOnRecord: no such deal.
    """

    deal_id: Public[DealId]
    owner: Public[Login]


class MoveDeal(Command):
    """Move the deal to another stage of its pipeline; the stage it is in records nothing.

    Raises:
        NotOnRecord: no such deal.
        DealNotOpen: it is won or lost.
        NoSuchStage: the pipeline, as in force, has no such stage.
        ClosingStage: that stage is entered by winning or losing.
    """

    deal_id: Public[DealId]
    stage: Public[Key]


class ReviseDealAmount(Command):
    """Expect another amount; the same amount records nothing.

    Raises:
        NotOnRecord: no such deal.
        DealNotOpen: it is won or lost.
    """

    deal_id: Public[DealId]
    amount: Public[Amount]


class PushDealClose(Command):
    """Expect the answer on another day, later or sooner; None: on no known day. The same day records nothing.

    Raises:
        NotOnRecord: no such deal.
        DealNotOpen: it is won or lost.
    """

    deal_id: Public[DealId]
    expected_close: Public[date | None]


class WinDeal(Command):
    """The customer signed. `amount` None: for the amount expected.

    Raises:
        NotOnRecord: no such deal.
        DealNotOpen: it is won or lost.
    """

    deal_id: Public[DealId]
    closed_on: Public[date]
    amount: Public[Amount | None] = None


class LoseDeal(Command):
    """The customer declined, or we gave up.

    Raises:
        NotOnRecord: no such deal.
        DealNotOpen: it is won or lost.
    """

    deal_id: Public[DealId]
    closed_on: Public[date]
    reason: Public[LossReason]
    competitor: Public[Label | None] = None
    note: Private[Text | None] = None


class ReopenDeal(Command):
    """Pursue a closed deal again. `stage` None: in the stage it was in before it closed.

    Raises:
        NotOnRecord: no such deal.
        DealNotClosed: it is open.
        NoSuchStage, ClosingStage: it cannot go on there, as the pipeline is now.
    """

    deal_id: Public[DealId]
    stage: Public[Key | None] = None
    reason: Private[Line | None] = None


class HandOffDeal(Command):
    """Hand a won deal to another team, with a first task for somebody in it, both or neither.

    Raises:
        NotOnRecord: no such deal.
        DealNotWon: it is open or lost.
        AlreadyHandedOff: that team has it.
        AlreadyOnRecord: the task id is taken.
    """

    deal_id: Public[DealId]
    to_team: Public[Team]
    assignee: Public[Login]
    title: Private[Line]
    due: Public[Instant | None] = None
    task_id: Public[TaskId] = new()
