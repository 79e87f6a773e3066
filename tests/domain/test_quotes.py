"""Quotes: items at agreed prices and quantities, for their customer and while they hold."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import shop
from msgspec import structs

from contracts.commands import (
    BasketItemAdd,
    BasketItemRemove,
    BasketItemUpdate,
    BasketUpdate,
    QuantityInput,
    RecurrenceInput,
)
from contracts.errors import ErrorKey
from worker.domain import adding, items, updating
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Completed, Context, Decision
from worker.domain.money import Money
from worker.domain.reference import Channel, Product, Quote, QuoteItem

BUYER = Caller(user="patricia", customer="acme")
RECURRING = Channel(shipping_tax_rate=Decimal(19), recurring_orders_enabled=True)
MONTHLY = RecurrenceInput(start_date="2026-06-01T10:00:00Z", interval="P1M")


def agreed(sku: str, quantity: int, price: str, currency: str = "USD") -> QuoteItem:
    return QuoteItem(sku=sku, quantity=quantity, price=Money(currency, Decimal(price)))


MICE = Quote(
    customer="acme",
    state="open",
    valid_to=shop.NOW,
    items=(agreed("1612143", 10, "40.00"), agreed("book", 2, "9.99")),
)


def offered(quote: Quote = MICE, **fields: Any) -> Context:
    return shop.context(**{"caller": BUYER, "quotes": {"q": quote}, **fields})


def add(basket: Basket, given: Context, quote_id: str = "q") -> Decision:
    return adding.add_items(basket, BasketItemAdd(quote_id=quote_id), given)


def with_quote(quote: Quote = MICE) -> Basket:
    """Give the document's basket with a quote behind its two items; the ids count from item-1."""
    given = offered(quote)
    return shop.done(add(shop.seed_basket(given), given))


def test_a_quote_brings_its_items_behind_those_that_are_there_at_the_agreed_prices() -> None:
    before = shop.seed_basket()
    decision = add(before, offered())
    assert isinstance(decision, Completed)
    assert decision.status == 201
    after = shop.done(decision)
    assert after.content.items[:2] == before.content.items
    assert [
        (item.sku, item.quantity, item.position, item.quote_id, item.agreed_price)
        for item in after.content.items[2:]
    ] == [("1612143", 10, 3, "q", Decimal("40.00")), ("book", 2, 4, "q", Decimal("9.99"))]
    assert after.version == before.version + 1
    assert after.priced.totals.items == Decimal("1629.26")  # 1209.28 + 400.00 + 19.98
    assert [line.name for line in after.priced.lines[2:]] == ["Benq MD300", "A book"]


def test_the_same_sku_beside_a_quote_is_an_item_of_its_own() -> None:
    basket = shop.done(
        adding.add_items(with_quote(), shop.adding_of([("book", 1), ("1612143", 1)]), offered())
    )
    assert [(item.sku, item.quantity, item.quote_id) for item in basket.content.items] == [
        ("5079807", 1, ""),
        ("1612143", 2, ""),
        ("1612143", 10, "q"),
        ("book", 2, "q"),
        ("book", 1, ""),
    ]


def test_a_quote_that_is_there_already_stays_in_once() -> None:
    once = with_quote()
    decision = add(once, offered())
    assert isinstance(decision, Completed)
    assert (decision.status, decision.basket) == (201, once)


def test_two_quotes_may_stand_side_by_side() -> None:
    other = structs.replace(MICE, items=(agreed("book", 1, "5.00"),))
    basket = shop.done(add(with_quote(), offered(quotes={"q": MICE, "r": other}), "r"))
    assert [item.quote_id for item in basket.content.items] == ["", "", "q", "q", "r"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"valid_to": shop.NOW - timedelta(microseconds=1)}, ErrorKey.QUOTE_EXPIRED),
        ({"state": "rejected"}, ErrorKey.QUOTE_REJECTED),
        ({"state": "rejected", "valid_to": shop.NOW - timedelta(days=1)}, ErrorKey.QUOTE_REJECTED),
        ({"customer": "other"}, ErrorKey.QUOTE_NOT_FOUND),
        ({"customer": "other", "state": "rejected"}, ErrorKey.QUOTE_NOT_FOUND),
        ({"items": (agreed("unknown", 1, "1.00"),)}, ErrorKey.PRODUCT_NOT_FOUND),
        ({"items": (agreed("sold-out", 1, "1.00"),)}, ErrorKey.PRODUCT_NOT_AVAILABLE),
        ({"items": (agreed("book", 1, "1.00", "EUR"),)}, ErrorKey.PRODUCT_NOT_AVAILABLE),
    ],
)
def test_a_quote_that_does_not_hold_is_refused(changed: dict[str, Any], code: ErrorKey) -> None:
    refused = add(shop.seed_basket(), offered(structs.replace(MICE, **changed)))
    assert shop.refusals(refused) == [(code, "$.quoteID")]


@pytest.mark.parametrize("state", ["open", "accepted"])
def test_an_open_or_accepted_quote_holds_to_its_last_instant(state: Any) -> None:
    assert with_quote(structs.replace(MICE, state=state, valid_to=shop.NOW)).content.has_quote


