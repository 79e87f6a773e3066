"""Contract 2.3: each error key that can be reached, with its status, by a command that deserves it alone."""

from typing import Any

import pytest
from outside.claims import OPERATOR, SERVICE, bearer
from outside.listener import Listener
from outside.shop import BENQ, GROUND, open_shop, put, usd
from outside.upstream import Upstream
from outside.wire import command, unique

PATRICIA = {
    "firstName": "Patricia",
    "lastName": "Miller",
    "addressLine1": "Berliner Str. 20",
    "postalCode": "14482",
    "city": "Potsdam",
    "countryCode": "DE",
}


def adding(sku: object, quantity: object) -> dict[str, Any]:
    return {"elements": [{"sku": sku, "quantity": {"value": quantity}}]}


UPDATES: list[tuple[dict[str, Any], int, str]] = [
    ({"department": 7}, 400, "command.malformed.error"),
    ({"colour": "red"}, 400, "command.unknown_field.error"),
    ({"recurrence": {"interval": "P1M"}}, 501, "error.recurring_orders.disabled"),
    ({"recurrence": {"interval": "P0D"}}, 501, "error.recurring_orders.disabled"),
    ({"promotions": [{"code": str(n)} for n in range(51)]}, 400, "basket.limit_exceeded.error"),
    ({"commonShipToAddress": {"urn": "urn:address:customer:a:b"}}, 400, "basket.address_not_found.error"),
    ({"commonShipToAddress": {"id": "Xf7AqMgoyuMAAAEs2sx0Uei"}}, 400, "basket.address_not_found.error"),
    ({"invoiceToAddress": {**PATRICIA, "countryCode": "XX"}}, 400, "basket.invalid_address.error"),
    ({"invoiceToAddress": {**PATRICIA, "city": ""}}, 400, "customer.address.missing_fields.error"),
    ({"commonShippingMethod": {"id": "BY_BALLOON"}}, 400, "basket.shipping_method_not_eligible.error"),
    ({"costCenterID": "511288"}, 400, "basket.cost_center.no_customer.error"),
    ({"newOwnerAuthenticationToken": "standard@PBE:TCgG"}, 400, "command.malformed.error"),
    ({"purchaseCurrency": "XYZ"}, 400, "command.malformed.error"),
]


@pytest.mark.parametrize(("body", "status", "error_key"), UPDATES)
def test_an_update_that_cannot_be_done_says_why(
    upstream: Upstream, body: dict[str, Any], status: int, error_key: str
) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    refused = upstream.ask("basket.update", basket, body)
    assert (refused.status, refused.error_key, refused.codes) == (status, error_key, [error_key])


ADDITIONS: list[tuple[dict[str, Any], int, str]] = [
    (adding("", 1), 400, "basket.product.sku_required.error"),
    ({"elements": [{"quantity": {"value": 1}}]}, 400, "basket.product.sku_required.error"),
    *(
        (adding(BENQ, quantity), 400, "basket.product.quantity_invalid.error")
        for quantity in (0, -1, 1.5, 100_001, 1e300, "1", True, None)
    ),
    ({"elements": [{"sku": BENQ}]}, 400, "basket.product.quantity_invalid.error"),
    (adding("never-put", 1), 404, "product.not_found.error"),
    ({"quoteID": "Q-1"}, 404, "quote.not_found.error"),
    (
        {"elements": [{"sku": BENQ, "quantity": {"value": 1}}] * 201},
        400,
        "basket.limit_exceeded.error",
    ),
    ({"elements": "all"}, 400, "command.malformed.error"),
]


@pytest.mark.parametrize(("body", "status", "error_key"), ADDITIONS)
def test_an_item_that_cannot_be_added_says_why(
    upstream: Upstream, body: dict[str, Any], status: int, error_key: str
) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    refused = upstream.ask("basket.item.add", basket, body)
    assert (refused.status, refused.error_key, refused.codes) == (status, error_key, [error_key])


