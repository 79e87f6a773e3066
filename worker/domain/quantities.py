"""Quantities: whole numbers from 1 to 100,000, written 2 or 2.0."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contracts.body import QuantityInput
from contracts.errors import ErrorKey, Problem

MAX_QUANTITY = 100_000
_FIELDS = set(QuantityInput.__struct_fields__)


def read(sent: Any) -> int | None:
    """Read a quantity, alone or as the `value` of an object; None for anything else."""
    if isinstance(sent, dict) and sent.keys() <= _FIELDS:
        sent = sent.get("value")
    value = sent.value if isinstance(sent, QuantityInput) else sent
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    # The range first: to_integral_value of 1E+999999 would build the number.
    if not 1 <= value <= MAX_QUANTITY or value != int(value):
        return None
    return int(value)


def problem(path: str) -> Problem:
    message = f"a quantity is a whole number from 1 to {MAX_QUANTITY}, in the item as a whole"
    return Problem(code=ErrorKey.QUANTITY_INVALID, message=message, path=path)
