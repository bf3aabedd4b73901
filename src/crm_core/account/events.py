"""What can happen to an organisation we know."""

from typing import TypeAlias

from crm_core.kernel.ids import AccountId, LeadId, UserId
from crm_core.kernel.messages import Event
from crm_core.kernel.personal import Public


class AccountAdded(Event, type="account.added", says="added account {name}"):
    """An organisation is on record; `parent_id` is the one it is a branch of, `lead_id` the lead it came from."""

    account_id: Public[AccountId]
    name: Public[str]
    industry: Public[str | None] = None
    owner: Public[UserId | None] = None
    parent_id: Public[AccountId | None] = None
    lead_id: Public[LeadId | None] = None


class AccountRenamed(Event, type="account.renamed", says="account is now called {name}"):
    """The organisation goes by another name from now on."""

    account_id: Public[AccountId]
    name: Public[str]


AccountEvent: TypeAlias = AccountAdded | AccountRenamed
