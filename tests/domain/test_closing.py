"""`basket.checkout` of an ordinary basket, `basket.empty`, expiry: what is left is a tombstone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import shop
from msgspec import UNSET, structs

from contracts.commands import (
    AddressInput,
    BasketCheckout,
    BasketCreate,
    BasketEmpty,
    BasketItemAdd,
    RecurrenceInput,
)
from contracts.errors import ErrorKey
from worker.domain import adding, callers, closing, creating, updating
from worker.domain.basket import Address, Basket, Content
from worker.domain.callers import Caller
from worker.domain.decisions import Completed, Context, Decision
from worker.domain.money import Money
from worker.domain.recurrence import State
from worker.domain.reference import (
    Channel,
    CostCenter,
    Customer,
    KnownAddress,
    Product,
    Quote,
    QuoteItem,
    Store,
)

BUYER = Caller(user="patricia", customer="acme", groups=("g",))
ADDRESS = Address(id="", city="Potsdam")
REFERENCE: dict[str, Any] = {
    "addresses": {"home": KnownAddress(owner="acme", is_ship_to=True, is_invoice_to=True, address=ADDRESS)},
    "stores": {"jena": Store(address=ADDRESS)},
    "customers": {"acme": Customer(is_business=True)},
    "cost_centers": {"511288": CostCenter(customer="acme")},
    "quotes": {
        "q": Quote(
            customer="acme",
            state="open",
            valid_to=shop.NOW + timedelta(days=1),
            items=(QuoteItem(sku="book", quantity=2, price=Money("USD", Decimal("9.99"))),),
        )
    },
}
PICKUP = Channel(shipping_tax_rate=Decimal(19), pickup_in_store=True)
RECURRING = Channel(shipping_tax_rate=Decimal(19), recurring_orders_enabled=True)


def given(**changed: Any) -> Context:
    return shop.context(**{"caller": BUYER, "channel": PICKUP, **REFERENCE, **changed})


def checkout(basket: Basket, context: Context) -> Decision:
    return closing.checkout(basket, BasketCheckout(), context)


def furnished() -> Basket:
    """Give the document's basket with addresses, cost center and a quote, at version 5."""
    context = given()
    basket = shop.updated(
        shop.seed_basket(context),
        context,
        common_ship_to_address=AddressInput(id="home"),
        invoice_to_address=AddressInput(id="home"),
        cost_center_id="511288",
        department="Sales",
    )
    return shop.done(adding.add_items(basket, BasketItemAdd(quote_id="q"), context))


def test_a_checkout_places_an_order_closes_the_basket_and_leaves_a_tombstone() -> None:
    before = furnished()
    decision = checkout(before, given())
    assert isinstance(decision, Completed)
    assert decision.status == 201
    tombstone = shop.done(decision)
    assert (tombstone.is_open, tombstone.version, tombstone.owner) == (False, 6, "patricia")
    assert tombstone.content == Content(currency="USD")
    assert (tombstone.customer, tombstone.groups) == (None, ())
    assert tombstone.priced.totals.basket == 0


def test_the_order_shows_the_basket_as_it_stood() -> None:
    decision = checkout(furnished(), given())
    assert isinstance(decision, Completed)
    order = decision.order
    assert order is not None
    assert (order.id, order.number, order.basket_id, order.owner) == (
        "item-1",
        "1001",
        "a-basket",
        "patricia",
    )
    assert (order.placed_at, order.occurrence, order.due_at) == (shop.NOW, None, None)
    assert order.total == Money("USD", Decimal("1246.20"))  # 1226.22 and two books at 9.99
    shown = decision.body
    assert shown is order.document
    assert (shown.type, shown.id, shown.number) == ("Order", "item-1", "1001")
    assert (shown.basket_id, shown.channel, shown.owner) == ("a-basket", "default", "patricia")
    assert (shown.recurring, shown.placed_at) == (UNSET, "2026-03-01T12:00:00Z")
    assert (shown.department, shown.cost_center_id, shown.purchase_currency) == ("Sales", "511288", "USD")
    assert (shown.common_ship_to_address.id, shown.invoice_to_address.city) == ("home", "Potsdam")
    assert shown.common_shipping_method.id == "STD_GROUND"
    assert [
        (line.sku, line.name, line.quantity, line.price.value, line.total.value) for line in shown.line_items
    ] == [
        ("5079807", "HP ProBook 6550b Notebook PC", 1, Decimal("1162.2"), Decimal("1162.2")),
        ("1612143", "Benq MD300", 1, Decimal("47.08"), Decimal("47.08")),
        ("book", "A book", 2, Decimal("9.99"), Decimal("19.98")),
    ]
    assert shown.totals.basket_total.value == Decimal("1246.2")
    assert shown.totals.item_total.value == Decimal("1229.26")


