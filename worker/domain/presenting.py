"""From the basket to what the world sees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType, structs

from contracts.instants import epoch_milliseconds
from contracts.representation import (
    AddressView,
    AppliedTaxView,
    AttributeView,
    BasketView,
    BucketView,
    LinkView,
    MoneyView,
    PromotionView,
    RecurrenceView,
    ShippingMethodView,
    TotalsView,
    plain,
    present,
)
from worker.domain import presenting_datasets, shipments
from worker.domain.money import ZERO

if TYPE_CHECKING:
    from decimal import Decimal

    from worker.domain.basket import Address, Basket, Item, Line, Rule, Shipping, Tax


def view(basket: Basket) -> BasketView:
    """Show a basket. Single shipment shows the common address and method; multiple shows buckets alone."""
    content, priced = basket.content, basket.priced
    currency = content.currency
    is_single = not priced.supports_multiple_shipments
    return BasketView(
        id=basket.id,
        owner=basket.owner,
        version=basket.version,
        purchase_currency=currency,
        multiple_shipments_supported=priced.supports_multiple_shipments,
        cost_center_id=present(content.cost_center_id),
        invoice_to_address=_address(content.invoice_to),
        common_ship_to_address=_address(content.ship_to) if is_single else UNSET,
        common_shipping_method=_common_method(_method(basket, content.shipping_method_id))
        if is_single
        else UNSET,
        sales_tax_totals_by_tax_rate=present(_taxes(priced.totals.sales_taxes, currency)),
        shipping_tax_totals_by_tax_rate=present(_taxes(priced.totals.shipping_taxes, currency)),
        shipping_buckets=present(_buckets(basket)),
        totals=_totals(basket),
        department=present(content.department),
        taxation_id=present(content.taxation_id),
        external_order_reference_id=present(content.external_order_reference_id),
        tax_exempt=present(content.tax_exempt),
        promotions=present(tuple(PromotionView(code=code) for code in content.promotions)),
        recurrence=_recurrence(content.recurrence),
        dataset_selections=present(tuple(presenting_datasets.view(one) for one in content.datasets)),
        quota=sum(one.counts.quota for one in content.datasets) if content.datasets else UNSET,
    )


def _recurrence(rule: Rule | None) -> RecurrenceView | UnsetType:
    if rule is None:
        return UNSET
    return RecurrenceView(
        start_date=epoch_milliseconds(rule.start_at),
        end_date=UNSET if rule.end_at is None else epoch_milliseconds(rule.end_at),
        interval=rule.interval,
        repetitions=present(rule.repetitions),
        execute_missed_orders=rule.executes_missed,
        time_zone=present(rule.time_zone),
        new_data_only=rule.new_data_only or UNSET,
    )


def _address(address: Address | None) -> AddressView | UnsetType:
    if address is None:
        return UNSET
    fields = structs.asdict(address)
    del fields["origin"]
    return AddressView(**{name: present(text) for name, text in fields.items()})


def _method(basket: Basket, method_id: str) -> Shipping | None:
    return next((method for method in basket.priced.methods if method.id == method_id), None)


def _common_method(shipping: Shipping | None) -> ShippingMethodView | UnsetType:
    if shipping is None:
        return UNSET
    return ShippingMethodView(
        type="ShippingMethodRO",
        id=shipping.id,
        name=shipping.name,
        description=present(shipping.description),
        shipping_time_min=present(shipping.time_min),
        shipping_time_max=present(shipping.time_max),
    )


def _bucket_method(shipping: Shipping | None) -> ShippingMethodView | UnsetType:
    if shipping is None:
        return UNSET
    return ShippingMethodView(
        type="BasketShippingMethod",
        id=shipping.id,
        name=shipping.name,
        shipping_time_min=present(shipping.time_min),
        shipping_time_max=present(shipping.time_max),
    )


def _buckets(basket: Basket) -> tuple[BucketView, ...]:
    """Show the items by where and how they travel; they are listed also while neither is known."""
    lines = zip(basket.content.items, basket.priced.lines, strict=True)
    links = [_link(basket, item, line) for item, line in lines]
    buckets = shipments.buckets(basket.content, is_multiple=basket.priced.supports_multiple_shipments)
    return tuple(
        BucketView(
            shipping_method=_bucket_method(_method(basket, bucket.method_id)),
            ship_to_address=_address(bucket.ship_to),
            line_items=tuple(links[place] for place in bucket.places),
        )
        for bucket in buckets
    )


def _link(basket: Basket, item: Item, line: Line) -> LinkView:
    return LinkView(
        uri=f"{basket.channel}/baskets/{basket.id}/items/{item.id}",
        title=line.name,
        attributes=(
            AttributeView(name="position", type="Integer", value=item.position),
            AttributeView(name="sku", type="String", value=item.sku),
        ),
    )


def _taxes(taxes: tuple[Tax, ...], currency: str) -> tuple[AppliedTaxView, ...]:
    return tuple(AppliedTaxView(amount=money(tax.amount, currency), rate=plain(tax.rate)) for tax in taxes)


def _totals(basket: Basket) -> TotalsView:
    totals, currency = basket.priced.totals, basket.content.currency
    zero = money(ZERO, currency)
    return TotalsView(
        basket_total=money(totals.basket, currency),
        item_total=money(totals.items, currency),
        shipping_total=money(totals.shipping, currency),
        tax_total=money(totals.tax, currency),
        basket_value_rebates_total=money(totals.basket_rebate, currency),
        item_shipping_rebates_total=zero,
        bucket_shipping_rebates_total=zero,
        basket_shipping_rebates_total=money(totals.shipping_rebate, currency),
        duties_and_surcharges_total=zero,
    )


def money(value: Decimal, currency: str) -> MoneyView:
    return MoneyView(currency_mnemonic=currency, value=plain(value))
