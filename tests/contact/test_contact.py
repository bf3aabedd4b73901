"""People on record: adding, renaming, linking to where they work."""

from typing import Any

import pytest

from crm_core.commands import AddContact, LinkContactToAccount, RenameContact
from crm_core.errors import AlreadyOnRecord, Invalid, NotOnRecord, PersonIsForgotten
from crm_core.events import ContactAdded, ContactLinkedToAccount, ContactRenamed
from crm_core.kernel.ids import ContactId, UserId, derived
from crm_core.kernel.messages import Command
from crm_core.testing import COMMAND_ID, given
from tests.story import ADA, FABRIKAM, KIM, TODAY, ada, fabrikam, forgotten

at_fabrikam = ContactLinkedToAccount(contact_id=ADA, account_id=FABRIKAM, role="employee", since=TODAY)


def test_a_person_is_put_on_record() -> None:
    given().when(AddContact(contact_id=ADA, name="Ada Okafor", email="ADA@Fabrikam.com")).then(ada)


def test_an_id_that_is_left_out_follows_from_the_command() -> None:
    given().when(AddContact(name="Ada Okafor", phone="+44 20 7946 0958", owner=KIM, job_title="CTO")).then(
        ContactAdded(
            contact_id=ContactId(derived(COMMAND_ID, "contact_id")),
            name="Ada Okafor",
            phone="+442079460958",
            owner=KIM,
            job_title="CTO",
        )
    )


def test_where_a_person_works_is_recorded_with_them() -> None:
    given(fabrikam).when(
        AddContact(contact_id=ADA, name="Ada Okafor", email="ada@fabrikam.com", account_id=FABRIKAM, since=TODAY)
    ).then(ada, at_fabrikam)


def test_nobody_is_added_twice() -> None:
    refusal = given(ada).when(AddContact(contact_id=ADA, name="Ada")).refused(AlreadyOnRecord)
    assert (refusal.noun, refusal.id) == ("contact", ADA)


def test_nobody_works_at_an_unknown_account() -> None:
    refusal = given().when(AddContact(name="Ada", account_id=FABRIKAM)).refused(NotOnRecord)
    assert (refusal.noun, refusal.id) == ("account", FABRIKAM)


def test_a_person_goes_by_another_name() -> None:
    given(ada).when(RenameContact(contact_id=ADA, name="Ada Obi")).then(ContactRenamed(contact_id=ADA, name="Ada Obi"))


def test_a_stranger_cannot_be_renamed() -> None:
    given().when(RenameContact(contact_id=ADA, name="Ada Obi")).refused(NotOnRecord)


def test_a_person_acts_for_an_organisation() -> None:
    given(ada, fabrikam).when(LinkContactToAccount(contact_id=ADA, account_id=FABRIKAM, since=TODAY)).then(at_fabrikam)


def test_the_same_link_is_no_news() -> None:
    given(ada, fabrikam, at_fabrikam).when(LinkContactToAccount(contact_id=ADA, account_id=FABRIKAM)).then_nothing()


def test_another_role_in_the_same_place_is_news() -> None:
    link = LinkContactToAccount(contact_id=ADA, account_id=FABRIKAM, role="decision_maker")
    given(ada, fabrikam, at_fabrikam).when(link).then(
        ContactLinkedToAccount(contact_id=ADA, account_id=FABRIKAM, role="decision_maker")
    )


def test_nobody_is_linked_to_an_unknown_account() -> None:
    given(ada).when(LinkContactToAccount(contact_id=ADA, account_id=FABRIKAM)).refused(NotOnRecord)


@pytest.mark.parametrize(
    "command",
    [RenameContact(contact_id=ADA, name="Ada"), LinkContactToAccount(contact_id=ADA, account_id=FABRIKAM)],
    ids=["rename", "link"],
)
def test_nothing_more_is_recorded_about_a_forgotten_person(command: Command) -> None:
    refusal = given(ada, fabrikam, forgotten).when(command).refused(PersonIsForgotten)
    assert refusal.id == ADA


@pytest.mark.parametrize("wrong", ["ada", "ada@", "@fabrikam.com", "ada okafor@fabrikam.com", ""])
def test_an_e_mail_address_must_be_one(wrong: Any) -> None:
    with pytest.raises(Invalid) as caught:
        AddContact(name="Ada", email=wrong)
    assert caught.value.problems == [("email", "must be an e-mail address")]


@pytest.mark.parametrize("wrong", ["020 7946 0958", "+1", "call me", "+44 20 7946 0958 ext. 7"])
def test_a_phone_number_must_be_an_international_one(wrong: Any) -> None:
    with pytest.raises(Invalid) as caught:
        AddContact(name="Ada", phone=wrong)
    assert caught.value.field == "phone"
    assert wrong not in str(caught.value)


@pytest.mark.parametrize("wrong", ["", "  ", "x" * 201, "Ada\nOkafor", "Ada\x1b[2J", 7, None, b"Ada"])
def test_a_name_is_one_line_of_text(wrong: Any) -> None:
    with pytest.raises(Invalid) as caught:
        AddContact(name=wrong)
    assert caught.value.field == "name"


def test_a_login_is_not_an_e_mail_address() -> None:
    with pytest.raises(Invalid, match="owner"):
        AddContact(name="Ada", owner=UserId("kim@example.com"))
