"""Currencies and rounding: ISO 4217 decimals, half-up."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import msgspec
from iso4217 import Currency

ZERO = Decimal(0)
EXACT_DIGITS = 60  # a sum of 500 items times a rate of 12 decimals, rounded once and not on the way

# ISO 4217 gives no decimals for what nobody pays with: metals, test codes, units of account.
_DECIMALS = {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}


class Money(msgspec.Struct, frozen=True):
    currency: str
    value: Decimal


def is_currency(code: str) -> bool:
    return code in _DECIMALS


def fits(value: Decimal, currency: str) -> bool:
    """Whether the amount has no more decimals than its currency."""
    return value == round_half_up(value, currency)


def round_half_up(value: Decimal, currency: str) -> Decimal:
    """Round to the smallest unit of the currency."""
    return value.quantize(Decimal(1).scaleb(-_DECIMALS[currency]), rounding=ROUND_HALF_UP)
