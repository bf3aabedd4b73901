"""Every fact that can be recorded, under one roof; each is declared in its noun's own `events` module."""

from crm_core.account.events import *  # noqa: F403
from crm_core.contact.events import *  # noqa: F403
from crm_core.deal.events import *  # noqa: F403
from crm_core.definitions.events import *  # noqa: F403
from crm_core.form.events import *  # noqa: F403
from crm_core.interaction.events import *  # noqa: F403
from crm_core.kernel.messages import Event as Event  # noqa: PLC0414 - says that it is re-exported
from crm_core.lead.events import *  # noqa: F403
from crm_core.message.events import *  # noqa: F403
from crm_core.purchase.events import *  # noqa: F403
from crm_core.task.events import *  # noqa: F403
from crm_core.ticket.events import *  # noqa: F403

__all__ = sorted(  # noqa: PLE0605 - whatever the nouns declare: there is no list to keep in step
    name for name, thing in vars().items() if isinstance(thing, type) and issubclass(thing, Event) and name[0] != "_"
)
