"""From the lines of a basket to its totals: rebates, taxes, what is to be paid (contract, sections 3 and 7).

With gross prices tax is contained in the totals, with net prices it is added; an exempt buyer pays net. Tax
is reckoned once for each rate, after rebates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from worker.domain import rebates
from worker.domain.basket import Line, Tax, Totals
from worker.domain.money import EXACT_DIGITS, ZERO, round_half_up
from worker.domain.rebates import Taxable
from worker.domain.reference import Promotion, Target

if TYPE_CHECKING:
    from worker.domain.basket import Content
    from worker.domain.reference import Channel

_PERCENT = Decimal(100)


def totals(
    content: Content,
    channel: Channel,
    lines: Sequence[Line],
    shipping: Decimal,
    promotions: Sequence[Promotion],
) -> Totals:
    """Total the lines and the price of shipping, both before the rebates of these promotions."""
    currency, is_net = content.currency, channel.price_type == "net"
    items = sum((line.total for line in lines), ZERO)
    basket_rebate = rebates.rebate(promotions, Target.BASKET, items, currency)
    shipping_rebate = rebates.rebate(promotions, Target.SHIPPING, shipping, currency)
    sold = [(line.tax_rate, line.total) for line in lines]
    shares = rebates.spread(basket_rebate, sold, currency)
    paid = [(rate, total - share) for (rate, total), share in zip(sold, shares, strict=True)]
    rate = channel.shipping_tax_rate
    sales_taxes = _taxes(paid, currency, is_net=is_net)
    shipping_taxes = _taxes([(rate, shipping - shipping_rebate)], currency, is_net=is_net)
    if content.tax_exempt:
        if not is_net:
            items, basket_rebate = _net(items, basket_rebate, _taxes(sold, currency), sales_taxes)
            full_tax = _taxes([(rate, shipping)], currency)
            shipping, shipping_rebate = _net(shipping, shipping_rebate, full_tax, shipping_taxes)
        sales_taxes = shipping_taxes = ()
    tax = _sum(sales_taxes) + _sum(shipping_taxes)
    return Totals(
        basket=items - basket_rebate + shipping - shipping_rebate + (tax if is_net else ZERO),
        items=items,
        shipping=shipping,
        tax=tax,
        basket_rebate=basket_rebate,
        shipping_rebate=shipping_rebate,
        sales_taxes=sales_taxes,
        shipping_taxes=shipping_taxes,
    )


def _net(
    gross: Decimal, rebate: Decimal, full: Iterable[Tax], reduced: Iterable[Tax]
) -> tuple[Decimal, Decimal]:
    """Take the contained tax out of a gross amount and its rebate, so that their difference stays exact."""
    net = gross - _sum(full)
    return net, net - (gross - rebate - _sum(reduced))


def _taxes(amounts: Iterable[Taxable], currency: str, *, is_net: bool = False) -> tuple[Tax, ...]:
    """Tax each rate's sum once: contained in gross prices, on top of net ones."""
    sums: dict[Decimal, Decimal] = defaultdict(lambda: ZERO)
    for rate, amount in amounts:
        if rate and amount:
            sums[rate] += amount
    with localcontext(prec=EXACT_DIGITS):
        return tuple(
            Tax(
                rate=rate,
                amount=round_half_up(amount * rate / (_PERCENT if is_net else _PERCENT + rate), currency),
            )
            for rate, amount in sorted(sums.items())
        )


def _sum(taxes: Iterable[Tax]) -> Decimal:
    return sum((tax.amount for tax in taxes), ZERO)
