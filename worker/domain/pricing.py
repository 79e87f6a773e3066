"""What a basket costs (contract, section 3).

The single price is rounded first, lowered by promotions, and then multiplied; half-up; everything in Decimal.
Prices are those of now; what has none any more keeps the one it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import structs

from worker.domain import rebates, shipments
from worker.domain.basket import Content, Line, Priced, Shipping
from worker.domain.money import ZERO, round_half_up
from worker.domain.reference import Promotion, Target
from worker.domain.totalling import totals

if TYPE_CHECKING:
    from worker.domain.basket import Basket, Item
    from worker.domain.reference import Catalog, Channel


def price(
    content: Content, channel: Channel, catalog: Catalog, now: datetime, before: Basket | None = None
) -> Priced:
    """Price a content at the prices and promotions of now.

    An item whose product is gone, or has no price in the basket's currency any more, keeps the line it had
    in the basket `before`: a changed catalogue never stops an owner from editing a basket.
    """
    listed = list_lines(content, catalog, before)
    items_total = sum((line.total for line in listed), ZERO)
    promotions = rebates.applicable(content.promotions, catalog, content.currency, items_total, now)
    lines = tuple(
        _promoted(line, item, promotions, content.currency)
        for line, item in zip(listed, content.items, strict=True)
    )
    methods = _methods(content, channel, catalog, before.priced.methods if before else ())
    return Priced(
        lines=lines,
        methods=methods,
        supports_multiple_shipments=channel.supports_multiple_shipments,
        totals=totals(content, channel, lines, _shipping_total(content, channel, methods), promotions),
    )


def list_lines(content: Content, catalog: Catalog, before: Basket | None) -> list[Line]:
    """Give the lines of the items before any promotion."""
    known = _known_lines(before) if before else {}
    return [_line(item, content.currency, catalog, known.get(item.id)) for item in content.items]


def _known_lines(basket: Basket) -> dict[str, Line]:
    return {item.id: line for item, line in zip(basket.content.items, basket.priced.lines, strict=True)}


def _line(item: Item, currency: str, catalog: Catalog, known: Line | None) -> Line:
    product = catalog.products.get(item.sku)
    if product is not None and (item.agreed_price is not None or product.price.currency == currency):
        name, single, rate = product.name, product.price.value, product.tax_rate
    elif known is not None:
        name, single, rate = known.name, known.list_price or known.price, known.tax_rate
    else:
        raise LookupError(f"item {item.id} has no product and no earlier price")
    if item.agreed_price is not None:
        single = item.agreed_price
    single = round_half_up(single, currency)
    return Line(name=name, price=single, total=single * item.quantity, tax_rate=rate)


def _promoted(line: Line, item: Item, promotions: Iterable[Promotion], currency: str) -> Line:
    """Lower the single price; one that was agreed on stays."""
    taken = ZERO
    if item.agreed_price is None:
        taken = rebates.rebate(promotions, Target.ITEM, line.price, currency)
    if not taken:
        return line
    price = line.price - taken
    return structs.replace(line, price=price, total=price * item.quantity, list_price=line.price)


def _methods(
    content: Content, channel: Channel, catalog: Catalog, known: Sequence[Shipping]
) -> tuple[Shipping, ...]:
    earlier = {shipping.id: shipping for shipping in known}
    ids = shipments.method_ids(content, is_multiple=channel.supports_multiple_shipments)
    found = (_shipping(id_, content.currency, catalog) or earlier.get(id_) for id_ in ids)
    return tuple(shipping for shipping in found if shipping is not None)


def _shipping(method_id: str, currency: str, catalog: Catalog) -> Shipping | None:
    method = catalog.shipping_methods.get(method_id)
    if method is None or method.price.currency != currency:
        return None
    return Shipping(
        id=method_id,
        name=method.name,
        price=round_half_up(method.price.value, currency),
        description=method.description,
        time_min=method.time_min,
        time_max=method.time_max,
    )


def _shipping_total(content: Content, channel: Channel, methods: Iterable[Shipping]) -> Decimal:
    """Each bucket costs what its method costs."""
    prices = {shipping.id: shipping.price for shipping in methods}
    buckets = shipments.buckets(content, is_multiple=channel.supports_multiple_shipments)
    return sum((prices.get(bucket.method_id, ZERO) for bucket in buckets), ZERO)
