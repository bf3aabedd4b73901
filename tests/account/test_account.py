"""Organisations on record."""

from crm_core.commands import AddAccount, RenameAccount
from crm_core.errors import AlreadyOnRecord, NotOnRecord
from crm_core.events import AccountAdded, AccountRenamed
from crm_core.kernel.ids import AccountId, derived
from crm_core.testing import COMMAND_ID, given
from tests.story import FABRIKAM, KIM, fabrikam

BRANCH = AccountId(derived(COMMAND_ID, "branch"))


def test_an_organisation_is_put_on_record() -> None:
    given().when(AddAccount(account_id=FABRIKAM, name=" Fabrikam ")).then(fabrikam)


def test_a_branch_belongs_to_an_account_on_record() -> None:
    add = AddAccount(account_id=BRANCH, name="Fabrikam Lagos", industry="retail", owner=KIM, parent_id=FABRIKAM)
    given(fabrikam).when(add).then(
        AccountAdded(account_id=BRANCH, name="Fabrikam Lagos", industry="retail", owner=KIM, parent_id=FABRIKAM)
    )


def test_a_branch_of_nothing_is_refused() -> None:
    given().when(AddAccount(account_id=BRANCH, name="Lagos", parent_id=FABRIKAM)).refused(NotOnRecord)


def test_no_account_is_its_own_branch() -> None:
    given().when(AddAccount(account_id=FABRIKAM, name="Fabrikam", parent_id=FABRIKAM)).refused(NotOnRecord)


def test_no_organisation_is_added_twice() -> None:
    given(fabrikam).when(AddAccount(account_id=FABRIKAM, name="Fabrikam")).refused(AlreadyOnRecord)


def test_an_organisation_goes_by_another_name() -> None:
    given(fabrikam).when(RenameAccount(account_id=FABRIKAM, name="Fab")).then(
        AccountRenamed(account_id=FABRIKAM, name="Fab")
    )


def test_the_name_it_has_already_is_no_news() -> None:
    renamed = AccountRenamed(account_id=FABRIKAM, name="Fab")
    given(fabrikam, renamed).when(RenameAccount(account_id=FABRIKAM, name="Fab")).then_nothing()


def test_an_unknown_organisation_cannot_be_renamed() -> None:
    given().when(RenameAccount(account_id=FABRIKAM, name="Fab")).refused(NotOnRecord)