def test_the_missing_fields_of_an_address_are_named(upstream: Upstream) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    refused = upstream.ask("basket.update", basket, {"commonShipToAddress": {"title": "Mrs."}})
    (error,) = refused.json["errors"]
    assert error["path"] == "$.commonShipToAddress"
    for name in ("firstName", "lastName", "addressLine1", "postalCode", "city", "countryCode"):
        assert name in error["message"]


def test_a_product_that_is_not_available_is_not_added(upstream: Upstream) -> None:
    basket, sku = unique("basket"), unique("sku")
    put(upstream, "product.put", sku, {"name": "Mouse", "price": usd(1), "taxRate": 0, "available": False})
    upstream.ask("basket.create", basket)
    refused = upstream.ask("basket.item.add", basket, adding(sku, 1))
    assert (refused.status, refused.error_key) == (400, "basket.product.not_available.error")


def test_more_than_five_hundred_items_are_too_many(upstream: Upstream) -> None:
    basket, skus = unique("basket"), [unique("sku") for _ in range(501)]
    mouse = {"name": "Mouse", "price": usd(1), "taxRate": 0}
    headers = {"authorization": bearer("catalogue", **SERVICE)}
    puts = [command("product.put", sku, mouse, headers=headers) for sku in skus]
    assert {reply.status for reply in upstream.ask_all(puts)} == {204}
    upstream.ask("basket.create", basket)
    for part, status in ((skus[:200], 201), (skus[200:400], 201), (skus[400:500], 201), (skus[500:], 400)):
        elements = [{"sku": sku, "quantity": {"value": 1}} for sku in part]
        reply = upstream.ask("basket.item.add", basket, {"elements": elements})
        assert reply.status == status
    assert reply.error_key == "basket.limit_exceeded.error"


def test_the_currency_is_fixed_while_there_are_items(upstream: Upstream) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket, {"purchaseCurrency": "EUR"})
    assert (
        upstream.ask("basket.update", basket, {"purchaseCurrency": "USD"}).json["purchaseCurrency"] == "USD"
    )
    upstream.ask("basket.item.add", basket, adding(BENQ, 1))
    refused = upstream.ask("basket.update", basket, {"purchaseCurrency": "EUR"})
    assert (refused.status, refused.error_key) == (400, "basket.purchase_currency_fixed.error")


def test_a_channel_with_several_shipments_takes_no_method_for_the_basket(upstream: Upstream) -> None:
    channel, basket = unique("channel"), unique("basket")
    open_shop(upstream, channel, multipleShipmentsSupported=True)
    upstream.ask("basket.create", basket, channel=channel)
    refused = upstream.ask("basket.update", basket, {"commonShippingMethod": {"id": GROUND}}, channel=channel)
    assert (refused.status, refused.error_key) == (400, "basket.shipping_method_not_allowed.error")


def test_a_cost_center_is_for_business_customers(upstream: Upstream) -> None:
    basket, headers = unique("basket"), {"authorization": bearer("patricia", customer="consumer-7")}
    upstream.ask("basket.create", basket, headers=headers)
    refused = upstream.ask("basket.update", basket, {"costCenterID": "511288"}, headers=headers)
    assert (refused.status, refused.error_key) == (400, "basket.cost_center.invalid_customer.error")


