"""Quotes: items at agreed prices and quantities into the basket (contract, 2.1 and 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from contracts.errors import ErrorKey, Problem
from worker.domain import agreements, creating
from worker.domain.basket import MAX_ITEMS, Item
from worker.domain.decisions import Completed, Refused

if TYPE_CHECKING:
    from worker.domain.basket import Basket
    from worker.domain.decisions import Context, Decision
    from worker.domain.reference import Quote

_PATH = "$.quoteID"


def add(basket: Basket, quote_id: str, context: Context) -> Decision:
    """Add the items of a quote; one that is in the basket already stays in it once."""
    customer = context.caller.customer
    quote = context.catalog.quotes.get(quote_id)
    if quote is None or quote.customer != customer:
        return Refused(
            problems=(_problem(ErrorKey.QUOTE_NOT_FOUND, f"there is no quote {quote_id[:100]!r}"),)
        )
    obstacle = agreements.quote_obstacle(quote_id, customer, context.catalog, context.now, _PATH)
    problems = [] if obstacle is None else [obstacle]
    is_there = any(item.quote_id == quote_id for item in basket.content.items)
    if not is_there:
        problems += _problems(basket, quote, context)
    if problems:
        return Refused(problems=tuple(problems))
    if is_there:
        return Completed(status=201, basket=creating.changed(basket, basket.content, context))
    position = max((item.position for item in basket.content.items), default=0)
    agreed = tuple(
        Item(
            id=context.new_id(),
            sku=item.sku,
            quantity=item.quantity,
            position=position + number,
            quote_id=quote_id,
            agreed_price=item.price.value,
        )
        for number, item in enumerate(quote.items, start=1)
    )
    content = structs.replace(basket.content, items=basket.content.items + agreed)
    return Completed(status=201, basket=creating.changed(basket, content, context))


def _problems(basket: Basket, quote: Quote, context: Context) -> list[Problem]:
    """Say what keeps the items of a quote out of the basket."""
    problems = []
    if len(basket.content.items) + len(quote.items) > MAX_ITEMS:
        message = f"a basket holds at most {MAX_ITEMS} items"
        problems.append(_problem(ErrorKey.LIMIT_EXCEEDED, message))
    if basket.content.recurrence is not None:
        message = "a recurrent basket takes no quote"
        problems.append(_problem(ErrorKey.RECURRING_NOT_ALLOWED, message))
    currency = basket.content.currency
    for item in quote.items:
        if item.sku not in context.catalog.products:
            message = f"there is no product {item.sku!r}, which the quote names"
            problems.append(_problem(ErrorKey.PRODUCT_NOT_FOUND, message))
        elif not context.catalog.products[item.sku].is_available:
            message = f"the product {item.sku!r}, which the quote names, is not available"
            problems.append(_problem(ErrorKey.PRODUCT_NOT_AVAILABLE, message))
        elif item.price.currency != currency:
            message = f"the quote has no price in {currency} for {item.sku!r}"
            problems.append(_problem(ErrorKey.PRODUCT_NOT_AVAILABLE, message))
    return problems


def _problem(code: ErrorKey, message: str) -> Problem:
    return Problem(code=code, message=message, path=_PATH)
