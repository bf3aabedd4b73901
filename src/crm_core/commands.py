"""Every intent that can be executed, under one roof; each is declared in its noun's own `commands` module."""

from crm_core.account.commands import *  # noqa: F403
from crm_core.contact.commands import *  # noqa: F403
from crm_core.deal.commands import *  # noqa: F403
from crm_core.definitions.commands import *  # noqa: F403
from crm_core.form.commands import *  # noqa: F403
from crm_core.interaction.commands import *  # noqa: F403
from crm_core.kernel.any_command import AnyCommand as AnyCommand  # noqa: PLC0414 - says that it is re-exported
from crm_core.kernel.any_command import parse_command as parse_command  # noqa: PLC0414 - the same
from crm_core.kernel.messages import Command as Command  # noqa: PLC0414 - the same
from crm_core.lead.commands import *  # noqa: F403
from crm_core.message.commands import *  # noqa: F403
from crm_core.purchase.commands import *  # noqa: F403
from crm_core.task.commands import *  # noqa: F403
from crm_core.ticket.commands import *  # noqa: F403

__all__ = sorted(  # noqa: PLE0605 - whatever the nouns declare: there is no list to keep in step
    name for name, thing in vars().items() if isinstance(thing, type) and issubclass(thing, Command) and name[0] != "_"
)
