"""What one may ask to be done about an organisation."""

from crm_core.kernel.fields import Label, Line, Login
from crm_core.kernel.ids import AccountId, new
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Public


class AddAccount(Command):
    """Put an organisation on record. Its name is public: it is not the name of a person.

    Raises:
        AlreadyOnRecord: the account id is taken.
        NotOnRecord: no such parent account.
    """

    account_id: Public[AccountId] = new()
    name: Public[Line]
    industry: Public[Label | None] = None
    owner: Public[Login | None] = None
    parent_id: Public[AccountId | None] = None


class RenameAccount(Command):
    """Record the name an organisation goes by now; the name it has already records nothing.

    Raises:
        NotOnRecord: no such account.
    """

    account_id: Public[AccountId]
    name: Public[Line]
