"""Money is an exact amount and a currency; amounts of different currencies never mix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError, core_schema

from crm_core.kernel.errors import CRMError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

_OTHER_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_LARGEST_MINOR = 2**63 - 1
_ISO_4217 = re.compile("[A-Z]{3}")
_FIELDS = ("amount", "currency")
_EXACT = (str, int, Decimal)
_set = object.__setattr__


class MoneyError(CRMError, ValueError):
    """The amount or the currency is not money, or several currencies met where no sum can mix them.

    When: money is made of a float, of too many decimals or of an unknown currency; or a sum is asked over several.
    Do: give the amount as text or Decimal; ask for the sums by currency (`View.totals`).
    """


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An exact amount in one currency, kept at the currency's own minor digits (ISO 4217).

    `Money("12000", "EUR")` takes a string, an int or a Decimal; a float is refused, because it has
    already lost the cents. The whole fits a 64-bit integer of minor units.

    Raises:
        MoneyError: a float, NaN or infinity, more decimals than the currency has, an amount beyond
            64 bits of minor units, or a currency that is not three capital letters.
    """

    amount: Decimal
    currency: str

    def __init__(self, amount: str | int | Decimal, currency: str) -> None:
        _set(self, "amount", _amount(amount, currency))
        _set(self, "currency", currency)

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Money:
        """The money that so many minor units (cents) make."""
        return cls(Decimal(minor).scaleb(-minor_digits(currency)), currency)

    @property
    def minor(self) -> int:
        """The amount in minor units: 12.34 EUR is 1234."""
        return int(self.amount.scaleb(minor_digits(self.currency)))

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount:,} {self.currency}"

    def as_dict(self) -> dict[str, str]:
        """JSON-able: the exact `amount` as text, and the `currency`."""
        return {"amount": str(self.amount), "currency": self.currency}

    def _same(self, other: Money) -> Decimal:
        if self.currency != other.currency:
            msg = f"{self.currency} and {other.currency} do not mix"
            raise MoneyError(msg)
        return other.amount

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validate, serialization=core_schema.plain_serializer_function_ser_schema(cls.as_dict, when_used="json")
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "object",
            "description": "An exact amount in one currency.",
            "properties": {
                "amount": {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            },
            "required": ["amount", "currency"],
            "additionalProperties": False,
        }


def minor_digits(currency: str) -> int:
    """How many decimals the currency has (ISO 4217): 2 for most, 0 for JPY, 3 for KWD."""
    return _OTHER_DIGITS.get(currency, 2)


def total(amounts: Iterable[Money]) -> dict[str, Money]:
    """The sums, one for each currency; an empty input gives an empty result."""
    sums: dict[str, Money] = {}
    for money in amounts:
        sums[money.currency] = sums[money.currency] + money if money.currency in sums else money
    return sums


@lru_cache(maxsize=1024)
def _bounds(currency: object) -> tuple[Decimal, Decimal]:
    """The smallest amount of a currency, and the largest that fits 64 bits of minor units."""
    if not (isinstance(currency, str) and _ISO_4217.fullmatch(currency)):
        msg = "the currency must be three capital letters (ISO 4217)"
        raise MoneyError(msg)
    digits = minor_digits(currency)
    return Decimal(1).scaleb(-digits), Decimal(_LARGEST_MINOR).scaleb(-digits)


def _amount(amount: object, currency: str) -> Decimal:
    if amount.__class__ not in _EXACT:
        msg = "the amount must be a decimal string, an int or a Decimal, never a float"
        raise MoneyError(msg)
    unit, largest = _bounds(currency)
    try:
        exact = Decimal(amount)
        rounded = exact.quantize(unit)
    except InvalidOperation:
        raise MoneyError(_what_is_wrong(amount)) from None
    if rounded == exact and -largest <= rounded <= largest:
        return rounded or abs(rounded)
    msg = (
        _what_is_wrong(amount)
        if rounded == exact or not exact.is_finite()
        else f"{currency} has fewer decimals than the amount"
    )
    raise MoneyError(msg)


def _what_is_wrong(amount: object) -> str:
    try:
        finite = Decimal(amount).is_finite()  # type: ignore[arg-type]
    except InvalidOperation:
        finite = False
    return "the amount must fit 64 bits of minor units" if finite else "the amount must be a finite decimal number"


def _validate(value: object) -> Money:
    if isinstance(value, Money):
        return value
    if isinstance(value, dict) and len(value) == len(_FIELDS):
        try:
            amount, currency = value["amount"], value["currency"]
            return _told(amount, currency) if amount.__class__ is currency.__class__ is str else Money(amount, currency)
        except KeyError:
            pass
        except MoneyError as error:
            raise PydanticCustomError("money", "{reason}", {"reason": str(error)}) from None
    raise PydanticCustomError("money", "must be Money, or an object with amount and currency")


@lru_cache(maxsize=4096)
def _told(amount: str, currency: str) -> Money:
    """The money that JSON tells of; the same amounts come again and again."""
    return Money(amount, currency)
