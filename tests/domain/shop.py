"""A small shop for the rules: reference data, callers, and baskets made by the domain's own decisions."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from contracts.commands import (
    AddressInput,
    BasketCreate,
    BasketItemAdd,
    BasketUpdate,
    ElementInput,
    PromotionInput,
    QuantityInput,
    ShippingMethodInput,
)
from contracts.errors import ErrorKey
from worker.domain import adding, creating, updating
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Completed, Context, Decision, Refused
from worker.domain.money import Money
from worker.domain.recurrence import Recurrence
from worker.domain.reference import Catalog, Channel, Product, Promotion, ShippingMethod, Target

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATRICIA = Caller(user="patricia")
GERMAN_GROSS = Channel(shipping_tax_rate=Decimal(19))
GERMAN_NET = Channel(shipping_tax_rate=Decimal(19), price_type="net")
STANDARD_GROUND = ShippingMethod(name="Standard Ground", price=Money("USD", Decimal("16.94")))
FIVE_DAYS = ShippingMethod(name="5-Business Day", price=Money("USD", Decimal("25.00")))
NOTEBOOK = Product(
    name="HP ProBook 6550b Notebook PC", price=Money("USD", Decimal("1162.20")), tax_rate=Decimal(19)
)
MOUSE = Product(name="Benq MD300", price=Money("USD", Decimal("47.08")), tax_rate=Decimal(19))
BOOK = Product(name="A book", price=Money("USD", Decimal("10.70")), tax_rate=Decimal(7))
SOLD_OUT = Product(name="Nothing", price=Money("USD", Decimal(1)), tax_rate=Decimal(19), is_available=False)
YEN_ONLY = Product(name="Sencha", price=Money("JPY", Decimal(900)), tax_rate=Decimal(10))
PRODUCTS = {
    "5079807": NOTEBOOK,
    "1612143": MOUSE,
    "book": BOOK,
    "sold-out": SOLD_OUT,
    "yen-only": YEN_ONLY,
}
METHODS = {
    "STD_GROUND": STANDARD_GROUND,
    "STD_5DAY": FIVE_DAYS,
    "YEN": ShippingMethod(name="Yamato", price=Money("JPY", Decimal(600))),
}
FULL_ADDRESS: dict[str, Any] = {
    "first_name": "Patricia",
    "last_name": "Miller",
    "address_line1": "Berliner Str. 20",
    "postal_code": "14482",
    "city": "Potsdam",
    "country_code": "DE",
}


def context(
    *,
    caller: Caller = PATRICIA,
    channel: Channel = GERMAN_GROSS,
    products: Mapping[str, Product] = PRODUCTS,
    methods: Mapping[str, ShippingMethod] = METHODS,
    new_owner: Caller | None = None,
    now: datetime = NOW,
    recurrence: Recurrence | None = None,
    **others: Mapping[str, Any],
) -> Context:
    """Give everything a decision depends on; ids count from item-1, order numbers from 1001.

    `others` are the other kinds of reference data, by their names in the catalog.
    """
    numbers, order_numbers = count(1), count(1001)
    known: dict[str, Any] = {
        "caller": caller,
        "key": "a-basket",
        "message_id": "m-1",
        "traceparent": None,
        "channel_id": "default",
        "channel": channel,
        "catalog": Catalog(products=products, shipping_methods=methods, **others),
        "now": now,
        "new_id": lambda: f"item-{next(numbers)}",
        "new_order_number": lambda: str(next(order_numbers)),
        "recurrence": recurrence,
        "new_owner": new_owner,
    }
    return Context(**{name: known[name] for name in Context.__struct_fields__ if name in known})


def done(decision: Decision) -> Basket:
    """Give the basket of a command that must have been completed."""
    assert isinstance(decision, Completed), decision
    assert decision.basket is not None
    return decision.basket


def refusals(decision: Decision) -> list[tuple[ErrorKey, str | None]]:
    """Give key and path of every problem of a command that must have been refused."""
    assert isinstance(decision, Refused), decision
    return [(problem.code, problem.path) for problem in decision.problems]


def empty_basket(given: Context, currency: str = "USD") -> Basket:
    return done(creating.create(None, BasketCreate(purchase_currency=currency), given))


def adding_of(quantities: Iterable[tuple[str, Any]]) -> BasketItemAdd:
    return BasketItemAdd(
        elements=tuple(
            ElementInput(sku=sku, quantity=QuantityInput(value=quantity)) for sku, quantity in quantities
        )
    )


def basket_of(quantities: Mapping[str, int], method: str = "", given: Context | None = None) -> Basket:
    """Make a basket with these products and this shipping method."""
    given = given or context()
    basket = empty_basket(given)
    if quantities:
        basket = done(adding.add_items(basket, adding_of(quantities.items()), given))
    if method:
        command = BasketUpdate(common_shipping_method=ShippingMethodInput(id=method))
        basket = done(updating.update(basket, command, given))
    return basket


def seed_basket(given: Context | None = None) -> Basket:
    """Make the basket of the Intershop document: a notebook and a mouse, by standard ground."""
    return basket_of({"5079807": 1, "1612143": 1}, "STD_GROUND", given)


def address(**fields: str) -> AddressInput:
    return AddressInput(**{**FULL_ADDRESS, **fields})


def updated(basket: Basket, given: Context, **fields: Any) -> Basket:
    return done(updating.update(basket, BasketUpdate(**fields), given))


def coded(*codes: str) -> dict[str, tuple[PromotionInput, ...]]:
    """Give the field of an update that adds promotions."""
    return {"promotions": tuple(PromotionInput(code=code) for code in codes)}


def percent_off(target: str, percentage: str, **fields: Any) -> Promotion:
    return Promotion(target=Target(target), percentage=Decimal(percentage), **fields)


def amount_off(target: str, amount: str, currency: str = "USD", **fields: Any) -> Promotion:
    return Promotion(target=Target(target), amount=Money(currency, Decimal(amount)), **fields)
