"""Whoever looks for somebody finds them by an identifier or a part of a name, in whatever case."""

import pytest

from crm_core.events import AccountRenamed, ContactAdded, ContactRenamed
from crm_core.kernel.ids import ContactId
from crm_core.kernel.personal import ERASED
from crm_core.store.opening import Store
from projections import directory
from projections.directory import find
from projections.testing import recorded, rows
from tests.projections.conftest import fold
from tests.story import ADA, DEAL, FABRIKAM, LEAD, NOWHERE, TICKET, ada, asked, captured, fabrikam, forgotten, opened

BJORK = ContactAdded(contact_id=ContactId(NOWHERE), name="BJÖRK Straße 100%", email=None)


def test_everybody_is_listed_under_the_name_they_go_by() -> None:
    found = rows(directory, captured, fabrikam, ada, opened, asked)
    assert {thing: (row.kind, row.name) for thing, row in found.items()} == {
        LEAD: ("lead", "Ada Okafor"),
        FABRIKAM: ("account", "Fabrikam"),
        ADA: ("contact", "Ada Okafor"),
        DEAL: ("deal", "Fabrikam, 40 seats"),
        TICKET: ("ticket", "Export"),
    }


def test_a_lead_without_a_name_is_listed_under_its_company() -> None:
    nameless = captured.model_copy(update={"name": None})
    assert rows(directory, nameless)[LEAD].name == "Fabrikam"
    assert rows(directory, nameless.model_copy(update={"company": None}))[LEAD].name == ""


def test_a_new_name_takes_the_place_of_the_old_one() -> None:
    found = rows(
        directory,
        ada,
        ContactRenamed(contact_id=ADA, name="Ada Obi"),
        fabrikam,
        AccountRenamed(account_id=FABRIKAM, name="Contoso"),
    )
    assert (found[ADA].name, found[ADA].found_by) == ("Ada Obi", "ada obi\nada@fabrikam.com")
    assert found[FABRIKAM].found_by == "contoso"
    assert rows(directory, ContactRenamed(contact_id=ADA, name="Ada Obi")) == {}


def test_a_forgotten_person_is_listed_without_a_name() -> None:
    row = rows(directory, ada, forgotten)[ADA]
    assert (row.name, row.email, row.found_by) == (ERASED, ERASED, ERASED)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("okafor", [ADA, LEAD]),
        (" OKAFOR ", [ADA, LEAD]),
        ("fabrikam", [FABRIKAM, DEAL, ADA, LEAD]),
        ("@FABRIKAM.com", [ADA]),
        ("björk", [NOWHERE]),
        ("STRASSE", [NOWHERE]),
        ("100%", [NOWHERE]),
        ("%", [NOWHERE]),
        ("a_a", []),
        (str(TICKET), [TICKET]),
        (str(TICKET).upper(), [TICKET]),
        ("nobody", []),
    ],
)
def test_people_are_found(store: Store, text: str, found: list[object]) -> None:
    fold(store, directory, recorded(captured, fabrikam, ada, opened, asked, BJORK))
    with store.database.reading() as transaction:
        assert {row.id for row in find(transaction, text)} == set(found)
        assert len(find(transaction, text, limit=1)) == min(1, len(found))


def test_nobody_finds_the_forgotten_by_name(store: Store) -> None:
    fold(store, directory, recorded(ada, captured, forgotten))
    with store.database.reading() as transaction:
        assert [row.id for row in find(transaction, "okafor")] == [LEAD]
        assert [row.id for row in find(transaction, str(ADA))] == [ADA]
