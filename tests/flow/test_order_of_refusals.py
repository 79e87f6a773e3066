"""Contract 1.2: of several things wrong with a command, which one names the answer.

The order, written down here once more: 413, 415, unknown type, message id, routing key, reply-to, malformed,
401, channel 404, basket 404, 403, 412, 501, and then that of table 2.3.
"""

from typing import Any

import pytest
from outside.claims import OPERATOR, bearer
from outside.listener import Listener
from outside.upstream import Upstream
from outside.wire import unique

TOO_LARGE = b'"' + b"x" * (256 * 1024)
STRANGER: dict[str, object] = {"headers": {"authorization": None}}
NO_SUCH_CHANNEL = {"channel": "never-put"}
RECURRENCE = {"recurrence": {"interval": "P0D"}}
UNKNOWN_METHOD = {"commonShippingMethod": {"id": "BY_BALLOON"}}

# Each row: type, body, options, and the error key that wins although everything after it is wrong as well.
ENVELOPES: list[tuple[str, object, dict[str, Any], str]] = [
    (
        "basket.shake",
        TOO_LARGE,
        {"content_type": "image/png", "message_id": None, "reply_to": "orders", **STRANGER},
        "command.too_large.error",
    ),
    (
        "basket.shake",
        b"{",
        {"content_type": "image/png", "message_id": None, "reply_to": "orders", **STRANGER},
        "command.unsupported_content_type.error",
    ),
    ("basket.shake", b"{", {"message_id": None, "reply_to": "orders"}, "command.unknown_type.error"),
    ("basket.update", b"{", {"message_id": None, "reply_to": "orders"}, "command.message_id_required.error"),
    ("basket.update", b"{", {"key": "two words", "reply_to": "orders"}, "basket.basket_id_required.error"),
    ("basket.get", b"{", {"key": "two words"}, "basket.basket_id_required.error"),
    ("basket.get", b"{", {}, "command.reply_to_required.error"),
    ("basket.update", b"{", {"reply_to": "orders", **STRANGER}, "command.reply_to_forbidden.error"),
    ("basket.update", b"{", STRANGER, "command.malformed.error"),
    ("basket.update", {"department": 1}, {"headers": {"authorization": "x"}}, "command.malformed.error"),
    ("basket.update", {"wrong": 1}, {**NO_SUCH_CHANNEL, **STRANGER}, "command.unauthorized.error"),
    ("basket.update", {"wrong": 1}, NO_SUCH_CHANNEL, "channel.not_found.error"),
    (
        "basket.update",
        {"wrong": 1, **RECURRENCE},
        {"headers": {"expected-version": 9}},
        "basket.basket_not_found.error",
    ),
]


@pytest.mark.parametrize(("type_", "body", "options", "expected"), ENVELOPES)
def test_the_envelope_is_judged_in_this_order(
    upstream: Upstream, events: Listener, type_: str, body: object, options: dict[str, Any], expected: str
) -> None:
    given = dict(options)
    before = len(events.heard)
    upstream.tell(type_, given.pop("key", unique("basket")), body, **given)
    assert events.until(lambda: len(events.heard) > before)
    assert events.heard[-1].error_key == expected
    assert events.heard[-1].codes[0] == expected


