"""The refusals that every noun shares: it is not on record, it already is, the person was forgotten."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class NotOnRecord(Refused):
    """Nothing of this kind is on record under this id.

    When: a command names a contact, deal or any other thing by an id that was never recorded.
    Do: check the id, and that it is of this kind; or put the thing on record first.

    Attributes:
        noun: the kind, such as `deal`.
        id: the id.
    """

    def __init__(self, noun: str, id: UUID) -> None:
        self.noun = noun
        self.id = id
        super().__init__(f"{noun} {id} is not on record")


class AlreadyOnRecord(Refused):
    """Something of this kind is already on record under this id; it cannot be added twice.

    When: a command that adds something names an id that is taken.
    Do: leave the id out, so that a fresh one is made; to retry safely, give the same command id instead.

    Attributes:
        noun: the kind, such as `deal`.
        id: the id.
    """

    def __init__(self, noun: str, id: UUID) -> None:
        self.noun = noun
        self.id = id
        super().__init__(f"{noun} {id} is already on record")


class PersonIsForgotten(Refused):
    """The person was forgotten: nothing more may be recorded about them.

    When: a command is about a contact or lead whose personal data was erased.
    Do: nothing; if the person returns, put them on record anew, under a new id.

    Attributes:
        noun: `contact` or `lead`.
        id: the id.
    """

    def __init__(self, noun: str, id: UUID) -> None:
        self.noun = noun
        self.id = id
        super().__init__(f"the person behind {noun} {id} is forgotten")


def require_new(noun: str, id: UUID, status: str) -> None:
    """Nothing may be on record under the id yet.

    Raises:
        AlreadyOnRecord: something is.
    """
    if status != "unknown":
        raise AlreadyOnRecord(noun, id)


def require_known(noun: str, id: UUID, status: str) -> None:
    """The thing must be on record, and its person not forgotten.

    Raises:
        NotOnRecord: it was never recorded.
        PersonIsForgotten: it was, and the person was forgotten since.
    """
    if status == "unknown":
        raise NotOnRecord(noun, id)
    if status == "forgotten":
        raise PersonIsForgotten(noun, id)
