"""The seed: Intershop's own request bodies go over the wire unchanged, and its own response comes back.

`fixtures/intershop` holds the samples of "REST API - Set basket related information (7.8)", byte for byte.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from outside.shop import BENQ, PROBOOK
from outside.upstream import Upstream
from outside.wire import unique

SAMPLES = Path(__file__).parents[1] / "fixtures" / "intershop"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


@pytest.fixture
def basket(upstream: Upstream) -> str:
    """The seed's basket: two products, still without addresses and method."""
    key = unique("basket")
    upstream.ask("basket.create", key)
    elements = [{"sku": sku, "quantity": {"value": 1}} for sku in (PROBOOK, BENQ)]
    assert upstream.ask("basket.item.add", key, {"elements": elements}).status == 201
    return key


# What each sample does in a shop without address books, promotions, customers and recurring orders.
OUTCOMES = [
    ("ship-to", 200, None),
    ("ship-to-by-urn", 400, "basket.address_not_found.error"),
    ("ship-to-by-id", 400, "basket.address_not_found.error"),
    ("invoice-to", 200, None),
    ("invoice-to-by-urn", 400, "basket.address_not_found.error"),
    ("invoice-to-by-id", 400, "basket.address_not_found.error"),
    ("promotion", 200, None),
    ("department", 200, None),
    ("external-order-reference", 200, None),
    ("taxation-id", 200, None),
    ("new-owner", 400, "command.malformed.error"),
    ("recurrence", 501, "error.recurring_orders.disabled"),
    ("recurrence-removal", 501, "error.recurring_orders.disabled"),
    ("cost-center", 400, "basket.cost_center.no_customer.error"),
]


@pytest.mark.parametrize(("name", "status", "error_key"), OUTCOMES)
def test_a_sample_of_the_seed_is_understood_as_it_is(
    upstream: Upstream, basket: str, name: str, status: int, error_key: str | None
) -> None:
    reply = upstream.ask("basket.update", basket, sample(name))
    assert (reply.status, reply.error_key) == (status, error_key)


def test_the_samples_shipping_method_is_set_once_it_is_known(upstream: Upstream, basket: str) -> None:
    body = sample("shipping-method")
    assert (
        upstream.ask("basket.update", basket, body).error_key == "basket.shipping_method_not_eligible.error"
    )
    known = body.replace(b"STD_5DAY", b"STD_GROUND")
    method = upstream.ask("basket.update", basket, known).json["commonShippingMethod"]
    assert (method["id"], method["type"]) == ("STD_GROUND", "ShippingMethodRO")


def test_leading_zeros_survive(upstream: Upstream, basket: str) -> None:
    upstream.ask("basket.update", basket, sample("taxation-id"))
    reply = upstream.ask("basket.update", basket, sample("external-order-reference")).json
    assert (reply["taxationID"], reply["externalOrderReferenceID"]) == ("0123456789", "30000008899")


def test_the_seeds_basket_comes_back_field_for_field(upstream: Upstream, basket: str) -> None:
    address = json.loads(sample("invoice-to"))["invoiceToAddress"]
    del address["email"]  # the seed's response shows none
    body = {
        "invoiceToAddress": address,
        "commonShipToAddress": address,
        "commonShippingMethod": {"id": "STD_GROUND"},
    }
    shown = upstream.ask("basket.update", basket, body).json
    expected = json.loads(sample("response-single-shipment"))
    assert shown.pop("id") == basket
    assert (shown.pop("owner"), shown.pop("version")) == ("patricia", 3)
    del expected["id"]
    assert comparable(shown) == comparable(expected)


def comparable(value: Any) -> Any:
    """Leave out what is another in each shop: the ids of addresses and the links to items."""
    if isinstance(value, dict):
        kept = {name: comparable(item) for name, item in value.items() if name != "uri"}
        if kept.get("type") == "Address":
            kept.pop("id")
        return kept
    return [comparable(item) for item in value] if isinstance(value, list) else value


def test_the_seeds_totals_are_right_to_the_cent(upstream: Upstream, basket: str) -> None:
    shown = upstream.ask("basket.update", basket, {"commonShippingMethod": {"id": "STD_GROUND"}})
    totals = {name: money["value"] for name, money in shown.json["totals"].items() if isinstance(money, dict)}
    assert totals == {
        "itemTotal": 1209.28,
        "shippingTotal": 16.94,
        "basketTotal": 1226.22,
        "taxTotal": 195.78,
        "basketValueRebatesTotal": 0,
        "itemShippingRebatesTotal": 0,
        "bucketShippingRebatesTotal": 0,
        "basketShippingRebatesTotal": 0,
        "dutiesAndSurchargesTotal": 0,
    }
    (sales,), (shipping,) = shown.json["salesTaxTotalsByTaxRate"], shown.json["shippingTaxTotalsByTaxRate"]
    assert (sales["amount"]["value"], sales["rate"]) == (193.08, 19)
    assert (shipping["amount"]["value"], shipping["rate"]) == (2.7, 19)
    assert b'"value":193.08' in shown.body
    assert b'"value":2.7}' in shown.body


def test_a_tax_exempt_buyer_pays_net(upstream: Upstream, basket: str) -> None:
    body = {"commonShippingMethod": {"id": "STD_GROUND"}, "taxExempt": True}
    shown = upstream.ask("basket.update", basket, body).json
    assert shown["totals"]["basketTotal"]["value"] == 1030.44
    assert shown["totals"]["taxTotal"]["value"] == 0
    assert "salesTaxTotalsByTaxRate" not in shown


def test_the_links_of_items_name_channel_basket_and_item(upstream: Upstream, basket: str) -> None:
    (bucket,) = upstream.ask("basket.get", basket).json["shippingBuckets"]
    for link in bucket["lineItems"]:
        channel, baskets, id_, items, item = link["uri"].split("/")
        assert (channel, baskets, id_, items) == ("shop", "baskets", basket, "items")
        assert item


def test_the_same_sku_again_adds_to_its_item(upstream: Upstream, basket: str) -> None:
    more = {"elements": [{"sku": BENQ, "quantity": {"value": 2, "unit": "", "type": "Quantity"}}]}
    shown = upstream.ask("basket.item.add", basket, more).json
    assert [len(bucket["lineItems"]) for bucket in shown["shippingBuckets"]] == [2]
    assert shown["totals"]["itemTotal"]["value"] == 1629.84
