"""Contract 1.2: the version counts the changes of the representation, exactly one for every command."""

import pytest
from outside.shop import BENQ, PROBOOK, put, usd
from outside.upstream import Upstream
from outside.wire import unique

SALES = {"department": "Sales"}


@pytest.fixture
def basket(upstream: Upstream) -> str:
    key = unique("basket")
    assert upstream.ask("basket.create", key).version == 1
    return key


def test_each_change_counts_one_however_much_it_changes(upstream: Upstream, basket: str) -> None:
    body = {**SALES, "taxationID": "0123456789", "externalOrderReferenceID": "30000008899", "taxExempt": True}
    assert upstream.ask("basket.update", basket, body).version == 2
    elements = [{"sku": sku, "quantity": {"value": 2}} for sku in (PROBOOK, BENQ)]
    assert upstream.ask("basket.item.add", basket, {"elements": elements}).version == 3
    assert upstream.ask("basket.update", basket, {"department": ""}).version == 4


@pytest.mark.parametrize("body", [{}, SALES, {"name": "x", "type": "Basket"}, {"dynamicMessages": ["Hi"]}])
def test_a_command_that_changes_nothing_does_not_count(
    upstream: Upstream, basket: str, body: dict[str, object]
) -> None:
    upstream.ask("basket.update", basket, SALES)
    reply = upstream.ask("basket.update", basket, body)
    assert (reply.status, reply.version, reply.json["version"]) == (200, 2, 2)


def test_neither_creating_again_nor_a_promotion_without_effect_counts(
    upstream: Upstream, basket: str
) -> None:
    assert upstream.ask("basket.create", basket).version == 1
    promoted = upstream.ask("basket.update", basket, {"promotions": [{"code": "INTERSHOP"}]})
    assert (promoted.status, promoted.version) == (200, 1)


def test_the_same_address_again_is_no_change(upstream: Upstream, basket: str) -> None:
    address = {
        "firstName": "Patricia",
        "lastName": "Miller",
        "addressLine1": "Berliner Str. 20",
        "postalCode": "14482",
        "city": "Potsdam",
        "countryCode": "de",
    }
    first = upstream.ask("basket.update", basket, {"invoiceToAddress": address})
    again = upstream.ask("basket.update", basket, {"invoiceToAddress": {**address, "countryCode": "DE"}})
    assert (first.version, again.version) == (2, 2)
    assert again.json["invoiceToAddress"] == first.json["invoiceToAddress"]


def test_a_refused_command_does_not_count_and_says_where_the_basket_is(
    upstream: Upstream, basket: str
) -> None:
    refused = upstream.ask("basket.update", basket, {**SALES, "wrong": 1})
    assert (refused.status, refused.version) == (400, 1)
    assert upstream.ask("basket.update", basket, SALES).version == 2


def test_new_prices_alone_are_no_change_of_the_basket(upstream: Upstream, basket: str) -> None:
    sku = unique("sku")
    put(upstream, "product.put", sku, {"name": "Mouse", "price": usd(10), "taxRate": 0})
    upstream.ask("basket.item.add", basket, {"elements": [{"sku": sku, "quantity": {"value": 1}}]})
    put(upstream, "product.put", sku, {"name": "Mouse", "price": usd(12), "taxRate": 0})
    assert upstream.ask("basket.update", basket, {}).version == 2
    changed = upstream.ask("basket.update", basket, SALES)
    assert (changed.version, changed.json["totals"]["itemTotal"]["value"]) == (3, 12)


def test_an_expected_version_is_a_condition(upstream: Upstream, basket: str) -> None:
    refused = upstream.ask("basket.update", basket, SALES, headers={"expected-version": 2})
    assert (refused.status, refused.error_key) == (412, "basket.version_conflict.error")
    assert refused.version == 1
    met = upstream.ask("basket.update", basket, SALES, headers={"expected-version": 1})
    assert (met.status, met.version) == (200, 2)


def test_of_two_who_expect_the_same_version_one_wins(upstream: Upstream, basket: str) -> None:
    replies = [
        upstream.ask("basket.update", basket, {"department": name}, headers={"expected-version": 1})
        for name in ("A", "B")
    ]
    assert [reply.status for reply in replies] == [200, 412]


def test_the_header_and_the_body_say_the_same_version(upstream: Upstream, basket: str) -> None:
    for number in range(2, 6):
        reply = upstream.ask("basket.update", basket, {"department": f"D{number}"})
        assert (reply.version, reply.json["version"]) == (number, number)
