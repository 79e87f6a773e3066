"""Contract 3: the response examples of the document, field for field, of baskets built over the wire.

Ids of addresses, baskets and items are another shop's; everything else is compared by value, and nothing is
shown that the document does not show, except what the contract adds.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from outside.furnishing import elements, item_ids, of
from outside.processes import WorkerProcess
from outside.shop import BENQ, GROUND, PROBOOK, open_shop, put, usd
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result, unique

SAMPLES = Path(__file__).parents[1] / "fixtures" / "intershop"
SINGLE, MULTIPLE = "PrimeTech-PrimeTechSpecials-Site/b2c-web-shop", "PrimeTech-PrimeTechSpecials-Site/rest"
BUYER = of("patricia", customer="PrimeTech")
# The document's own line "Basket with recurrence", byte for byte.
RECURRENCE = b"""{
    "type": "Recurrence",
    "startDate": 1464775200000,
    "endDate": 1496311200000,
    "interval": "P3M",
    "repetitions": 42,
    "executeMissedOrders": false
}"""


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, SINGLE, recurringOrdersEnabled=True)
        open_shop(upstream, MULTIPLE, multipleShipmentsSupported=True, recurringOrdersEnabled=True)
        for channel in (SINGLE, MULTIPLE):
            put(upstream, "customer.put", "PrimeTech", {"business": True}, channel=channel)
            put(upstream, "cost-center.put", "511288", {"customer": "PrimeTech"}, channel=channel)


def document(name: str) -> Any:
    return by_value((SAMPLES / f"{name}.json").read_bytes())


def by_value(text: bytes) -> Any:
    """Parse for comparison: numbers by value, items by position; without ids, which are another shop's."""
    tree = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    for bucket in tree["shippingBuckets"]:
        bucket["lineItems"].sort(key=lambda link: link["attributes"][0]["value"])
    return without_ids(tree)


def without_ids(value: Any) -> Any:
    """Leave out the ids of addresses and of the basket; of a link's URI, the ids of basket and item."""
    if isinstance(value, list):
        return [without_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: without_ids(one) for name, one in value.items()}
    if kept.get("type") in ("Address", "Basket"):
        assert kept.pop("id")
    if kept.get("type") == "Link":
        site, app, baskets, _, items, _ = kept["uri"].split("/")
        assert site == "PrimeTech-PrimeTechSpecials-Site"
        assert app in (SINGLE.partition("/")[2], MULTIPLE.partition("/")[2])
        kept["uri"] = (baskets, items)
    return kept


def address() -> dict[str, str]:
    """Give the document's address, as its own request has it and its own response shows it."""
    shown: dict[str, str] = json.loads((SAMPLES / "response-multiple-shipment.json").read_bytes())[
        "invoiceToAddress"
    ]
    return {name: value for name, value in shown.items() if name != "id"}


class Buying:
    """A basket on its way to what the document shows."""

    def __init__(self, upstream: Upstream, channel: str) -> None:
        self._upstream, self._channel, self.key = upstream, channel, unique("basket")
        self.ask("basket.create")
        self.items = item_ids(self.ask("basket.item.add", elements(PROBOOK, BENQ)))

    def ask(self, type_: str, body: object = None) -> Result:
        reply = self._upstream.ask(type_, self.key, body, channel=self._channel, headers=BUYER)
        assert reply.status in (200, 201), reply.body
        return reply


def single(upstream: Upstream) -> Result:
    buying = Buying(upstream, SINGLE)
    buying.ask("basket.update", {"invoiceToAddress": address()})
    buying.ask("basket.update", {"commonShipToAddress": address()})
    return buying.ask("basket.update", {"commonShippingMethod": {"id": GROUND}})


def multiple(upstream: Upstream) -> Result:
    buying = Buying(upstream, MULTIPLE)
    buying.ask("basket.update", {"invoiceToAddress": address()})
    for item in buying.items.values():
        change = {"itemId": item, "shippingMethod": {"id": GROUND}, "shipToAddress": address()}
        buying.ask("basket.item.update", change)
    return buying.ask("basket.update", (SAMPLES / "cost-center.json").read_bytes())


def test_the_basket_with_single_shipment_is_the_documents(upstream: Upstream) -> None:
    shown = by_value(single(upstream).body)
    assert (shown.pop("owner"), shown.pop("version")) == ("patricia", 5)
    assert shown == document("response-single-shipment")


def test_the_basket_with_multiple_shipments_is_the_documents(upstream: Upstream) -> None:
    shown = by_value(multiple(upstream).body)
    assert (shown.pop("owner"), shown.pop("version")) == ("patricia", 6)
    assert shown == document("response-multiple-shipment")


