"""An organisation on record, and the decisions about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from crm_core.account.commands import AddAccount, RenameAccount
from crm_core.account.events import AccountAdded, AccountRenamed
from crm_core.kernel.decider import Decider
from crm_core.kernel.refusals import require_known, require_new
from crm_core.kernel.replacing import replace


@dataclass(frozen=True, slots=True)
class Account:
    """The name is kept only to see that a renaming is no news."""

    status: Literal["unknown", "on_record"] = "unknown"
    name: str = ""


def evolve(account: Account, event: AccountAdded | AccountRenamed) -> Account:
    """The organisation after one more fact."""
    match event:
        case AccountAdded(name=name):
            return Account("on_record", name)
        case AccountRenamed(name=name):
            return replace(account, name=name)


accounts: Decider[Account] = Decider("account", initial=Account(), evolve=evolve)


def require_account(account: Account, account_id: UUID | None) -> None:
    """An account that a command names must be on record; naming none is fine.

    Raises:
        NotOnRecord: no such account.
    """
    if account_id is not None:
        require_known("account", account_id, account.status)


@accounts.decision
def add(account: Account, parent: Account, command: AddAccount) -> Iterator[AccountAdded]:
    """A branch is added under an account that exists, so that no account is ever its own ancestor."""
    require_new("account", command.account_id, account.status)
    require_account(parent, command.parent_id)
    yield AccountAdded(
        account_id=command.account_id,
        name=command.name,
        industry=command.industry,
        owner=command.owner,
        parent_id=command.parent_id,
    )


@accounts.decision
def rename(account: Account, command: RenameAccount) -> Iterator[AccountRenamed]:
    """The name it has already is not news."""
    require_account(account, command.account_id)
    if command.name != account.name:
        yield AccountRenamed(account_id=command.account_id, name=command.name)
