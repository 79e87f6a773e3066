"""The response of the document: the same basket, built by commands, is shown as it stands there."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

import intershop
import pytest

from contracts import codec_json, commands, reference_data
from contracts.body import Command
from contracts.representation import MoneyView, plain
from worker.domain import adding, creating, presenting, putting, updating
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Completed, Context
from worker.domain.reference import Catalog, Channel

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PATRICIA = Caller(user="patricia")
CHANNEL = "PrimeTech-PrimeTechSpecials-Site/b2c-web-shop"
BASKET = "L2IKAB3Rr6YAAAFGbuhjRgSB"
ITEMS = ("KG4KAB3RjdAAAAFGwuljRgSB", "yN4KAB3RUBcAAAFGZw5jRgSC")
GROUND = {
    "name": "Standard Ground",
    "description": "3-7 Day Ground - Delivered to you 3-7 business days after we process your order.",
    "shippingTimeMin": 3,
    "shippingTimeMax": 7,
    "price": {"currencyMnemonic": "USD", "value": 16.94},
}
NOTEBOOK = {
    "name": "HP ProBook 6550b Notebook PC",
    "price": {"currencyMnemonic": "USD", "value": 1162.2},
    "taxRate": 19,
}
MOUSE = {"name": "Benq MD300", "price": {"currencyMnemonic": "USD", "value": 47.08}, "taxRate": 19}
ELEMENTS = [
    {"sku": "5079807", "quantity": {"value": 1}},
    {"sku": "1612143", "quantity": {"value": 1}},
]


def by_value(text: bytes) -> Any:
    """Parse for comparison: numbers by value, line items by position."""
    tree = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    for bucket in tree["shippingBuckets"]:
        bucket["lineItems"].sort(key=lambda link: link["attributes"][0]["value"])
    return tree


def read(type_: type[Command], body: object) -> Any:
    command, problems = codec_json.decode(json.dumps(body).encode(), type_)
    assert problems == []
    return command


def completed(decision: object) -> Basket:
    assert isinstance(decision, Completed), decision
    assert decision.basket is not None
    return decision.basket


def context_of(channel: Channel, catalog: Catalog) -> Context:
    ids = iter(ITEMS)
    known: dict[str, Any] = {
        "caller": PATRICIA,
        "key": BASKET,
        "message_id": "m-1",
        "traceparent": None,
        "channel_id": CHANNEL,
        "channel": channel,
        "catalog": catalog,
        "now": NOW,
        "new_id": lambda: next(ids),
        "new_order_number": lambda: "1",
    }
    return Context(**{name: known[name] for name in Context.__struct_fields__ if name in known})


def address_of_the_document() -> dict[str, str]:
    shown = json.loads(intershop.body("response-single-shipment"))["commonShipToAddress"]
    return {name: value for name, value in shown.items() if name != "id"}


def shown_basket(*, multiple: bool = False) -> Any:
    """Build the document's basket by commands; give its representation, parsed."""
    channel = putting.channel(
        read(reference_data.ChannelPut, {"shippingTaxRate": 19, "multipleShipmentsSupported": multiple})
    )
    assert isinstance(channel, Channel)
    products = {
        "5079807": putting.product(read(reference_data.ProductPut, NOTEBOOK)),
        "1612143": putting.product(read(reference_data.ProductPut, MOUSE)),
    }
    methods = {"STD_GROUND": putting.shipping_method(read(reference_data.ShippingMethodPut, GROUND))}
    context = context_of(channel, Catalog(products=products, shipping_methods=methods))  # type: ignore[arg-type]
    basket = completed(creating.create(None, commands.BasketCreate(), context))
    basket = completed(
        adding.add_items(basket, read(commands.BasketItemAdd, {"elements": ELEMENTS}), context)
    )
    address = address_of_the_document()
    body: dict[str, Any] = {"commonShipToAddress": address, "invoiceToAddress": address}
    if not multiple:
        body["commonShippingMethod"] = {"id": "STD_GROUND"}
    basket = completed(updating.update(basket, read(commands.BasketUpdate, body), context))
    return by_value(codec_json.encode(presenting.view(basket)))


def addresses(tree: dict[str, Any]) -> list[dict[str, Any]]:
    inside = [bucket.get("shipToAddress") for bucket in tree["shippingBuckets"]]
    found = chain([tree.get("commonShipToAddress"), tree.get("invoiceToAddress")], inside)
    return [address for address in found if address is not None]


def test_the_basket_is_shown_as_in_the_document() -> None:
    shown, expected = shown_basket(), by_value(intershop.body("response-single-shipment"))
    assert (shown.pop("owner"), shown.pop("version")) == ("patricia", 3)  # ours, and not the document's
    for tree in (shown, expected):
        ids = [address.pop("id") for address in addresses(tree)]
        assert len(ids) == 3
        assert len(set(ids)) == 1  # the same address has the same id wherever it stands
        assert {len(id_) for id_ in ids} == {24}
    assert shown == expected


def test_with_multiple_shipments_address_and_method_are_not_shown_on_the_basket() -> None:
    shown = shown_basket(multiple=True)
    assert shown["multipleShippmentsSupported"] is True
    assert "commonShipToAddress" not in shown
    assert "commonShippingMethod" not in shown
    assert [len(bucket["lineItems"]) for bucket in shown["shippingBuckets"]] == [2]
    document = by_value(intershop.body("response-multiple-shipment"))
    assert set(shown["totals"]) == set(document["totals"])
    assert shown["salesTaxTotalsByTaxRate"] == document["salesTaxTotalsByTaxRate"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("193.08", "193.08"),
        ("2.70", "2.7"),
        ("0", "0"),
        ("0.00", "0"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("19.0", "19"),
    ],
)
def test_money_is_a_json_number_without_trailing_zeros(value: str, shown: str) -> None:
    encoded = codec_json.encode(MoneyView(currency_mnemonic="USD", value=plain(Decimal(value))))
    assert encoded == f'{{"type":"Money","currencyMnemonic":"USD","value":{shown}}}'.encode()


def test_an_empty_basket_shows_all_its_totals_and_nothing_absent() -> None:
    context = context_of(Channel(), Catalog(products={}, shipping_methods={}))
    basket = completed(creating.create(None, commands.BasketCreate(), context))
    shown = json.loads(codec_json.encode(presenting.view(basket)))
    assert set(shown) == {
        "name", "type", "id", "owner", "version", "purchaseCurrency", "multipleShippmentsSupported", "totals"
    }  # fmt: skip
    amounts = [total["value"] for total in shown["totals"].values() if isinstance(total, dict)]
    assert amounts == [0] * 9
