"""Every error this library raises.

The tree of `crm_core.kernel.errors`, with the refusals of the nouns:

```
Refused                      a rule said no; nothing was recorded
├── NotOnRecord              nothing of this kind is on record under this id
├── AlreadyOnRecord          something is, and cannot be added twice
├── PersonIsForgotten        nothing more may be recorded about this person
├── LeadAlreadyConverted     the lead is a contact now; carries the ids
├── LeadIsDisqualified       the lead was given up; recycle it first
├── LeadNotQualified         only a qualified lead converts
├── LeadHasNoOwner           nobody would own the deal
├── DealNotOpen              the deal is won or lost
├── DealNotClosed            the deal is open: nothing to reopen
├── DealNotWon               only a won deal is handed off
├── AlreadyHandedOff         that team has the deal
├── NoSuchPipeline           no pipeline of this name is in force
├── NoSuchStage              the pipeline, as in force, has no such stage
├── ClosingStage             the stage is entered by winning or losing
├── TaskNotOpen              the task is done or cancelled
├── TicketIsClosed           the ticket is final
├── TicketIsSolved           the ticket is solved; reopen it first
└── TicketNotSolved          only a solved ticket is reopened or closed
MoneyError                   no amount of money, or amounts of several currencies
```
"""

from crm_core.deal.errors import *  # noqa: F403
from crm_core.definitions.errors import *  # noqa: F403
from crm_core.kernel.errors import *  # noqa: F403
from crm_core.kernel.money import MoneyError as MoneyError  # noqa: PLC0414 - says that it is re-exported
from crm_core.kernel.refusals import *  # noqa: F403
from crm_core.lead.errors import *  # noqa: F403
from crm_core.task.errors import *  # noqa: F403
from crm_core.ticket.errors import *  # noqa: F403

__all__ = sorted(  # noqa: PLE0605 - whatever the nouns declare: there is no list to keep in step
    name for name, thing in vars().items() if isinstance(thing, type) and issubclass(thing, Exception)
)