def test_the_order_is_told_of_at_the_version_of_the_basket_as_it_was_ordered() -> None:
    decision = checkout(furnished(), given())
    assert isinstance(decision, Completed)
    (notice,) = decision.notices
    assert (notice.type, notice.version, notice.body) == ("order.placed", 5, decision.body)
    assert shop.done(decision).version == 6


def test_an_order_costs_what_it_costs_at_that_moment() -> None:
    dearer = Product(name="Benq MD300", price=Money("USD", Decimal("57.08")), tax_rate=Decimal(19))
    decision = checkout(shop.seed_basket(), given(products={**shop.PRODUCTS, "1612143": dearer}))
    assert isinstance(decision, Completed)
    assert decision.body.totals.basket_total.value == Decimal("1236.22")
    tenth = {"TENTH": shop.percent_off("basket", "10", valid_to=shop.NOW)}
    promoted = shop.updated(shop.seed_basket(), given(promotions=tenth), **shop.coded("TENTH"))
    late = checkout(promoted, given(promotions=tenth, now=shop.NOW + timedelta(seconds=1)))
    assert isinstance(late, Completed)
    assert late.body.totals.basket_total.value == Decimal("1226.22")


def test_neither_address_nor_method_is_demanded() -> None:
    bare = checkout(shop.basket_of({"book": 1}), given())
    assert isinstance(bare, Completed)
    assert bare.body.common_ship_to_address is UNSET


def without(kind: str, id_: str) -> dict[str, Any]:
    return {kind: {key: value for key, value in REFERENCE[kind].items() if key != id_}}


SOLD_OUT = structs.replace(shop.BOOK, is_available=False)
UNMARKED = {"addresses": {"home": KnownAddress(owner="acme", is_invoice_to=True, address=ADDRESS)}}
CLOSED = {"cost_centers": {"511288": CostCenter(customer="acme", is_active=False)}}
PRIVATE = {"customers": {"acme": Customer(is_business=False)}}


def quoted(**changed: Any) -> dict[str, Any]:
    return {"quotes": {"q": structs.replace(REFERENCE["quotes"]["q"], **changed)}}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"products": {**shop.PRODUCTS, "book": SOLD_OUT}}, ErrorKey.PRODUCT_NOT_AVAILABLE),
        (
            {"products": {sku: one for sku, one in shop.PRODUCTS.items() if sku != "book"}},
            ErrorKey.PRODUCT_NOT_FOUND,
        ),
        ({"products": {**shop.PRODUCTS, "1612143": shop.YEN_ONLY}}, ErrorKey.PRODUCT_NOT_AVAILABLE),
        ({"methods": {}}, ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE),
        ({"methods": {"STD_GROUND": shop.METHODS["YEN"]}}, ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE),
        (UNMARKED, ErrorKey.INVALID_ADDRESS),
        (CLOSED, ErrorKey.COST_CENTER_NOT_FOUND),
        (without("cost_centers", "511288"), ErrorKey.COST_CENTER_NOT_FOUND),
        (PRIVATE, ErrorKey.COST_CENTER_INVALID_CUSTOMER),
        (without("quotes", "q"), ErrorKey.QUOTE_NOT_FOUND),
        (quoted(state="rejected"), ErrorKey.QUOTE_REJECTED),
        (quoted(valid_to=shop.NOW - timedelta(microseconds=1)), ErrorKey.QUOTE_EXPIRED),
    ],
)
def test_what_is_set_must_still_be_valid(changed: dict[str, Any], code: ErrorKey) -> None:
    refused = checkout(furnished(), given(**changed))
    assert [key for key, _ in shop.refusals(refused)] == [code]


def test_every_obstacle_is_named() -> None:
    refused = checkout(furnished(), given(products={}, methods={}, addresses={}, cost_centers={}, quotes={}))
    assert [code for code, _ in shop.refusals(refused)] == [
        *[ErrorKey.PRODUCT_NOT_FOUND] * 3,
        ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE,
        *[ErrorKey.ADDRESS_NOT_FOUND] * 2,
        ErrorKey.COST_CENTER_NOT_FOUND,
        ErrorKey.QUOTE_NOT_FOUND,
    ]


def test_a_quoted_product_needs_no_list_price_in_the_currency() -> None:
    in_yen = {**shop.PRODUCTS, "book": shop.YEN_ONLY}
    assert isinstance(checkout(furnished(), given(products=in_yen)), Completed)


def test_a_store_serves_only_while_pickup_is_on_and_the_store_is_there() -> None:
    picked_up = shop.updated(shop.seed_basket(), given(), common_ship_to_address=AddressInput(id="jena"))
    assert isinstance(checkout(picked_up, given()), Completed)
    off = checkout(picked_up, given(channel=RECURRING))
    assert [code for code, _ in shop.refusals(off)] == [ErrorKey.STORE_ADDRESSES_NOT_ALLOWED]
    gone = checkout(picked_up, given(stores={}))
    assert [code for code, _ in shop.refusals(gone)] == [ErrorKey.ADDRESS_NOT_FOUND]


