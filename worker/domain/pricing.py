"""What a basket costs (contract, section 3).

The single price is rounded first and then multiplied; half-up; everything in Decimal. With gross prices tax
is contained in the totals, with net prices it is added; an exempt buyer pays net.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from worker.domain.basket import Content, Line, Priced, Shipping, Tax, Totals
from worker.domain.money import ZERO, round_half_up

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.domain.basket import Basket, Item
    from worker.domain.reference import Catalog, Channel

_PERCENT = Decimal(100)
_EXACT_DIGITS = 60  # a sum of 500 items times a rate of 12 decimals, rounded once and not on the way


def price(content: Content, channel: Channel, catalog: Catalog, before: Basket | None = None) -> Priced:
    """Price a content at the prices of now.

    An item whose product is gone, or has no price in the basket's currency any more, keeps the line it had
    in the basket `before`: a changed catalogue never stops an owner from editing a basket.
    """
    known = _known_lines(before) if before else {}
    lines = tuple(_line(item, content.currency, catalog, known.get(item.id)) for item in content.items)
    shipping = _shipping(content, catalog, before.priced.shipping if before else None)
    shipping_cost = shipping.price if shipping and lines else ZERO
    shipping_rates = [(channel.shipping_tax_rate, shipping_cost)]
    sales_taxes = _taxes(((line.tax_rate, line.total) for line in lines), content.currency, channel)
    shipping_taxes = _taxes(shipping_rates, content.currency, channel)
    items_total = sum((line.total for line in lines), ZERO)
    return Priced(
        lines=lines,
        shipping=shipping,
        supports_multiple_shipments=channel.supports_multiple_shipments,
        totals=_totals(
            items_total,
            shipping_cost,
            sales_taxes,
            shipping_taxes,
            prices_are_net=channel.price_type == "net",
            is_exempt=bool(content.tax_exempt),
        ),
    )


def _known_lines(basket: Basket) -> dict[str, Line]:
    return {item.id: line for item, line in zip(basket.content.items, basket.priced.lines, strict=True)}


def _line(item: Item, currency: str, catalog: Catalog, known: Line | None) -> Line:
    product = catalog.products.get(item.sku)
    if product is None or product.price.currency != currency:
        if known is None:
            raise LookupError(f"item {item.id} has no product and no earlier price")
        name, single, rate = known.name, known.price, known.tax_rate
    else:
        name, rate = product.name, product.tax_rate
        single = round_half_up(product.price.value, currency)
    return Line(name=name, price=single, total=single * item.quantity, tax_rate=rate)


def _shipping(content: Content, catalog: Catalog, known: Shipping | None) -> Shipping | None:
    if not content.shipping_method_id:
        return None
    method = catalog.shipping_methods.get(content.shipping_method_id)
    if method is None or method.price.currency != content.currency:
        return known
    return Shipping(
        id=content.shipping_method_id,
        name=method.name,
        price=round_half_up(method.price.value, content.currency),
        description=method.description,
        time_min=method.time_min,
        time_max=method.time_max,
    )


def _taxes(amounts: Iterable[tuple[Decimal, Decimal]], currency: str, channel: Channel) -> tuple[Tax, ...]:
    """Tax each rate's sum once: contained in gross prices, on top of net ones."""
    sums: dict[Decimal, Decimal] = defaultdict(lambda: ZERO)
    for rate, amount in amounts:
        if rate and amount:
            sums[rate] += amount
    is_net = channel.price_type == "net"
    with localcontext(prec=_EXACT_DIGITS):
        return tuple(
            Tax(
                rate=rate,
                amount=round_half_up(amount * rate / (_PERCENT if is_net else _PERCENT + rate), currency),
            )
            for rate, amount in sorted(sums.items())
        )


def _totals(
    items: Decimal,
    shipping: Decimal,
    sales_taxes: tuple[Tax, ...],
    shipping_taxes: tuple[Tax, ...],
    *,
    prices_are_net: bool,
    is_exempt: bool,
) -> Totals:
    sales_tax = sum((tax.amount for tax in sales_taxes), ZERO)
    shipping_tax = sum((tax.amount for tax in shipping_taxes), ZERO)
    if is_exempt:
        net_items = items if prices_are_net else items - sales_tax
        net_shipping = shipping if prices_are_net else shipping - shipping_tax
        return Totals(basket=net_items + net_shipping, items=net_items, shipping=net_shipping, tax=ZERO)
    tax = sales_tax + shipping_tax
    return Totals(
        basket=items + shipping + (tax if prices_are_net else ZERO),
        items=items,
        shipping=shipping,
        tax=tax,
        sales_taxes=sales_taxes,
        shipping_taxes=shipping_taxes,
    )
