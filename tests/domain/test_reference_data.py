"""What upstream systems may put: the contract's defaults, and every value in its range."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

from contracts import body as bodies
from contracts import codec_json, reference_data
from contracts.errors import ErrorKey
from worker.domain import putting
from worker.domain.money import Money
from worker.domain.reference import Channel, Product, ShippingMethod

PRICE = bodies.Money(currency_mnemonic="USD", value=bodies.Number("9.99"))


def money(value: str, currency: str = "USD") -> bodies.Money:
    return bodies.Money(currency_mnemonic=currency, value=bodies.Number(value))


def problems(value: object) -> list[tuple[ErrorKey, str | None]]:
    assert isinstance(value, list)
    return [(problem.code, problem.path) for problem in value]


def test_an_empty_put_makes_a_channel_with_the_contracts_defaults() -> None:
    command, found = codec_json.decode(b"{}", reference_data.ChannelPut)
    assert command is not None
    assert found == []
    assert putting.channel(command) == Channel(
        recurring_orders_enabled=False,
        supports_multiple_shipments=False,
        pickup_in_store=False,
        price_type="gross",
        currency="USD",
        shipping_tax_rate=Decimal(0),
        missed_after="PT1H",
        catch_up_limit=100,
        upcoming_notice="",
        basket_lifetime="P90D",
    )


@pytest.mark.parametrize("field", ["missed_after", "upcoming_notice", "basket_lifetime"])
@pytest.mark.parametrize("duration", ["", "1h", "P1M", "P1Y", "PT", "-PT1H", "P1.5D"])
def test_the_durations_of_a_channel_are_iso_8601(field: str, duration: str) -> None:
    shown = {"missed_after": "missedAfter", "upcoming_notice": "upcomingNotice"}.get(field, "basketLifetime")
    sent: dict[str, Any] = {field: duration}
    put = reference_data.ChannelPut(**sent)
    assert problems(putting.channel(put)) == [(ErrorKey.MALFORMED, f"$.{shown}")]


def test_every_mistake_of_a_channel_is_named() -> None:
    put = reference_data.ChannelPut(missed_after="x", basket_lifetime="y", currency="ZZZ")
    assert [path for _, path in problems(putting.channel(put))] == [
        "$.missedAfter",
        "$.basketLifetime",
        "$.currency",
    ]


def test_a_product_is_taken_as_it_is_sent() -> None:
    put = reference_data.ProductPut(name="A book", price=PRICE, tax_rate=bodies.Rate("7"), available=False)
    assert putting.product(put) == Product(
        name="A book", price=Money("USD", Decimal("9.99")), tax_rate=Decimal(7), is_available=False
    )


def test_a_shipping_method_may_leave_out_its_times() -> None:
    bare = reference_data.ShippingMethodPut(name="By hand", price=PRICE)
    assert putting.shipping_method(bare) == ShippingMethod(
        name="By hand", price=Money("USD", Decimal("9.99"))
    )
    timed = reference_data.ShippingMethodPut(
        name="By hand", price=PRICE, shipping_time_min=0, shipping_time_max=7
    )
    value = putting.shipping_method(timed)
    assert isinstance(value, ShippingMethod)
    assert (value.time_min, value.time_max) == (0, 7)


@pytest.mark.parametrize(
    ("price", "path"),
    [
        (money("9.999"), "$.price.value"),
        (money("-0.01"), "$.price.value"),
        (money("0.5", "JPY"), "$.price.value"),
        (money("1.0005", "KWD"), "$.price.value"),
        (money("1", "XAU"), "$.price.currencyMnemonic"),
        (money("1", "ABC"), "$.price.currencyMnemonic"),
    ],
)
def test_a_price_fits_its_currency(price: bodies.Money, path: str) -> None:
    for value in (
        putting.product(reference_data.ProductPut(name="p", price=price, tax_rate=bodies.Rate("0"))),
        putting.shipping_method(reference_data.ShippingMethodPut(name="m", price=price)),
    ):
        assert problems(value) == [(ErrorKey.MALFORMED, path)]


@pytest.mark.parametrize("price", [money("0"), money("9.990"), money("900", "JPY"), money("1.005", "KWD")])
def test_trailing_zeros_and_currencies_without_cents_are_fine(price: bodies.Money) -> None:
    value = putting.product(reference_data.ProductPut(name="p", price=price, tax_rate=bodies.Rate("0")))
    assert isinstance(value, Product)


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b"{}", ["$.name", "$.price", "$.taxRate"]),
        (b'{"name":"","price":{"currencyMnemonic":"USD","value":1},"taxRate":1}', ["$.name"]),
        (b'{"name":"p","price":{"currencyMnemonic":"usd","value":"1"},"taxRate":101}',
         ["$.price.currencyMnemonic", "$.price.value", "$.taxRate"]),
        (b'{"name":"p","price":{"currencyMnemonic":"USD","value":1},"taxRate":-1}', ["$.taxRate"]),
        (b'{"name":"p","price":{"currencyMnemonic":"USD","value":1},"taxRate":true}', ["$.taxRate"]),
        (b'{"name":"p","price":1,"taxRate":1,"available":"yes"}', ["$.price", "$.available"]),
    ],
)  # fmt: skip
def test_what_is_missing_or_of_a_wrong_type_is_named(body: bytes, paths: list[str]) -> None:
    command, found = codec_json.decode(body, reference_data.ProductPut)
    assert command is None
    assert [problem.path for problem in found] == paths
    assert {problem.code for problem in found} == {ErrorKey.MALFORMED}


def test_a_rate_may_have_decimals() -> None:
    body = b'{"name":"p","price":{"currencyMnemonic":"USD","value":1},"taxRate":8.875}'
    command: Any
    command, found = codec_json.decode(body, reference_data.ProductPut)
    assert found == []
    assert command.tax_rate == Decimal("8.875")
    assert command.type is UNSET
