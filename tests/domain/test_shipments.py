"""Shipping buckets: one for each method and address, each at its method's price, and how they are shown."""

from typing import Any

import shop
from msgspec import UNSET, structs

from contracts.commands import BasketItemUpdate, ShippingMethodInput
from worker.domain import items, presenting, shipments
from worker.domain.basket import Address, Basket, Content, Item
from worker.domain.decisions import Context
from worker.domain.reference import Channel

SEVERAL = Channel(shipping_tax_rate=shop.GERMAN_GROSS.shipping_tax_rate, supports_multiple_shipments=True)
HOME, WORK = Address(id="home", city="Potsdam"), Address(id="work", city="Berlin")


def content_of(
    *shipped: tuple[str, Address | None], common: Address | None = None, method: str = ""
) -> Content:
    """Make a content with an item for each method and address."""
    return Content(
        currency="USD",
        items=tuple(
            Item(
                id=f"i{place}",
                sku="book",
                quantity=1,
                position=place + 1,
                shipping_method_id=method_id,
                ship_to=address,
            )
            for place, (method_id, address) in enumerate(shipped)
        ),
        ship_to=common,
        shipping_method_id=method,
    )


def buckets(content: Content, *, is_multiple: bool = True) -> list[tuple[tuple[int, ...], str, str | None]]:
    return [
        (bucket.places, bucket.method_id, bucket.ship_to.id if bucket.ship_to else None)
        for bucket in shipments.buckets(content, is_multiple=is_multiple)
    ]


def set_item(basket: Basket, item_id: str, given: Context, **fields: Any) -> Basket:
    return shop.done(items.update(basket, BasketItemUpdate(item_id=item_id, **fields), given))


def test_items_travel_together_when_both_method_and_address_are_the_same() -> None:
    content = content_of(("A", HOME), ("B", HOME), ("A", WORK), ("A", HOME), ("B", HOME), ("", None))
    assert buckets(content) == [
        ((0, 3), "A", "home"),
        ((1, 4), "B", "home"),
        ((2,), "A", "work"),
        ((5,), "", None),
    ]


def test_the_common_address_is_that_of_items_without_their_own() -> None:
    content = content_of(("A", None), ("A", WORK), ("A", HOME), common=HOME)
    assert buckets(content) == [((0, 2), "A", "home"), ((1,), "A", "work")]


def test_equal_addresses_are_one_address_whoever_copied_them() -> None:
    content = content_of(("A", Address(id="home", city="Potsdam")), ("A", None), common=HOME)
    assert buckets(content) == [((0, 1), "A", "home")]


def test_a_single_shipment_has_one_bucket_whatever_the_items_chose() -> None:
    content = content_of(("A", WORK), ("B", None), common=HOME, method="C")
    assert buckets(content, is_multiple=False) == [((0, 1), "C", "home")]


def test_no_items_no_bucket() -> None:
    for is_multiple in (True, False):
        assert buckets(content_of(common=HOME, method="C"), is_multiple=is_multiple) == []


def several(**fields: Any) -> tuple[Basket, Context]:
    """Give the document's basket in a channel with multiple shipments, and that channel's context."""
    given = shop.context(channel=SEVERAL, **fields)
    return shop.basket_of({"5079807": 1, "1612143": 1}, given=given), given


def test_each_bucket_costs_what_its_method_costs() -> None:
    basket, given = several()
    assert str(basket.priced.totals.shipping) == "0"
    ground, fast = ShippingMethodInput(id="STD_GROUND"), ShippingMethodInput(id="STD_5DAY")
    one = set_item(basket, "item-1", given, shipping_method=ground)
    assert str(one.priced.totals.shipping) == "16.94"
    both = set_item(one, "item-2", given, shipping_method=ground)
    assert str(both.priced.totals.shipping) == "16.94"  # one bucket
    apart = set_item(both, "item-2", given, ship_to_address=shop.address())
    assert str(apart.priced.totals.shipping) == "33.88"  # the same method, two addresses
    mixed = set_item(apart, "item-2", given, shipping_method=fast)
    assert str(mixed.priced.totals.shipping) == "41.94"
    # 1209.28 + 41.94; 41.94 * 19/119 = 6.6963…
    assert str(mixed.priced.totals.basket) == "1251.22"
    assert str(mixed.priced.totals.shipping_taxes[0].amount) == "6.70"


def test_an_item_of_the_common_address_joins_those_that_chose_the_same_one() -> None:
    basket, given = several()
    ground = ShippingMethodInput(id="STD_GROUND")
    for item_id in ("item-1", "item-2"):
        basket = set_item(basket, item_id, given, shipping_method=ground)
    basket = set_item(basket, "item-1", given, ship_to_address=shop.address())
    assert str(basket.priced.totals.shipping) == "33.88"
    basket = shop.updated(basket, given, common_ship_to_address=shop.address())
    assert str(basket.priced.totals.shipping) == "16.94"


