"""The refusals that every noun shares: it is not on record, it already is, the person was forgotten."""

from uuid import UUID

from crm_core.kernel.errors import Refused


class NotOnRecord(Refused):
    """Nothing of this kind is on record under this id."""

    def __init__(self, noun: str, id: UUID) -> None:
        self.noun = noun
        self.id = id
        super().__init__(f"{noun} {id} is not on record")


class AlreadyOnRecord(Refused):
    """Something of this kind is already on record under this id; it cannot be added twice."""

    def __init__(self, noun: str, id: UUID) -> None:
        self.noun = noun
        self.id = id
        super().__init__(f"{noun} {id} is already on record")


class PersonIsForgotten(Refused):
    """The person was forgotten: nothing more may be recorded about them."""

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