def test_the_common_address_is_the_default_of_items_without_their_own(upstream: Upstream) -> None:
    buying = Buying(upstream, MULTIPLE)
    buying.ask("basket.update", {"invoiceToAddress": address(), "commonShipToAddress": address()})
    for item in buying.items.values():
        buying.ask("basket.item.update", {"itemId": item, "shippingMethod": {"id": GROUND}})
    shown = by_value(buying.ask("basket.update", {"costCenterID": "511288"}).body)
    assert (shown.pop("owner"), shown.pop("version")) == ("patricia", 6)
    assert shown == document("response-multiple-shipment")


@pytest.mark.parametrize("build", [single, multiple])
def test_with_a_recurrence_it_is_shown_beside_everything_else(upstream: Upstream, build: Any) -> None:
    before = build(upstream)
    body = (SAMPLES / "recurrence.json").read_bytes()
    channel = before.headers["channel"]
    reply = upstream.ask("basket.update", before.key, body, channel=channel, headers=BUYER)
    shown = by_value(reply.body)
    assert shown.pop("recurrence") == json.loads(RECURRENCE)
    assert shown.pop("version") == before.version + 1
    unchanged = by_value(before.body)
    del unchanged["version"]
    assert shown == unchanged
    removal = (SAMPLES / "recurrence-removal.json").read_bytes()
    after = upstream.ask("basket.update", before.key, removal, channel=channel, headers=BUYER)
    assert by_value(after.body) == {**unchanged, "version": before.version + 2}


def test_dates_are_numbers_and_no_number_is_written_with_an_exponent_or_trailing_zeros(
    upstream: Upstream,
) -> None:
    before = single(upstream)
    body = (SAMPLES / "recurrence.json").read_bytes()
    text = upstream.ask("basket.update", before.key, body, channel=SINGLE, headers=BUYER).body
    assert b'"startDate":1464775200000,' in text
    assert b'"endDate":1496311200000,' in text
    for number in (b'"value":1226.22}', b'"value":195.78}', b'"value":2.7}', b'"rate":19}', b'"value":0}'):
        assert number in text


def test_what_the_contract_adds_is_shown_when_it_is_there_and_nothing_else_is(upstream: Upstream) -> None:
    put(upstream, "promotion.put", "SPRING", {"target": "basket", "amount": usd(9.28)}, channel=SINGLE)
    before = single(upstream)
    fields = {
        "department": "Sales",
        "taxationID": "0123456789",
        "externalOrderReferenceID": "30000008899",
        "taxExempt": False,
        "promotions": [{"code": "SPRING"}, {"code": "NEVER-PUT"}],
        "costCenterID": "511288",
    }
    shown = upstream.ask("basket.update", before.key, fields, channel=SINGLE, headers=BUYER).json
    added = {name: shown[name] for name in set(shown) - set(document("response-single-shipment")) - {"id"}}
    assert added == {
        "owner": "patricia",
        "version": 6,
        "department": "Sales",
        "taxationID": "0123456789",
        "externalOrderReferenceID": "30000008899",
        "taxExempt": False,
        "promotions": [{"type": "PromotionLink", "code": "SPRING"}],
        "costCenterID": "511288",
    }
    totals = shown["totals"]
    assert totals["basketValueRebatesTotal"]["value"] == 9.28
    assert totals["basketTotal"]["value"] == 1216.94


def test_items_with_other_methods_or_addresses_travel_in_buckets_of_their_own(upstream: Upstream) -> None:
    put(upstream, "shipping-method.put", "EXPRESS", {"name": "Express", "price": usd(30)}, channel=MULTIPLE)
    buying = Buying(upstream, MULTIPLE)
    buying.ask("basket.update", {"commonShipToAddress": address()})
    for sku, method in ((PROBOOK, GROUND), (BENQ, "EXPRESS")):
        shown = buying.ask(
            "basket.item.update", {"itemId": buying.items[sku], "shippingMethod": {"id": method}}
        )
    buckets = shown.json["shippingBuckets"]
    assert [bucket["shippingMethod"]["id"] for bucket in buckets] == [GROUND, "EXPRESS"]
    assert [[link["title"] for link in bucket["lineItems"]] for bucket in buckets] == [
        ["HP ProBook 6550b Notebook PC"], ["Benq MD300"]
    ]  # fmt: skip
    assert shown.json["totals"]["shippingTotal"]["value"] == 46.94
    elsewhere = {**address(), "city": "Berlin"}
    body = {"itemId": buying.items[BENQ], "shippingMethod": {"id": GROUND}, "shipToAddress": elsewhere}
    shown = buying.ask("basket.item.update", body)
    assert [bucket["shipToAddress"]["city"] for bucket in shown.json["shippingBuckets"]] == [
        "Potsdam",
        "Berlin",
    ]
    assert shown.json["totals"]["shippingTotal"]["value"] == 33.88