# Each row: type, key or None for a fresh one, body, options, status, error key; answered as an event alone.
ENVELOPES: list[tuple[str, str | None, object, dict[str, Any], int, str]] = [
    ("basket.create", None, b"{" + b" " * 262_144 + b"}", {}, 413, "command.too_large.error"),
    *(
        ("basket.create", None, {}, options, 415, "command.unsupported_content_type.error")
        for options in (
            {"content_type": "image/png"},
            {"content_type": "application/json; charset=latin-1"},
            {"content_encoding": "gzip"},
            {"headers": {"compression": "application/x-gzip"}},
        )
    ),
    ("basket.shake", None, {}, {}, 400, "command.unknown_type.error"),
    ("basket.create", None, {}, {"type": None}, 400, "command.unknown_type.error"),
    ("basket.create", None, {}, {"message_id": None}, 400, "command.message_id_required.error"),
    ("basket.create", None, {}, {"message_id": ""}, 400, "command.message_id_required.error"),
    *(
        ("basket.create", key, {}, {}, 400, "basket.basket_id_required.error")
        for key in ("", "two words", "x" * 201, "Größe", "line\nbreak", "nul\0")
    ),
    *(
        ("basket.update", None, body, {}, 400, "command.malformed.error")
        for body in (
            b"",
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b"\xff\xfe{",
            b'{"department": "a", "department": "b"}',
            b'{"department": NaN}',
            b'{"department": "\\ud800"}',
            b'{"department": "\\u0000"}',
            b"[" * 100_000,
            b'{"x":' * 40_000,
            b"<Basket/>",
        )
    ),
    ("basket.create", None, {}, {"headers": {"expected-version": "1"}}, 400, "command.malformed.error"),
    ("basket.create", None, {}, {"headers": {"authorization": None}}, 401, "command.unauthorized.error"),
    ("basket.create", None, {}, {"channel": "never-put"}, 404, "channel.not_found.error"),
    ("basket.update", None, {}, {}, 404, "basket.basket_not_found.error"),
    ("basket.item.add", None, adding(BENQ, 1), {}, 404, "basket.basket_not_found.error"),
    ("product.put", None, {"name": "M", "price": usd(1), "taxRate": 0}, {}, 403, "command.forbidden.error"),
    (
        "basket.create",
        None,
        {},
        {"headers": {"authorization": bearer("watcher", **OPERATOR)}},
        403,
        "command.forbidden.error",
    ),
    ("basket.create", None, {}, {"headers": {"expected-version": 1}}, 412, "basket.version_conflict.error"),
]


@pytest.mark.parametrize(("type_", "key", "body", "options", "status", "error_key"), ENVELOPES)
def test_a_message_that_cannot_be_taken_says_why(
    upstream: Upstream,
    events: Listener,
    type_: str,
    key: str | None,
    body: object,
    options: dict[str, Any],
    status: int,
    error_key: str,
) -> None:
    before = len(events.heard)
    upstream.tell(
        options.get("type", type_), unique("basket") if key is None else key, body, **without_type(options)
    )
    assert events.until(lambda: len(events.heard) > before)
    event = events.heard[-1]
    assert (event.type, event.status, event.error_key) == ("command.rejected", status, error_key)
    assert event.codes[0] == error_key


def without_type(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "type"}


def test_what_nobody_may_be_waiting_for_is_parked_and_what_is_merely_wrong_is_not(
    upstream: Upstream, events: Listener, stage: Any
) -> None:
    parked = {
        upstream.tell("basket.shake", unique("basket")).key,
        upstream.tell("basket.create", unique("basket"), message_id=None).key,
        upstream.tell("basket.create", unique("basket"), content_encoding="gzip").key,
        upstream.tell("basket.create", unique("basket"), headers={"compression": "application/x-gzip"}).key,
    }
    answered = [
        upstream.tell("basket.update", unique("basket"), b"{"),
        upstream.tell("basket.create", unique("basket"), content_type="image/png"),
        upstream.tell("basket.create", unique("basket"), caller=None),
    ]
    assert events.until(lambda: len(events.heard) == 7)
    keys = [*parked, *(message.key for message in answered)]
    rows = stage.rows("select key from dead_letter where key = any(%s)", keys)
    assert {key for (key,) in rows} == parked


def test_a_parked_message_keeps_no_token(upstream: Upstream, events: Listener, stage: Any) -> None:
    key = unique("basket")
    token = bearer("patricia").removeprefix("Bearer ")
    body = {"newOwnerAuthenticationToken": token}
    sent = upstream.tell("basket.update", key, body, content_encoding="gzip")
    events.answer(sent)
    ((row,),) = stage.rows(
        "select row_to_json(d)::text || encode(body, 'escape') from dead_letter d where key = %s", key
    )
    assert token not in row
    assert token.rpartition(".")[2] not in row
