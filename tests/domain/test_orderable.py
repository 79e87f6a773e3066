"""What keeps a basket from being ordered, where only the way of shipping makes the difference."""

from typing import Any

import shop
from msgspec import structs

from contracts.commands import AddressInput, BasketItemUpdate, ShippingMethodInput
from contracts.errors import ErrorKey
from worker.domain import items, orderable
from worker.domain.basket import Address, Basket
from worker.domain.reference import Channel, KnownAddress

SEVERAL = structs.replace(shop.GERMAN_GROSS, supports_multiple_shipments=True)
HOME = KnownAddress(owner="patricia", is_ship_to=True, address=Address(id="", city="Potsdam"))


def obstacles(basket: Basket, channel: Channel | None, **reference: Any) -> list[ErrorKey]:
    catalog = shop.context(**reference).catalog
    return [problem.code for problem in orderable.obstacles(basket, channel, catalog, shop.NOW)]


def shipped_apart() -> Basket:
    """Give a basket whose first item has a method and a known address of its own."""
    given = shop.context(channel=SEVERAL, addresses={"home": HOME})
    command = BasketItemUpdate(
        item_id="item-1",
        shipping_method=ShippingMethodInput(id="STD_5DAY"),
        ship_to_address=AddressInput(id="home"),
    )
    return shop.done(items.update(shop.seed_basket(given=shop.context()), command, given))


def test_the_method_and_the_address_of_an_item_must_be_there_where_items_have_their_own() -> None:
    basket = shipped_apart()
    assert obstacles(basket, SEVERAL, addresses={"home": HOME}) == []
    assert obstacles(basket, SEVERAL) == [ErrorKey.ADDRESS_NOT_FOUND]
    unmarked = {"home": structs.replace(HOME, is_ship_to=False)}
    assert obstacles(basket, SEVERAL, addresses=unmarked) == [ErrorKey.INVALID_ADDRESS]
    assert obstacles(basket, SEVERAL, addresses={"home": HOME}, methods={}) == [
        ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE
    ]


def test_what_is_not_in_force_is_no_obstacle() -> None:
    ground_only = {"STD_GROUND": shop.STANDARD_GROUND}
    assert obstacles(shipped_apart(), shop.GERMAN_GROSS, methods=ground_only) == []
    fast_only = {"STD_5DAY": shop.FIVE_DAYS}
    assert obstacles(shipped_apart(), SEVERAL, methods=fast_only, addresses={"home": HOME}) == []


def test_an_address_that_several_items_share_is_named_once() -> None:
    basket = shipped_apart()
    first = basket.content.items[0]
    both = tuple(structs.replace(item, ship_to=first.ship_to) for item in basket.content.items)
    content = structs.replace(basket.content, items=both, ship_to=first.ship_to)
    assert obstacles(structs.replace(basket, content=content), SEVERAL) == [ErrorKey.ADDRESS_NOT_FOUND]


def test_a_basket_whose_channel_is_gone_cannot_be_ordered() -> None:
    assert obstacles(shop.seed_basket(), None) == [ErrorKey.CHANNEL_NOT_FOUND]
