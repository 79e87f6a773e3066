"""`basket.item.add`: the same SKU merges, quantities are whole numbers, and it is all elements or none."""

from decimal import Decimal
from typing import Any

import pytest
import shop
from hypothesis import given
from hypothesis import strategies as st

from contracts.commands import BasketItemAdd, ElementInput
from contracts.errors import ErrorKey
from worker.domain import adding
from worker.domain.basket import Basket, Item
from worker.domain.decisions import Completed, Refused


def add(basket: Basket, *quantities: tuple[str, Any]) -> Any:
    return adding.add_items(basket, shop.adding_of(quantities), shop.context())


def test_products_are_added_in_the_order_in_which_they_are_named() -> None:
    decision = add(shop.empty_basket(shop.context()), ("5079807", 1), ("1612143", 2))
    assert isinstance(decision, Completed)
    assert decision.status == 201
    basket = shop.done(decision)
    assert basket.content.items == (
        Item(id="item-1", sku="5079807", quantity=1, position=1),
        Item(id="item-2", sku="1612143", quantity=2, position=2),
    )
    assert basket.version == 2
    assert [line.total for line in basket.priced.lines] == [Decimal("1162.20"), Decimal("94.16")]


def test_the_same_sku_again_adds_to_its_item_within_a_command_and_across_commands() -> None:
    basket = shop.done(add(shop.empty_basket(shop.context()), ("book", 1), ("1612143", 1), ("book", 2)))
    basket = shop.done(add(basket, ("book", 4)))
    assert [(item.sku, item.quantity, item.position) for item in basket.content.items] == [
        ("book", 7, 1),
        ("1612143", 1, 2),
    ]
    assert basket.version == 3


@given(st.lists(st.tuples(st.sampled_from(["book", "1612143", "5079807"]), st.integers(1, 100)), min_size=1))
def test_every_sku_has_one_item_with_the_sum_of_its_quantities(elements: list[tuple[str, int]]) -> None:
    items = shop.done(add(shop.empty_basket(shop.context()), *elements)).content.items
    sums: dict[str, int] = {}
    for sku, quantity in elements:
        sums[sku] = sums.get(sku, 0) + quantity
    assert {item.sku: item.quantity for item in items} == sums
    assert len(items) == len(sums)
    assert [item.position for item in items] == list(range(1, len(items) + 1))


@pytest.mark.parametrize("quantity", [1, 2, 100_000, Decimal("2.0"), Decimal("1E+5"), Decimal("3E0")])
def test_a_quantity_is_a_whole_number_however_it_is_written(quantity: Any) -> None:
    basket = shop.done(add(shop.empty_basket(shop.context()), ("book", quantity)))
    assert basket.content.items[0].quantity == int(quantity)
    assert type(basket.content.items[0].quantity) is int


@pytest.mark.parametrize(
    "quantity",
    [
        *(0, -1, 100_001, 10**400, Decimal("1.5"), Decimal("0.9"), Decimal("-0.0")),
        *(Decimal("1E+999999"), Decimal("1E-999999")),
        *(True, False, None, "1", [], {}, [1], {"value": 1}),
    ],
)
def test_anything_else_is_an_invalid_quantity(quantity: Any) -> None:
    decision = add(shop.empty_basket(shop.context()), ("book", quantity))
    assert shop.refusals(decision) == [(ErrorKey.QUANTITY_INVALID, "$.elements[0].quantity.value")]


def test_an_absent_quantity_is_invalid_too() -> None:
    without = BasketItemAdd(elements=(ElementInput(sku="book"),))
    refused = adding.add_items(shop.empty_basket(shop.context()), without, shop.context())
    assert shop.refusals(refused) == [(ErrorKey.QUANTITY_INVALID, "$.elements[0].quantity.value")]


def test_an_item_as_a_whole_holds_at_most_a_hundred_thousand_pieces() -> None:
    full = shop.done(add(shop.empty_basket(shop.context()), ("book", 99_999)))
    assert shop.done(add(full, ("book", 1))).content.items[0].quantity == 100_000
    assert shop.refusals(add(full, ("book", 2))) == [
        (ErrorKey.QUANTITY_INVALID, "$.elements[0].quantity.value")
    ]


def test_every_wrong_element_is_named() -> None:
    decision = add(
        shop.empty_basket(shop.context()),
        ("", 1),
        ("unknown", 1),
        ("sold-out", 1),
        ("book", 0),
        ("yen-only", 1),
        ("1612143", 1),
        ("unknown", -1),
    )
    assert shop.refusals(decision) == [
        (ErrorKey.SKU_REQUIRED, "$.elements[0].sku"),
        (ErrorKey.PRODUCT_NOT_FOUND, "$.elements[1].sku"),
        (ErrorKey.PRODUCT_NOT_AVAILABLE, "$.elements[2].sku"),
        (ErrorKey.QUANTITY_INVALID, "$.elements[3].quantity.value"),
        (ErrorKey.PRODUCT_NOT_AVAILABLE, "$.elements[4].sku"),
        (ErrorKey.PRODUCT_NOT_FOUND, "$.elements[6].sku"),
        (ErrorKey.QUANTITY_INVALID, "$.elements[6].quantity.value"),
    ]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (BasketItemAdd(), (ErrorKey.MALFORMED, "$")),
        (BasketItemAdd(elements=(), quote_id="q"), (ErrorKey.MALFORMED, "$")),
        (BasketItemAdd(elements=()), (ErrorKey.MALFORMED, "$.elements")),
        (BasketItemAdd(quote_id="q"), (ErrorKey.QUOTE_NOT_FOUND, "$.quoteID")),
    ],
)
def test_a_command_brings_elements_or_a_quote_that_exists(
    command: BasketItemAdd, problem: tuple[ErrorKey, str]
) -> None:
    basket = shop.empty_basket(shop.context())
    assert shop.refusals(adding.add_items(basket, command, shop.context())) == [problem]


def test_one_command_adds_at_most_two_hundred_elements() -> None:
    basket = shop.empty_basket(shop.context())
    assert isinstance(add(basket, *[("book", 1)] * 200), Completed)
    assert shop.refusals(add(basket, *[("book", 1)] * 201)) == [(ErrorKey.LIMIT_EXCEEDED, "$.elements")]


def test_a_basket_holds_at_most_five_hundred_items() -> None:
    products = {str(number): shop.BOOK for number in range(501)}
    given = shop.context(products=products)
    basket = shop.empty_basket(given)
    for first in (0, 200, 400):
        wanted = [(str(number), 1) for number in range(first, min(first + 200, 500))]
        basket = shop.done(adding.add_items(basket, shop.adding_of(wanted), given))
    assert len(basket.content.items) == 500
    one_more = adding.add_items(basket, shop.adding_of([("500", 1)]), given)
    assert shop.refusals(one_more) == [(ErrorKey.LIMIT_EXCEEDED, "$.elements")]
    assert isinstance(adding.add_items(basket, shop.adding_of([("0", 1)]), given), Completed)


def test_the_answer_to_a_giant_quote_id_stays_small() -> None:
    refused = adding.add_items(
        shop.empty_basket(shop.context()), BasketItemAdd(quote_id="\x7f" * 260_000), shop.context()
    )
    assert isinstance(refused, Refused)
    assert len(refused.problems[0].message) < 2_000
