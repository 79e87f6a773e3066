"""What a basket costs: the document's example to the cent, and sums that hold for every basket."""

from decimal import Decimal
from fractions import Fraction
from math import floor
from random import Random

import pytest
import shop
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from contracts.commands import BasketUpdate
from worker.domain import adding, pricing, updating
from worker.domain.basket import Basket, Content, Item
from worker.domain.money import Money, round_half_up
from worker.domain.reference import Catalog, Channel, Product, ShippingMethod

CENTS = {"USD": 2, "JPY": 0, "KWD": 3}


def cents(value: Fraction, decimals: int = 2) -> Fraction:
    """Round half up, by hand: the oracle of all that follows."""
    scale = 10**decimals
    return Fraction(floor(value * scale + Fraction(1, 2)), scale)


def taxes(basket: Basket) -> tuple[list[Decimal], list[Decimal], Decimal]:
    totals = basket.priced.totals
    return (
        [tax.amount for tax in totals.sales_taxes],
        [tax.amount for tax in totals.shipping_taxes],
        totals.tax,
    )


def test_the_documents_basket_costs_what_the_document_says() -> None:
    basket = shop.seed_basket()
    totals = basket.priced.totals
    assert (totals.items, totals.shipping, totals.basket) == (
        Decimal("1209.28"),
        Decimal("16.94"),
        Decimal("1226.22"),
    )
    assert taxes(basket) == ([Decimal("193.08")], [Decimal("2.70")], Decimal("195.78"))


def test_an_exempt_buyer_pays_the_documents_basket_without_its_contained_tax() -> None:
    exempt = shop.done(updating.update(shop.seed_basket(), BasketUpdate(tax_exempt=True), shop.context()))
    totals = exempt.priced.totals
    assert totals.basket == Decimal("1030.44")
    assert (totals.items, totals.shipping) == (Decimal("1016.20"), Decimal("14.24"))
    assert taxes(exempt) == ([], [], Decimal(0))


def test_with_net_prices_the_tax_is_added() -> None:
    totals = shop.seed_basket(shop.context(channel=shop.GERMAN_NET)).priced.totals
    # 1209.28 * 0.19 = 229.7632; 16.94 * 0.19 = 3.2186
    assert (totals.items, totals.shipping, totals.tax) == (
        Decimal("1209.28"),
        Decimal("16.94"),
        Decimal("232.98"),
    )
    assert totals.basket == Decimal("1459.20")


def test_an_exempt_buyer_pays_net_prices_as_they_are() -> None:
    given = shop.context(channel=shop.GERMAN_NET)
    exempt = shop.done(updating.update(shop.seed_basket(given), BasketUpdate(tax_exempt=True), given))
    assert exempt.priced.totals.basket == Decimal("1226.22")
    assert exempt.priced.totals.tax == 0


def test_every_rate_has_a_tax_of_its_own_in_rising_order() -> None:
    basket = shop.basket_of({"5079807": 1, "book": 3})
    # 1162.20 * 19/119 = 185.5613…; 32.10 * 7/107 = 2.10
    assert [(tax.rate, tax.amount) for tax in basket.priced.totals.sales_taxes] == [
        (Decimal(7), Decimal("2.10")),
        (Decimal(19), Decimal("185.56")),
    ]


def test_the_single_price_is_rounded_before_it_is_multiplied() -> None:
    fine = Product(name="A screw", price=Money("USD", Decimal("0.005")), tax_rate=Decimal(0))
    basket = shop.basket_of({"screw": 1000}, given=shop.context(products={"screw": fine}))
    assert basket.priced.totals.items == Decimal("10.00")  # and not 5.00


@pytest.mark.parametrize(
    ("value", "currency", "rounded"),
    [
        ("0.005", "USD", "0.01"),
        ("0.015", "USD", "0.02"),
        ("2.675", "USD", "2.68"),
        ("2.6749999999", "USD", "2.67"),
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("2.4999", "JPY", "2"),
        ("1.0005", "KWD", "1.001"),
        ("1", "KWD", "1.000"),
    ],
)
def test_half_a_unit_is_rounded_up_in_the_decimals_of_the_currency(
    value: str, currency: str, rounded: str
) -> None:
    assert str(round_half_up(Decimal(value), currency)) == rounded


def test_a_zero_rate_and_free_goods_have_no_tax_line() -> None:
    free = Product(name="A leaflet", price=Money("USD", Decimal(0)), tax_rate=Decimal(19))
    untaxed = Product(name="A stamp", price=Money("USD", Decimal("0.95")), tax_rate=Decimal(0))
    given = shop.context(products={"free": free, "untaxed": untaxed})
    assert taxes(shop.basket_of({"free": 1, "untaxed": 2}, given=given)) == ([], [], Decimal(0))


def test_an_empty_basket_costs_nothing_whatever_its_shipping_method() -> None:
    assert shop.basket_of({}, "STD_GROUND").priced.totals.basket == 0


def test_a_product_that_is_gone_keeps_the_line_it_had() -> None:
    basket = shop.seed_basket()
    without = shop.context(products={}, methods={})
    content = structs.replace(basket.content, department="Sales")
    repriced = pricing.price(content, without.channel, without.catalog, shop.NOW, before=basket)
    assert repriced == basket.priced


rates = st.one_of(
    st.sampled_from(["0", "7", "19", "5.5", "8.875", "100"]).map(Decimal),
    st.decimals(0, 100, places=3, allow_nan=False, allow_infinity=False),
)
currencies = st.sampled_from(sorted(CENTS))


