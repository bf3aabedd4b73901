"""What people type: names, texts, codes, addresses, numbers, amounts."""

from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from crm_core.kernel.fields import Amount, Count, Email, Key, Label, Line, Login, Percent, Phone, Seconds, Team, Text
from crm_core.kernel.money import Money


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        (Line, "  Ada Okafor ", "Ada Okafor"),
        (Line, "Łukasz\u00a0Żak – 株式会社", "Łukasz\u00a0Żak – 株式会社"),
        (Line, "x" * 200, "x" * 200),
        (Text, "\tone\n  two\r\n", "\tone\n  two\r\n"),
        (Label, " spring sale ", "spring sale"),
        (Key, "demo-request.v2", "demo-request.v2"),
        (Email, " Ada.Okafor@Fabrikam.COM ", "ada.okafor@fabrikam.com"),
        (Email, "ada@bücher.example", "ada@bücher.example"),
        (Phone, "+44 (0)20 7946-0958", "+442079460958"),
        (Amount, Money(0, "EUR"), Money(0, "EUR")),
        (Count, 1, 1),
        (Seconds, 0, 0),
        (Percent, 100, 100),
        (Login, "kim", "kim"),
        (Team, "onboarding", "onboarding"),
    ],
)
def test_what_is_typed_is_kept_in_one_form(kind: Any, typed: object, kept: object) -> None:
    assert TypeAdapter(kind).validate_python(typed) == kept


@pytest.mark.parametrize(
    ("kind", "typed", "rule"),
    [
        (Line, "one\ntwo", "must be one line without control characters"),
        (Line, "one\u2028two", "must be one line without control characters"),
        (Line, "\x1b[31mred", "must be one line without control characters"),
        (Line, "x" * 201, "String should have at most 200 characters"),
        (Line, b"Ada", "Input should be a valid string"),
        (Text, " \n ", "must not be blank"),
        (Text, "x" * 20_001, "String should have at most 20000 characters"),
        (Label, "ada@fabrikam.com", "is public and never erased, so it must not hold an e-mail address"),
        (Key, "Demo request", "String should match pattern '^[a-z0-9][a-z0-9_.-]*$'"),
        (Key, "demo\n", "String should match pattern '^[a-z0-9][a-z0-9_.-]*$'"),
        (Email, "ada", "must be an e-mail address"),
        (Phone, "call me", "must be an international phone number without extension, such as +44 20 …"),
        (Phone, "+44 20 7946 0958 x7", "must be an international phone number without extension, such as +44 20 …"),
        (Phone, "+999 1", "must be an international phone number without extension, such as +44 20 …"),
        (Amount, Money("-0.01", "EUR"), "must not be negative"),
        (Count, 0, "Input should be greater than or equal to 1"),
        (Login, "kim@fabrikam.com", "is public and never erased, so it must not hold an e-mail address"),
    ],
)
def test_what_is_wrong_is_told_by_its_rule(kind: Any, typed: object, rule: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(typed)
    assert [problem["msg"] for problem in caught.value.errors()] == [rule]


@settings(max_examples=200, deadline=None)
@given(
    local=st.from_regex(r"[A-Za-z0-9._+-]{1,12}", fullmatch=True),
    domain=st.from_regex(r"([A-Za-z0-9-]{1,8}\.){1,2}", fullmatch=True),
    last=st.sampled_from(["com", "test", "Local", "example", "c1", "xn--p1ai", "arpa", "museum", "x"]),
)
def test_a_plain_address_is_judged_as_the_library_judges_it(local: str, domain: str, last: str) -> None:
    text = f"{local}@{domain}{last}"
    try:
        expected: str | None = validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        expected = None
    try:
        found: str | None = TypeAdapter(Email).validate_python(text)
    except ValidationError:
        found = None

    assert found == expected