@pytest.mark.parametrize("caller", [shop.PATRICIA, Caller(user="acme"), Caller(user="x", customer="ACME")])
def test_a_quote_of_another_customer_is_not_there(caller: Caller) -> None:
    for quote_id in ("q", "unknown", ""):
        refused = add(shop.seed_basket(), offered(caller=caller), quote_id)
        assert shop.refusals(refused) == [(ErrorKey.QUOTE_NOT_FOUND, "$.quoteID")]


def test_a_product_without_a_price_in_the_currency_may_be_quoted_in_it() -> None:
    basket = with_quote(structs.replace(MICE, items=(agreed("yen-only", 3, "8.00"),)))
    assert basket.priced.totals.items == Decimal("1233.28")


def test_every_problem_of_a_quote_is_named() -> None:
    bad = structs.replace(
        MICE,
        state="rejected",
        items=(agreed("unknown", 1, "1.00"), agreed("sold-out", 1, "1.00"), agreed("book", 1, "1.00")),
    )
    assert [code for code, _ in shop.refusals(add(shop.seed_basket(), offered(bad)))] == [
        ErrorKey.QUOTE_REJECTED,
        ErrorKey.PRODUCT_NOT_FOUND,
        ErrorKey.PRODUCT_NOT_AVAILABLE,
    ]


def test_a_basket_with_a_quote_cannot_recur() -> None:
    given = offered(channel=RECURRING)
    refused = updating.update(with_quote(), BasketUpdate(recurrence=MONTHLY), given)
    assert shop.refusals(refused) == [(ErrorKey.RECURRING_NOT_ALLOWED, "$.recurrence")]
    removal = BasketUpdate(recurrence=RecurrenceInput(interval="P0D"))
    assert shop.done(updating.update(with_quote(), removal, given)) == with_quote()


def test_a_recurrent_basket_takes_no_quote() -> None:
    given = offered(channel=RECURRING)
    recurrent = shop.updated(shop.seed_basket(), given, recurrence=MONTHLY)
    assert shop.refusals(add(recurrent, given)) == [(ErrorKey.RECURRING_NOT_ALLOWED, "$.quoteID")]


def test_it_can_recur_once_the_last_item_of_the_quote_is_removed() -> None:
    given, basket = offered(channel=RECURRING), with_quote()
    for item in basket.content.items[2:]:
        basket = shop.done(items.remove(basket, BasketItemRemove(item_id=item.id), given))
    assert shop.updated(basket, given, recurrence=MONTHLY).content.recurrence is not None


def test_the_quantity_of_a_quotes_item_cannot_be_changed_and_it_can_be_removed() -> None:
    basket = with_quote()
    item = basket.content.items[2]
    changed = BasketItemUpdate(item_id=item.id, quantity=QuantityInput(value=1))
    refused = items.update(basket, changed, offered())
    assert shop.refusals(refused) == [(ErrorKey.QUOTE_ITEM_FIXED, "$.quantity")]
    removed = shop.done(items.remove(basket, BasketItemRemove(item_id=item.id), offered()))
    assert [one.sku for one in removed.content.items] == ["5079807", "1612143", "book"]
    assert removed.priced.totals.items == Decimal("1229.26")


def test_an_agreed_price_is_not_lowered_by_item_promotions_nor_moved_by_new_prices() -> None:
    half = {"HALF": shop.percent_off("item", "50")}
    dearer = Product(name="Benq MD300", price=Money("USD", Decimal("99.00")), tax_rate=Decimal(19))
    given = offered(promotions=half, products={**shop.PRODUCTS, "1612143": dearer})
    basket = shop.updated(with_quote(), given, **shop.coded("HALF"))
    assert [str(line.price) for line in basket.priced.lines] == ["581.10", "49.50", "40.00", "9.99"]


def test_a_basket_promotion_counts_agreed_items_as_well() -> None:
    tenth = {"TENTH": shop.percent_off("basket", "10")}
    basket = shop.updated(with_quote(), offered(promotions=tenth), **shop.coded("TENTH"))
    assert basket.priced.totals.basket_rebate == Decimal("162.93")  # of 1629.26


def test_an_agreed_price_stays_when_the_product_is_gone() -> None:
    before = with_quote()
    after = shop.updated(before, offered(products={}), department="Sales")
    assert after.priced == before.priced


def numbered(size: int) -> Quote:
    return structs.replace(MICE, items=tuple(agreed("book", 1, "9.99") for _ in range(size)))


def test_a_basket_with_a_quote_holds_at_most_five_hundred_items() -> None:
    assert len(with_quote(numbered(498)).content.items) == 500
    refused = add(shop.seed_basket(), offered(numbered(499)))
    assert shop.refusals(refused) == [(ErrorKey.LIMIT_EXCEEDED, "$.quoteID")]


def test_a_large_quote_that_is_there_already_stays_in_once() -> None:
    once = with_quote(numbered(251))
    assert shop.done(add(once, offered(numbered(251)))) == once


def test_every_item_of_a_quote_has_an_id_of_its_own() -> None:
    assert [item.id for item in with_quote().content.items] == ["item-1", "item-2", "item-3", "item-4"]