def test_with_multiple_shipments_only_buckets_show_methods_and_addresses() -> None:
    basket, given = several()
    basket = shop.updated(basket, given, common_ship_to_address=shop.address(city="Berlin"))
    basket = set_item(
        basket,
        "item-2",
        given,
        ship_to_address=shop.address(),
        shipping_method=ShippingMethodInput(id="STD_GROUND"),
    )
    shown = presenting.view(basket)
    assert shown.multiple_shipments_supported is True
    assert (shown.common_ship_to_address, shown.common_shipping_method) == (UNSET, UNSET)
    first, second = shown.shipping_buckets
    assert (first.ship_to_address.city, first.shipping_method) == ("Berlin", UNSET)
    assert (second.ship_to_address.city, second.shipping_method.id) == ("Potsdam", "STD_GROUND")
    assert second.shipping_method.type == "BasketShippingMethod"
    assert [[link.uri for link in bucket.line_items] for bucket in (first, second)] == [
        ["default/baskets/a-basket/items/item-1"],
        ["default/baskets/a-basket/items/item-2"],
    ]
    assert [attribute.value for attribute in second.line_items[0].attributes] == [2, "1612143"]


def test_a_single_shipment_shows_them_on_the_basket_as_well() -> None:
    basket = shop.updated(shop.seed_basket(), shop.context(), common_ship_to_address=shop.address())
    shown = presenting.view(basket)
    assert shown.multiple_shipments_supported is False
    assert shown.common_ship_to_address.city == "Potsdam"
    assert (shown.common_shipping_method.type, shown.common_shipping_method.id) == (
        "ShippingMethodRO",
        "STD_GROUND",
    )
    (bucket,) = shown.shipping_buckets
    assert (bucket.ship_to_address.city, bucket.shipping_method.name) == ("Potsdam", "Standard Ground")
    assert len(bucket.line_items) == 2


def test_items_are_listed_before_a_method_or_an_address_is_set() -> None:
    for given in (shop.context(), shop.context(channel=SEVERAL)):
        (bucket,) = presenting.view(shop.basket_of({"book": 1, "1612143": 1}, given=given)).shipping_buckets
        assert (bucket.shipping_method, bucket.ship_to_address) == (UNSET, UNSET)
        assert [link.title for link in bucket.line_items] == ["A book", "Benq MD300"]


def test_a_channel_that_begins_to_ship_in_several_parts_takes_the_common_method_out_of_force() -> None:
    before = shop.seed_basket()
    after = shop.updated(before, shop.context(channel=SEVERAL), department="Sales")
    assert str(after.priced.totals.shipping) == "0"
    assert presenting.view(after).common_shipping_method is UNSET
    back = shop.updated(after, shop.context(), department="")
    assert (back.priced, back.content) == (before.priced, before.content)


def test_a_channel_that_ceases_to_ship_in_several_parts_takes_the_items_methods_out_of_force() -> None:
    basket, given = several()
    basket = set_item(basket, "item-1", given, shipping_method=ShippingMethodInput(id="STD_GROUND"))
    single = shop.updated(basket, shop.context(), department="Sales")
    assert str(single.priced.totals.shipping) == "0"
    (bucket,) = presenting.view(single).shipping_buckets
    assert (bucket.shipping_method, len(bucket.line_items)) == (UNSET, 2)


def test_what_is_shown_is_what_was_stored_until_the_next_change() -> None:
    stored = shop.seed_basket()
    assert presenting.view(stored).multiple_shipments_supported is False
    changed = structs.replace(stored.priced, supports_multiple_shipments=True)
    assert presenting.view(structs.replace(stored, priced=changed)).common_shipping_method is UNSET


def test_a_method_that_is_gone_keeps_the_price_it_had() -> None:
    basket, given = several()
    basket = set_item(basket, "item-1", given, shipping_method=ShippingMethodInput(id="STD_GROUND"))
    without = shop.context(channel=SEVERAL, methods={})
    assert str(shop.updated(basket, without, department="Sales").priced.totals.shipping) == "16.94"


def test_a_method_that_has_no_price_in_the_currency_any_more_keeps_the_one_it_had() -> None:
    in_yen = shop.context(methods={"STD_GROUND": shop.METHODS["YEN"]})
    after = shop.updated(shop.seed_basket(), in_yen, department="Sales")
    assert (after.priced.totals.shipping, after.priced.methods[0].name) == (
        shop.STANDARD_GROUND.price.value,
        "Standard Ground",
    )