def test_an_address_that_was_sent_in_full_is_always_valid() -> None:
    basket = shop.updated(shop.seed_basket(), given(), invoice_to_address=shop.address())
    assert isinstance(checkout(basket, given(addresses={}, stores={})), Completed)


def test_an_empty_basket_cannot_be_checked_out() -> None:
    refused = checkout(shop.basket_of({}, "STD_GROUND"), given(methods={}))
    assert [code for code, _ in shop.refusals(refused)] == [ErrorKey.BASKET_EMPTY]


def test_a_quote_is_not_for_a_new_owner_of_another_customer() -> None:
    robert = Caller(user="robert", customer="beta")
    context = given(customers={}, cost_centers={})
    basket = structs.replace(shop.seed_basket(context), customer="acme")
    basket = shop.done(adding.add_items(basket, BasketItemAdd(quote_id="q"), context))
    handed = shop.updated(basket, given(new_owner=robert), new_owner_authentication_token="t")
    refused = checkout(handed, given(caller=robert))
    assert [code for code, _ in shop.refusals(refused)] == [ErrorKey.QUOTE_NOT_FOUND]


def test_emptying_leaves_a_tombstone_and_says_nothing_of_what_was_in_it() -> None:
    decision = closing.empty(furnished(), BasketEmpty(), given())
    assert isinstance(decision, Completed)
    assert (decision.status, decision.notices, decision.order) == (204, (), None)
    tombstone = shop.done(decision)
    assert (tombstone.is_open, tombstone.version, tombstone.content.items) == (False, 6, ())
    assert closing.empty(tombstone, BasketEmpty(), given()) == Completed(status=204)
    assert closing.empty(None, BasketEmpty(), given()) == Completed(status=204)


def standing(**fields: Any) -> Completed:
    """Set a monthly recurrence on the document's basket."""
    sent = {"start_date": "2026-06-01T10:00:00Z", "interval": "P1M", **fields}
    context = given(channel=RECURRING)
    basket = shop.seed_basket(context)
    command = updating.update(basket, shop.BasketUpdate(recurrence=RecurrenceInput(**sent)), context)
    assert isinstance(command, Completed)
    return command


def test_emptying_a_recurrent_basket_ends_its_recurrence() -> None:
    live = standing()
    decision = closing.empty(live.basket, BasketEmpty(), given(recurrence=live.recurrence))
    assert isinstance(decision, Completed)
    assert decision.recurrence is not None
    assert (decision.recurrence.state, shop.done(decision).is_open) == (State.REMOVED, False)
    assert [notice.type for notice in decision.notices] == ["recurrence.removed"]


def test_a_recurrence_that_was_removed_is_not_removed_again() -> None:
    live = standing()
    assert live.recurrence is not None
    removed = structs.replace(live.recurrence, state=State.REMOVED)
    decision = closing.empty(shop.seed_basket(), BasketEmpty(), given(recurrence=removed))
    assert isinstance(decision, Completed)
    assert (decision.recurrence, decision.notices) == (None, ())


def test_a_basket_whose_recurrence_was_removed_is_closed_by_its_checkout() -> None:
    live = standing()
    assert live.basket is not None
    removal = shop.BasketUpdate(recurrence=RecurrenceInput(interval="P0D"))
    removed = updating.update(live.basket, removal, given(channel=RECURRING, recurrence=live.recurrence))
    assert isinstance(removed, Completed)
    decision = checkout(shop.done(removed), given(channel=RECURRING, recurrence=removed.recurrence))
    assert isinstance(decision, Completed)
    assert (shop.done(decision).is_open, decision.body.recurring, decision.recurrence) == (False, UNSET, None)


def test_its_owner_opens_it_again_one_version_on_and_nobody_else() -> None:
    tombstone = shop.done(closing.empty(furnished(), BasketEmpty(), given()))
    again = shop.done(creating.create(tombstone, BasketCreate(), given()))
    assert (again.version, again.is_open, again.content.items, again.customer) == (7, True, (), "acme")
    for caller in (Caller(user="robert"), Caller(user="guest", is_anonymous=True), Caller(user="")):
        problem = callers.changing_problem(tombstone, caller)
        assert problem is not None
        assert problem.code is ErrorKey.WRONG_BASKET_ID


def test_a_basket_that_nobody_touched_says_so_when_it_is_closed() -> None:
    notice = closing.expiry(furnished(), shop.NOW, "untouched")
    assert notice.type == "basket.expired"
    body = notice.body
    assert (body.basket_id, body.changed, body.reason) == ("a-basket", "2026-03-01T12:00:00Z", "untouched")
    assert closing.closed(closing.closed(furnished())).version == 6