# Each row: body, options, expected; on an open basket of patricia's.
ON_A_BASKET: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"wrong": 1, **RECURRENCE},
        {"caller": "mallory", "headers": {"expected-version": 9}},
        "basket.wrong_basket_id.error",
    ),
    (
        {"wrong": 1, **RECURRENCE},
        {"headers": {"authorization": bearer("x", anonymous=True), "expected-version": 9}},
        "basket.login_required.error",
    ),
    ({"wrong": 1, **RECURRENCE}, {"headers": {"expected-version": 9}}, "basket.version_conflict.error"),
    ({"wrong": 1, "costCenterID": "1", **RECURRENCE}, {}, "error.recurring_orders.disabled"),
    ({"wrong": 1, "costCenterID": "1", **UNKNOWN_METHOD}, {}, "command.unknown_field.error"),
    (
        {"promotions": [{"code": str(n)} for n in range(51)], "commonShipToAddress": {"urn": "urn:x"}},
        {},
        "basket.limit_exceeded.error",
    ),
    (
        {"commonShipToAddress": {"firstName": "A", "countryCode": "XX"}, "invoiceToAddress": {"id": "x"}},
        {},
        "basket.address_not_found.error",
    ),
    (
        {"commonShipToAddress": {"firstName": "A", "countryCode": "XX"}, **UNKNOWN_METHOD},
        {},
        "basket.invalid_address.error",
    ),
    (
        {"commonShipToAddress": {"firstName": "A"}, **UNKNOWN_METHOD},
        {},
        "customer.address.missing_fields.error",
    ),
    ({"costCenterID": "1", **UNKNOWN_METHOD}, {}, "basket.shipping_method_not_eligible.error"),
]


@pytest.mark.parametrize(("body", "options", "expected"), ON_A_BASKET)
def test_what_is_wrong_with_a_change_is_judged_in_this_order(
    upstream: Upstream, body: dict[str, Any], options: dict[str, Any], expected: str
) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    refused = upstream.ask("basket.update", basket, body, **options)
    assert refused.error_key == expected
    assert refused.codes[0] == expected
    assert upstream.ask("basket.get", basket).version == 1


def test_a_reused_id_comes_after_501_and_before_the_fields(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    upstream.ask("basket.create", basket, message_id=id_)
    for body, expected in (
        ({"wrong": 1, **RECURRENCE}, "error.recurring_orders.disabled"),
        ({"wrong": 1}, "command.message_id_reused.error"),
    ):
        assert upstream.ask("basket.update", basket, body, message_id=id_).error_key == expected


def test_everything_that_is_wrong_with_a_body_is_listed_with_its_place(upstream: Upstream) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    body = {
        "colour": "red",
        "costCenterID": "511288",
        "commonShipToAddress": {"firstName": "Patricia", "street": "Berliner Str."},
        **UNKNOWN_METHOD,
    }
    refused = upstream.ask("basket.update", basket, body)
    assert [(error["code"], error["path"]) for error in refused.json["errors"]] == [
        ("command.unknown_field.error", "$.colour"),
        ("command.unknown_field.error", "$.commonShipToAddress.street"),
        ("customer.address.missing_fields.error", "$.commonShipToAddress"),
        ("basket.shipping_method_not_eligible.error", "$.commonShippingMethod"),
        ("basket.cost_center.no_customer.error", "$.costCenterID"),
    ]


def test_a_command_is_all_or_nothing(upstream: Upstream) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    assert upstream.ask("basket.update", basket, {"department": "Sales", **UNKNOWN_METHOD}).status == 400
    elements = [{"sku": "1612143", "quantity": {"value": 1}}, {"sku": "nothing", "quantity": {"value": 1}}]
    assert upstream.ask("basket.item.add", basket, {"elements": elements}).status == 404
    now = upstream.ask("basket.get", basket).json
    assert (now["version"], now.get("department"), now.get("shippingBuckets")) == (1, None, None)


def test_reference_data_is_refused_for_its_caller_before_its_fields(upstream: Upstream) -> None:
    for claims in ({}, OPERATOR):
        headers = {"authorization": bearer("x", **claims)}
        refused = upstream.ask("product.put", unique("sku"), {"name": "", "wrong": 1}, headers=headers)
        assert refused.error_key in ("command.forbidden.error", "command.malformed.error")
    good = {"name": "Mouse", "price": {"currencyMnemonic": "USD", "value": 1}, "taxRate": 0, "wrong": 1}
    assert upstream.ask("product.put", unique("sku"), good).error_key == "command.forbidden.error"
