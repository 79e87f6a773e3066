"""Whether a basket can be ordered now (contract, 6.5 and 7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from contracts.errors import ErrorKey, Problem
from worker.domain import addresses, agreements, holding, methods, shipments
from worker.domain.addresses import Role

if TYPE_CHECKING:
    from worker.domain.basket import Basket, Content, Item
    from worker.domain.reference import Catalog, Channel


def obstacles(basket: Basket, channel: Channel | None, catalog: Catalog, now: datetime) -> list[Problem]:
    """Say everything that keeps the basket from being ordered now; nothing when it can be.

    Addresses, method, cost center and quote are not demanded, but what is set must still be valid.
    """
    content = basket.content
    if channel is None:
        message = f"there is no channel {basket.channel!r} any more"
        return [Problem(code=ErrorKey.CHANNEL_NOT_FOUND, message=message)]
    if not content.items and not content.datasets:
        message = "the basket holds nothing that can be ordered"
        return [Problem(code=ErrorKey.BASKET_EMPTY, message=message)]
    found: list[Problem | None] = [
        _product_obstacle(item, content.currency, catalog) for item in content.items
    ]
    method_ids = shipments.method_ids(content, is_multiple=channel.supports_multiple_shipments)
    found += [
        methods.not_eligible(method_id, content.currency)
        for method_id in method_ids
        if not methods.is_eligible(method_id, content.currency, catalog)
    ]
    found += _address_obstacles(content, channel, catalog)
    customer = _customer_of(basket, catalog)
    if content.cost_center_id:
        found.append(agreements.cost_center_obstacle(content.cost_center_id, customer, catalog))
    found += [
        holding.unknown_process(dataset.processing.process_id)
        for dataset in content.datasets
        if dataset.processing is not None and dataset.processing.process_id not in catalog.processes
    ]
    for quote_id in dict.fromkeys(item.quote_id for item in content.items if item.quote_id):
        found.append(agreements.quote_obstacle(quote_id, customer, catalog, now))
    return [problem for problem in found if problem is not None]


def _product_obstacle(item: Item, currency: str, catalog: Catalog) -> Problem | None:
    product = catalog.products.get(item.sku)
    if product is None:
        message = f"there is no product {item.sku!r} any more"
        return Problem(code=ErrorKey.PRODUCT_NOT_FOUND, message=message)
    if not product.is_available:
        message = f"the product {item.sku!r} is not available"
        return Problem(code=ErrorKey.PRODUCT_NOT_AVAILABLE, message=message)
    if item.agreed_price is None and product.price.currency != currency:
        message = f"the product {item.sku!r} has no price in {currency}"
        return Problem(code=ErrorKey.PRODUCT_NOT_AVAILABLE, message=message)
    return None


def _address_obstacles(content: Content, channel: Channel, catalog: Catalog) -> Iterator[Problem | None]:
    ship_tos = [content.ship_to]
    if channel.supports_multiple_shipments:
        ship_tos += [item.ship_to for item in content.items]
    for address in dict.fromkeys(ship_tos):
        if address is not None:
            yield addresses.obstacle(address, Role.SHIP_TO, channel, catalog)
    if content.invoice_to is not None:
        yield addresses.obstacle(content.invoice_to, Role.INVOICE_TO, channel, catalog)


def _customer_of(basket: Basket, catalog: Catalog) -> str | None:
    """Give the customer that the owner buys for, as upstream systems say or else as in the last command."""
    user = catalog.users.get(basket.owner)
    return user.customer if user is not None and user.customer is not None else basket.customer
