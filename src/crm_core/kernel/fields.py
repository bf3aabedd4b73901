"""What people type into commands: names, texts, codes, e-mail addresses, phone numbers, amounts.

These types belong to commands. An event keeps the plain type, so that a stricter rule tomorrow never
makes yesterday's fact unreadable. Their errors name the rule and never repeat the value.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from crm_core.kernel.ids import TeamId, UserId
from crm_core.kernel.money import Money

_PLAIN_EMAIL = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+([A-Za-z]{2,})")
"""Addresses so plain that the library's answer is known: an import spends a fifth of its time there otherwise."""
_LOCAL_PART = 64
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("one_line", "must be one line without control characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("not_blank", "must not be blank")
    return text


def _no_address(text: str) -> str:
    if "@" in text:
        raise PydanticCustomError("no_address", "is public and never erased, so it must not hold an e-mail address")
    return text


def _email(text: str) -> str:
    from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

    plain = _PLAIN_EMAIL.fullmatch(text) if len(text) < _LOCAL_PART else None
    if plain and plain[1].lower() not in SPECIAL_USE_DOMAIN_NAMES:
        return text.lower()

    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise PydanticCustomError("email", "must be an e-mail address") from None


def _phone(text: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or number.extension or not phonenumbers.is_possible_number(number):
        raise PydanticCustomError("phone", "must be an international phone number without extension, such as +44 20 …")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _not_negative(money: Money) -> Money:
    if money.amount < 0:
        raise PydanticCustomError("not_negative", "must not be negative")
    return money


_Trimmed = StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=200)
_Short = StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=100)

Line = Annotated[str, _Trimmed, AfterValidator(_one_line)]
"""A name, title or subject: one line of at most 200 characters, outer blanks cut."""
Text = Annotated[str, StringConstraints(strict=True, max_length=20_000), AfterValidator(_not_blank)]
"""A note, message or reply: at most 20,000 characters, kept as typed, not blank."""
Label = Annotated[str, _Short, AfterValidator(_one_line), AfterValidator(_no_address)]
"""A public word or two, such as a campaign or a competitor: one line, at most 100 characters, no e-mail address."""
Key = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=100)]
"""The name of something configured, such as a pipeline, a stage, a form or a template."""
Email = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=254), AfterValidator(_email)]
"""An e-mail address, checked for form only, kept in lower case."""
Phone = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=50), AfterValidator(_phone)]
"""A phone number, kept as E.164: `+442079460958`."""
Amount = Annotated[Money, AfterValidator(_not_negative)]
"""Money that is not negative."""
Count = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
"""How many, from one."""
Seconds = Annotated[int, Field(strict=True, ge=0, le=10**9)]
"""How long, in whole seconds."""
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
"""A probability in whole per cent."""
Login = Annotated[UserId, _Trimmed, AfterValidator(_one_line), AfterValidator(_no_address)]
"""Who works with the CRM: a login, not an e-mail address."""
Team = Annotated[TeamId, _Trimmed, AfterValidator(_one_line), AfterValidator(_no_address)]
"""A department or team, such as `onboarding`."""
