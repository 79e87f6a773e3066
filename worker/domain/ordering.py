"""The order: a basket as it stands when it is ordered (contract, 6.7)."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, UnsetType, structs

from contracts.instants import iso
from contracts.orders import OrderLineView, OrderSummaryView, OrderView, RecurringView
from contracts.representation import BasketView
from worker.domain import gathering, presenting, pricing
from worker.domain.basket import Basket
from worker.domain.money import Money
from worker.domain.reference import Catalog, Channel
from worker.domain.scheduling import Placement
from worker.domain.search.questions import Gathered
from worker.domain.value import Value


class Order(Value, frozen=True, kw_only=True):
    """An order as it is kept: what lists and access need, and the whole as it was published.

    A list is read without the documents: one of 500 items takes 170 KB.
    """

    channel: str
    id: str
    number: str
    basket_id: str
    owner: str
    generation: int | None = None
    occurrence: int | None = None
    due_at: datetime | None = None
    placed_at: datetime
    is_catch_up: bool = False
    total: Money
    document: OrderView | None = None


def repriced(basket: Basket, channel: Channel, catalog: Catalog, now: datetime) -> Basket:
    """Give the basket at the prices of now; for ordering only, it is not stored so."""
    priced = pricing.price(basket.content, channel, catalog, now, before=basket)
    return structs.replace(basket, priced=priced)


def order(
    basket: Basket,
    placement: Placement | None,
    *,
    order_id: str,
    number: str,
    placed_at: datetime,
    gathered: Gathered | None = None,
) -> Order:
    """Make the order of an occurrence, or of none, from a priced basket and what it takes of data."""
    return Order(
        channel=basket.channel,
        id=order_id,
        number=number,
        basket_id=basket.id,
        owner=basket.owner,
        generation=placement.generation if placement else None,
        occurrence=placement.occurrence if placement else None,
        due_at=placement.due_at if placement else None,
        placed_at=placed_at,
        is_catch_up=placement.is_catch_up if placement else False,
        total=Money(basket.content.currency, basket.priced.totals.basket),
        document=_document(basket, placement, order_id, number, placed_at, gathered),
    )


def summary(kept: Order) -> OrderSummaryView:
    return OrderSummaryView(
        id=kept.id,
        number=kept.number,
        placed_at=iso(kept.placed_at),
        occurrence=UNSET if kept.occurrence is None else kept.occurrence,
        due_at=instant(kept.due_at),
        basket_total=presenting.money(kept.total.value, kept.total.currency),
    )


def instant(value: datetime | None) -> str | UnsetType:
    """Write an instant for the wire; UNSET when there is none."""
    return UNSET if value is None else iso(value)


def _document(
    basket: Basket,
    placement: Placement | None,
    order_id: str,
    number: str,
    placed_at: datetime,
    gathered: Gathered | None,
) -> OrderView:
    shown = presenting.view(basket)
    lines = zip(basket.content.items, basket.priced.lines, strict=True)
    currency = basket.content.currency
    return OrderView(
        id=order_id,
        number=number,
        basket_id=basket.id,
        channel=basket.channel,
        owner=basket.owner,
        recurring=UNSET if placement is None else _recurring(placement),
        shipping_buckets=shown.shipping_buckets if shown.multiple_shipments_supported else UNSET,
        placed_at=iso(placed_at),
        dataset_tasks=UNSET if gathered is None else gathering.views(gathered),
        line_items=tuple(
            OrderLineView(
                sku=item.sku,
                name=line.name,
                quantity=item.quantity,
                price=presenting.money(line.price, currency),
                total=presenting.money(line.total, currency),
            )
            for item, line in lines
        ),
        **{name: getattr(shown, name) for name in _SHARED_FIELDS},
    )


def _recurring(placement: Placement) -> RecurringView:
    return RecurringView(
        generation=placement.generation,
        occurrence=placement.occurrence,
        due_at=iso(placement.due_at),
        catch_up=placement.is_catch_up,
        trigger=placement.trigger,
    )


# What an order shows just as its basket does.
_SHARED_FIELDS = sorted(
    set(BasketView.__struct_fields__)
    & set(OrderView.__struct_fields__) - {"type", "id", "owner", "version", "name", "shipping_buckets"}
)
