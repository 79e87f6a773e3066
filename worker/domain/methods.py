"""Shipping methods: which may be chosen, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.errors import ErrorKey, Problem

if TYPE_CHECKING:
    from worker.domain.reference import Catalog


def is_eligible(method_id: str, currency: str, catalog: Catalog) -> bool:
    """Whether a method exists with a price in the currency; no method always is."""
    method = catalog.shipping_methods.get(method_id)
    return not method_id or (method is not None and method.price.currency == currency)


def not_eligible(method_id: str, currency: str, path: str | None = None) -> Problem:
    message = f"there is no shipping method {method_id!r} with a price in {currency}"
    return Problem(code=ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE, message=message, path=path)


def not_allowed(message: str, path: str) -> Problem:
    return Problem(code=ErrorKey.SHIPPING_METHOD_NOT_ALLOWED, message=message, path=path)
