"""`promotion.put` and `quote.put`: what they mean, and what is refused at which path."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from puts import malformed, put

from contracts.errors import ErrorKey
from worker.domain.money import Money
from worker.domain.reference import Promotion, Quote, QuoteItem, Target

USD = {"currencyMnemonic": "USD", "value": 5}
QUOTE = {
    "customer": "acme",
    "state": "open",
    "validTo": "2026-06-01T12:00:00Z",
    "items": [{"sku": "book", "quantity": 2, "price": USD}],
}
JUNE = datetime(2026, 6, 1, 12, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"percentage": 10}, Promotion(target=Target.BASKET, percentage=Decimal(10))),
        ({"percentage": 12.5}, Promotion(target=Target.BASKET, percentage=Decimal("12.5"))),
        ({"percentage": 0}, Promotion(target=Target.BASKET, percentage=Decimal(0))),
        ({"percentage": 100}, Promotion(target=Target.BASKET, percentage=Decimal(100))),
        ({"amount": USD}, Promotion(target=Target.BASKET, amount=Money("USD", Decimal(5)))),
        (
            {"percentage": 1, "minimum": USD, "validFrom": "2026-06-01T12:00:00Z", "validTo": 1780315200000},
            Promotion(
                target=Target.BASKET,
                percentage=Decimal(1),
                minimum=Money("USD", Decimal(5)),
                valid_from=JUNE,
                valid_to=JUNE,
            ),
        ),
        (
            {"percentage": 1, "validFrom": "2026-06-01T14:00:00+02:00", "validTo": "2026-06-01T12:00:00"},
            Promotion(target=Target.BASKET, percentage=Decimal(1), valid_from=JUNE, valid_to=JUNE),
        ),
        (
            {"percentage": 1, "validFrom": "", "validTo": ""},
            Promotion(target=Target.BASKET, percentage=Decimal(1)),
        ),
        (
            {"percentage": 1, "validTo": "9999-12-31T23:59:59Z"},
            Promotion(target=Target.BASKET, percentage=Decimal(1), valid_to=NEVER),
        ),
    ],
)
def test_a_promotion_takes_a_percentage_or_an_amount_off(body: dict[str, Any], expected: Promotion) -> None:
    assert put("promotion", {"target": "basket", **body}) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"target": "item"}, malformed("$")),
        ({"target": "item", "percentage": 5, "amount": USD}, malformed("$")),
        ({"percentage": 5}, malformed("$.target")),
        ({"target": "order", "percentage": 5}, malformed("$.target")),
        ({"target": "item", "percentage": 101}, malformed("$.percentage")),
        ({"target": "item", "percentage": -1}, malformed("$.percentage")),
        ({"target": "item", "percentage": "5"}, malformed("$.percentage")),
        ({"target": "item", "amount": {**USD, "value": 0.005}}, malformed("$.amount.value")),
        ({"target": "item", "amount": {**USD, "value": -1}}, malformed("$.amount.value")),
        (
            {"target": "item", "amount": {"currencyMnemonic": "JPY", "value": 0.5}},
            malformed("$.amount.value"),
        ),
        (
            {"target": "item", "amount": {"currencyMnemonic": "ZZZ", "value": 1}},
            malformed("$.amount.currencyMnemonic"),
        ),
        (
            {"target": "item", "percentage": 5, "minimum": {**USD, "value": 0.001}},
            malformed("$.minimum.value"),
        ),
        ({"target": "item", "percentage": 5, "validFrom": "tomorrow"}, malformed("$.validFrom")),
        ({"target": "item", "percentage": 5, "validTo": True}, malformed("$.validTo")),
        ({"target": "item", "percentage": 5, "validTo": "2026-06-01"}, malformed("$.validTo")),
        (
            {
                "target": "item",
                "percentage": 5,
                "validFrom": "2026-06-01T12:00:01Z",
                "validTo": QUOTE["validTo"],
            },
            malformed("$.validTo"),
        ),
        (
            {
                "target": "item",
                "amount": {**USD, "value": -1},
                "minimum": {**USD, "value": -1},
                "validTo": "x",
            },
            malformed("$.amount.value", "$.minimum.value", "$.validTo"),
        ),
    ],
)
def test_a_promotion_that_means_nothing_is_refused(body: dict[str, Any], expected: Any) -> None:
    assert put("promotion", body) == expected


def test_a_quote_is_taken_as_it_is_sent() -> None:
    body = {
        **QUOTE,
        "items": [
            {"sku": "book", "quantity": 2, "price": USD},
            {"sku": "book", "quantity": {"value": 100_000}, "price": {**USD, "value": 0}},
        ],
    }
    assert put("quote", body) == Quote(
        customer="acme",
        state="open",
        valid_to=JUNE,
        items=(
            QuoteItem(sku="book", quantity=2, price=Money("USD", Decimal(5))),
            QuoteItem(sku="book", quantity=100_000, price=Money("USD", Decimal(0))),
        ),
    )


def item(**changed: Any) -> dict[str, Any]:
    return {"items": [{"sku": "book", "quantity": 2, "price": USD, **changed}]}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"state": "draft"}, malformed("$.state")),
        ({"customer": ""}, malformed("$.customer")),
        ({"validTo": ""}, malformed("$.validTo")),
        ({"validTo": "soon"}, malformed("$.validTo")),
        ({"items": []}, malformed("$.items")),
        (item(quantity=0), [(ErrorKey.QUANTITY_INVALID, "$.items[0].quantity")]),
        (item(quantity=100_001), [(ErrorKey.QUANTITY_INVALID, "$.items[0].quantity")]),
        (item(quantity={"value": 1.5}), [(ErrorKey.QUANTITY_INVALID, "$.items[0].quantity")]),
        (item(price={**USD, "value": 9.999}), malformed("$.items[0].price.value")),
        (item(price={**USD, "currencyMnemonic": "ZZZ"}), malformed("$.items[0].price.currencyMnemonic")),
        (
            {"items": [*item()["items"], *item(price={"currencyMnemonic": "EUR", "value": 1})["items"]]},
            malformed("$.items"),
        ),
        (
            {**item(quantity=0, price={**USD, "value": -1}), "validTo": "soon"},
            [
                (ErrorKey.MALFORMED, "$.validTo"),
                (ErrorKey.MALFORMED, "$.items[0].price.value"),
                (ErrorKey.QUANTITY_INVALID, "$.items[0].quantity"),
            ],
        ),
    ],
)
def test_a_quote_that_cannot_be_kept_is_refused(changed: dict[str, Any], expected: Any) -> None:
    assert put("quote", {**QUOTE, **changed}) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (item(sku=""), malformed("$.items[0].sku")),
        (item(price={**USD, "currencyMnemonic": "usd"}), malformed("$.items[0].price.currencyMnemonic")),
        (item(note="x"), [(ErrorKey.UNKNOWN_FIELD, "$.items[0].note")]),
        ({"items": [{"sku": "book", "quantity": 2}]}, malformed("$.items[0].price")),
    ],
)
def test_what_is_wrong_within_an_item_of_a_quote_is_named_at_its_place(
    changed: dict[str, Any], expected: Any
) -> None:
    assert put("quote", {**QUOTE, **changed}) == expected


def test_an_instant_without_an_offset_is_in_utc_wherever_the_machine_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/Los_Angeles")
        time.tzset()
        assert put("quote", {**QUOTE, "validTo": "2026-06-01T12:00:00"}).valid_to == JUNE
    time.tzset()


@pytest.mark.parametrize("quantity", [2.0, {"value": 2.0}, {"value": 2, "unit": "piece"}])
def test_the_quantity_of_a_quote_is_written_as_in_a_basket(quantity: Any) -> None:
    assert put("quote", {**QUOTE, **item(quantity=quantity)}).items[0].quantity == 2


def test_a_quote_needs_everything() -> None:
    assert put("quote", {}) == malformed("$.customer", "$.state", "$.validTo", "$.items")
    assert put("quote", {**QUOTE, "items": item()["items"] * 501}) == malformed("$.items")
    assert len(put("quote", {**QUOTE, "items": item()["items"] * 500}).items) == 500
