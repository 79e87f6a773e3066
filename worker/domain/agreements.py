"""What was agreed with customers and still must hold when it is used: cost centers and quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.errors import ErrorKey, Problem

if TYPE_CHECKING:
    from datetime import datetime

    from worker.domain.reference import Catalog


def cost_center_obstacle(
    cost_center_id: str, customer_id: str | None, catalog: Catalog, path: str | None = None
) -> Problem | None:
    """Say why a customer's basket may not be charged to a cost center; None when it may."""
    if customer_id is None:
        code, message = ErrorKey.COST_CENTER_NO_CUSTOMER, "the basket's owner buys for no customer"
        return Problem(code=code, message=message, path=path)
    customer = catalog.customers.get(customer_id)
    if customer is None or not customer.is_business:
        code, message = ErrorKey.COST_CENTER_INVALID_CUSTOMER, f"{customer_id!r} is no business customer"
        return Problem(code=code, message=message, path=path)
    found = catalog.cost_centers.get(cost_center_id)
    if found is None or not found.is_active or found.customer != customer_id:
        message = f"the customer has no active cost center {cost_center_id[:100]!r}"
        return Problem(code=ErrorKey.COST_CENTER_NOT_FOUND, message=message, path=path)
    return None


def quote_obstacle(
    quote_id: str, customer_id: str | None, catalog: Catalog, now: datetime, path: str | None = None
) -> Problem | None:
    """Say why a quote does not hold for a customer now; None when it does, up to its last instant."""
    quote = catalog.quotes.get(quote_id)
    if quote is None or quote.customer != customer_id:
        code, message = ErrorKey.QUOTE_NOT_FOUND, f"there is no quote {quote_id[:100]!r}"
    elif quote.state == "rejected":
        code, message = ErrorKey.QUOTE_REJECTED, f"the quote {quote_id!r} was rejected"
    elif now > quote.valid_to:
        code, message = ErrorKey.QUOTE_EXPIRED, f"the quote {quote_id!r} has expired"
    else:
        return None
    return Problem(code=code, message=message, path=path)
