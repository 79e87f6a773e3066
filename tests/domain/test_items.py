"""`basket.item.update` and `basket.item.remove`: one item changes, the others stay as they are."""

from decimal import Decimal
from typing import Any

import pytest
import shop

from contracts.commands import (
    AddressInput,
    BasketItemRemove,
    BasketItemUpdate,
    QuantityInput,
    ShippingMethodInput,
)
from contracts.errors import ErrorKey
from worker.domain import adding, items
from worker.domain.basket import Basket, Item
from worker.domain.decisions import Completed, Context, Decision
from worker.domain.reference import Channel

SEVERAL = shop.context(channel=Channel(supports_multiple_shipments=True))


def update(
    basket: Basket, item_id: str = "item-1", given: Context | None = None, /, **fields: Any
) -> Decision:
    return items.update(basket, BasketItemUpdate(item_id=item_id, **fields), given or shop.context())


def quantity(value: Any) -> QuantityInput:
    return QuantityInput(value=value)


def remove(basket: Basket, item_id: str) -> Decision:
    return items.remove(basket, BasketItemRemove(item_id=item_id), shop.context())


def test_a_quantity_is_set_and_not_added_to() -> None:
    before = shop.seed_basket()
    decision = update(before, "item-2", quantity=quantity(3))
    assert isinstance(decision, Completed)
    assert decision.status == 200
    after = shop.done(decision)
    assert after.content.items == (
        Item(id="item-1", sku="5079807", quantity=1, position=1),
        Item(id="item-2", sku="1612143", quantity=3, position=2),
    )
    assert after.version == before.version + 1
    assert after.priced.totals.items == Decimal("1303.44")  # 1162.20 + 3 * 47.08


def test_an_item_may_hold_a_hundred_thousand_pieces() -> None:
    assert (
        shop.done(update(shop.seed_basket(), quantity=quantity(100_000))).content.items[0].quantity == 100_000
    )


@pytest.mark.parametrize("value", [0, -1, 100_001, Decimal("1.5"), "2", None, True])
def test_a_quantity_out_of_range_is_refused(value: Any) -> None:
    refused = update(shop.seed_basket(), quantity=quantity(value))
    assert shop.refusals(refused) == [(ErrorKey.QUANTITY_INVALID, "$.quantity.value")]
    absent = update(shop.seed_basket(), quantity=QuantityInput())
    assert shop.refusals(absent) == [(ErrorKey.QUANTITY_INVALID, "$.quantity.value")]


@pytest.mark.parametrize("fields", [{}, {"quantity": QuantityInput(value=1)}])
def test_what_changes_nothing_leaves_the_version_alone(fields: dict[str, Any]) -> None:
    before = shop.seed_basket()
    assert shop.done(update(before, **fields)) == before


def test_an_item_that_is_not_there_is_named_in_the_refusal() -> None:
    expected = [(ErrorKey.LINE_ITEM_NOT_FOUND, "$.itemId")]
    for item_id in ("item-3", "", "5079807"):
        assert shop.refusals(update(shop.seed_basket(), item_id, quantity=quantity(1))) == expected
        assert shop.refusals(remove(shop.seed_basket(), item_id)) == expected


def test_method_and_address_are_set_at_an_item_where_the_channel_ships_in_several_parts() -> None:
    before = shop.basket_of({"book": 1, "1612143": 1}, given=SEVERAL)
    item_ids = [item.id for item in before.content.items]
    method = ShippingMethodInput(id="STD_GROUND")
    decision = update(
        before,
        item_ids[1],
        SEVERAL,
        shipping_method=method,
        ship_to_address=shop.address(),
        quantity=quantity(2),
    )
    after = shop.done(decision)
    first, second = after.content.items
    assert first == before.content.items[0]
    assert (second.shipping_method_id, second.quantity, after.version) == (
        "STD_GROUND",
        2,
        before.version + 1,
    )
    assert second.ship_to is not None
    assert second.ship_to.city == "Potsdam"
    removed = shop.done(update(after, item_ids[1], SEVERAL, shipping_method=ShippingMethodInput(id="")))
    assert (removed.content.items[1].shipping_method_id, removed.priced.totals.shipping) == ("", 0)


def test_a_channel_with_single_shipment_takes_neither() -> None:
    refused = update(
        shop.seed_basket(),
        shipping_method=ShippingMethodInput(id="STD_GROUND"),
        ship_to_address=AddressInput(id="unknown"),
    )
    assert shop.refusals(refused) == [
        (ErrorKey.SHIPPING_METHOD_NOT_ALLOWED, "$.shippingMethod"),
        (ErrorKey.SHIPPING_METHOD_NOT_ALLOWED, "$.shipToAddress"),
    ]


def test_every_problem_of_an_update_is_named() -> None:
    refused = update(
        shop.seed_basket(),
        "item-9",
        SEVERAL,
        quantity=quantity(0),
        shipping_method=ShippingMethodInput(id="YEN"),
        ship_to_address=shop.address(city="", country_code="XX"),
    )
    assert shop.refusals(refused) == [
        (ErrorKey.LINE_ITEM_NOT_FOUND, "$.itemId"),
        (ErrorKey.QUANTITY_INVALID, "$.quantity.value"),
        (ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE, "$.shippingMethod"),
        (ErrorKey.ADDRESS_MISSING_FIELDS, "$.shipToAddress"),
        (ErrorKey.INVALID_ADDRESS, "$.shipToAddress.countryCode"),
    ]


def test_an_item_is_removed_and_the_others_keep_ids_and_positions() -> None:
    before = shop.basket_of({"5079807": 1, "1612143": 1, "book": 2})
    decision = remove(before, "item-2")
    assert isinstance(decision, Completed)
    assert decision.status == 200
    after = shop.done(decision)
    assert [(item.id, item.position) for item in after.content.items] == [("item-1", 1), ("item-3", 3)]
    assert (after.version, after.priced.totals.basket) == (before.version + 1, Decimal("1183.60"))


def test_what_is_added_after_a_removal_comes_last() -> None:
    removed = shop.done(remove(shop.basket_of({"5079807": 1, "1612143": 1, "book": 2}), "item-1"))
    after = shop.done(adding.add_items(removed, shop.adding_of([("5079807", 1)]), shop.context()))
    assert [(item.sku, item.position) for item in after.content.items] == [
        ("1612143", 2),
        ("book", 3),
        ("5079807", 4),
    ]


def test_the_last_item_may_go_and_the_basket_stays_with_what_else_was_set() -> None:
    basket = shop.updated(shop.basket_of({"book": 1}, "STD_GROUND"), shop.context(), department="Sales")
    emptied = shop.done(remove(basket, "item-1"))
    assert (emptied.is_open, emptied.content.items, emptied.content.department) == (True, (), "Sales")
    assert emptied.priced.totals.basket == 0
    assert shop.updated(emptied, shop.context(), purchase_currency="USD") == emptied


def test_an_item_whose_product_is_gone_can_still_be_changed_and_removed() -> None:
    gone = shop.context(products={})
    three = shop.done(update(shop.basket_of({"1612143": 1}), "item-1", gone, quantity=quantity(3)))
    assert three.priced.totals.items == Decimal("141.24")
    removed = items.remove(three, BasketItemRemove(item_id="item-1"), gone)
    assert shop.done(removed).priced.totals.items == 0