@st.composite
def shops(draw: st.DrawFn) -> tuple[Content, Channel, Catalog]:
    """A basket of up to six products in one currency, in a channel with gross or net prices."""
    currency = draw(currencies)
    prices = st.decimals(0, 10**9, places=CENTS[currency], allow_nan=False, allow_infinity=False).map(
        lambda value: Money(currency, value)
    )
    products = draw(st.lists(st.builds(Product, name=st.just("p"), price=prices, tax_rate=rates), max_size=6))
    items = tuple(
        Item(id=f"i{n}", sku=str(n), quantity=draw(st.integers(1, 100_000)), position=n + 1)
        for n in range(len(products))
    )
    channel = Channel(price_type=draw(st.sampled_from(["gross", "net"])), shipping_tax_rate=draw(rates))
    methods = draw(
        st.dictionaries(st.just("m"), st.builds(ShippingMethod, name=st.just("m"), price=prices), max_size=1)
    )
    content = Content(
        currency=currency,
        items=items,
        shipping_method_id="m" if methods else "",
        tax_exempt=draw(st.sampled_from([None, False, True])),
    )
    catalog = Catalog(
        products={str(n): product for n, product in enumerate(products)}, shipping_methods=methods
    )
    return content, channel, catalog


def exact(content: Content, channel: Channel, catalog: Catalog) -> dict[str, Fraction]:
    """Compute the totals again, with fractions, from the sentences of the contract."""
    decimals = CENTS[content.currency]
    sums: dict[Fraction, Fraction] = {}
    for item in content.items:
        product = catalog.products[item.sku]
        rate = Fraction(product.tax_rate)
        sums[rate] = sums.get(rate, Fraction(0)) + Fraction(product.price.value) * item.quantity
    shipping = Fraction(0)
    if content.items and content.shipping_method_id:
        shipping = Fraction(catalog.shipping_methods["m"].price.value)

    def tax(amount: Fraction, rate: Fraction) -> Fraction:
        base = 100 if channel.price_type == "net" else 100 + rate
        return cents(amount * rate / base, decimals)

    sales_tax = sum((tax(amount, rate) for rate, amount in sums.items()), Fraction(0))
    shipping_tax = tax(shipping, Fraction(channel.shipping_tax_rate))
    items = sum(sums.values(), Fraction(0))
    if content.tax_exempt:
        if channel.price_type == "gross":
            items, shipping = items - sales_tax, shipping - shipping_tax
        return {"items": items, "shipping": shipping, "tax": Fraction(0), "basket": items + shipping}
    added = sales_tax + shipping_tax if channel.price_type == "net" else Fraction(0)
    return {
        "items": items,
        "shipping": shipping,
        "tax": sales_tax + shipping_tax,
        "basket": items + shipping + added,
    }


@given(shops())
def test_all_totals_are_those_of_exact_arithmetic(made: tuple[Content, Channel, Catalog]) -> None:
    totals = pricing.price(*made, shop.NOW).totals
    shown = {name: Fraction(getattr(totals, name)) for name in ("items", "shipping", "tax", "basket")}
    assert shown == exact(*made)


@given(shops())
def test_totals_add_up_and_nothing_is_negative(made: tuple[Content, Channel, Catalog]) -> None:
    content, channel, _ = made
    totals = pricing.price(*made, shop.NOW).totals
    lines = [tax.amount for tax in (*totals.sales_taxes, *totals.shipping_taxes)]
    assert totals.tax == sum(lines, Decimal(0))
    added = totals.tax if channel.price_type == "net" else 0
    assert totals.basket == totals.items + totals.shipping + added
    assert min([totals.basket, totals.items, totals.shipping, totals.tax, *lines]) >= 0
    if content.tax_exempt:
        assert lines == []


@given(shops())
def test_no_amount_has_more_decimals_than_its_currency(made: tuple[Content, Channel, Catalog]) -> None:
    totals = pricing.price(*made, shop.NOW).totals
    unit = Decimal(10) ** -CENTS[made[0].currency]
    taxes_of_rates = [tax.amount for tax in (*totals.sales_taxes, *totals.shipping_taxes)]
    for amount in (totals.basket, totals.items, totals.shipping, totals.tax, *taxes_of_rates):
        assert amount % unit == 0


def test_large_sums_are_taxed_to_the_cent() -> None:
    rate = Decimal("19.000000000001")
    made = {
        "many": Product(name="many", price=Money("USD", Decimal("9986899999.99")), tax_rate=rate),
        "one": Product(name="one", price=Money("USD", Decimal("999.99")), tax_rate=rate),
    }
    basket = shop.basket_of(
        {"many": 100_000, "one": 1}, given=shop.context(products=made, channel=shop.GERMAN_NET)
    )
    assert basket.priced.totals.items == Decimal("998689999999999.99")
    # 998689999999999.99 * 0.19000000000001 = 189751100000009.984...
    assert basket.priced.totals.tax == Decimal("189751100000009.98")


quantities = st.lists(
    st.tuples(st.sampled_from(["5079807", "1612143", "book"]), st.integers(1, 500)), min_size=1, max_size=8
)


@given(quantities, st.randoms(use_true_random=False))
def test_the_order_of_adding_makes_no_difference_to_the_totals(
    elements: list[tuple[str, int]], shuffler: Random
) -> None:
    shuffled = elements[:]
    shuffler.shuffle(shuffled)
    assume(shuffled != elements)
    at_once = shop.context()
    first = shop.done(adding.add_items(shop.empty_basket(at_once), shop.adding_of(elements), at_once))
    one_by_one = shop.context()
    second = shop.empty_basket(one_by_one)
    for element in shuffled:
        second = shop.done(adding.add_items(second, shop.adding_of([element]), one_by_one))
    assert first.priced.totals == second.priced.totals
