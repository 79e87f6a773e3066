"""Contract 6.5: orders that cannot be placed for a business reason."""

from typing import Any

import pytest
from outside.shop import GROUND, usd
from standing import House

DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D"}
TRIES = ("10:00", "10:01", "10:11", "11:11", "15:11")


def gone(house: House) -> None:
    house.stage.rows("delete from reference where kind = 'product' and id = 'mouse'")


def sold_out(house: House) -> None:
    house.product("mouse", 47.08, available=False)


def in_another_currency(house: House) -> None:
    price = {"currencyMnemonic": "EUR", "value": 40}
    house.put("product.put", "mouse", {"name": "M", "price": price, "taxRate": 19})


def without_its_method(house: House) -> None:
    house.put("shipping-method.put", GROUND, {"name": "Ground", "price": usd(1)})
    house.say("basket.update", "b", {"commonShippingMethod": {"id": GROUND}})
    house.stage.rows("delete from reference where kind = 'shipping-method'")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (gone, "product.not_found.error"),
        (sold_out, "basket.product.not_available.error"),
        (in_another_currency, "basket.product.not_available.error"),
        (without_its_method, "basket.shipping_method_not_eligible.error"),
    ],
)
def test_a_basket_that_cannot_be_ordered_fails_with_the_reason(house: House, spoil: Any, code: str) -> None:
    house.recurs(house.basket(), **DAILY)
    spoil(house)
    assert house.ticks("2026-03-01T10:00") == 0
    (failed,) = house.events("b", "order.failed")
    message = failed["body"]["reason"].pop("message")
    assert message
    assert failed["body"] == {
        "basketId": "b",
        "generation": 1,
        "occurrence": 0,
        "dueAt": "2026-03-01T10:00:00Z",
        "catchUp": False,
        "reason": {"code": code},
        "attempt": 1,
        "nextTryAt": "2026-03-01T10:01:00Z",
    }
    assert house.table() == []
    assert house.say("recurrence.get", "b")["lastError"] == {"code": code, "message": message}


def test_an_empty_basket_has_nothing_to_be_ordered(house: House) -> None:
    house.recurs(house.basket("b", {}), **DAILY)
    house.ticks("2026-03-01T10:00")
    assert house.events("b", "order.failed")[0]["body"]["reason"]["code"] == "basket.empty.error"


def test_five_tries_and_then_a_person_has_to_look(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    sold_out(house)
    house.ticks(*(f"2026-03-01T{time}" for time in TRIES), "2026-03-02T10:00", "2026-03-09T10:00")
    failures = [event["body"] for event in house.events("b", "order.failed")]
    assert [(body["attempt"], body.get("nextTryAt")) for body in failures] == [
        (1, "2026-03-01T10:01:00Z"),
        (2, "2026-03-01T10:11:00Z"),
        (3, "2026-03-01T11:11:00Z"),
        (4, "2026-03-01T15:11:00Z"),
        (5, None),
    ]
    assert {(body["occurrence"], body["dueAt"]) for body in failures} == {(0, "2026-03-01T10:00:00Z")}
    assert house.said()[-2:] == ["order.failed", "recurrence.suspended"]
    (suspended,) = house.events("b", "recurrence.suspended")
    assert suspended["body"] == {
        "basketId": "b",
        "generation": 1,
        "reason": failures[0]["reason"],
        "occurrence": 0,
        "dueAt": "2026-03-01T10:00:00Z",
    }
    assert (house.state(), house.table()) == ("suspended", [])


def test_nobody_tries_between_the_times(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    sold_out(house)
    house.ticks("2026-03-01T10:00", "2026-03-01T10:00:30", "2026-03-01T10:00:59")
    assert house.said().count("order.failed") == 1


def test_a_try_that_works_places_the_order_of_that_occurrence_and_ends_the_error(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    sold_out(house)
    house.ticks("2026-03-01T10:00", "2026-03-01T10:01")
    house.product("mouse", 60.00)
    house.ticks("2026-03-01T10:11")
    (order,) = house.orders()
    assert order["recurring"]["dueAt"] == "2026-03-01T10:00:00Z"
    assert (order["placedAt"], order["totals"]["basketTotal"]["value"]) == ("2026-03-01T10:11:00Z", 120)
    assert "lastError" not in house.say("recurrence.get", "b")
    house.ticks("2026-03-02T10:00")
    assert len(house.orders()) == 2


def test_an_attempted_one_is_never_missed_even_when_nobody_could_try_again_in_time(house: House) -> None:
    house.recurs(house.basket(), **DAILY, executeMissedOrders=False)
    sold_out(house)
    house.ticks("2026-03-01T10:00")
    house.product("mouse", 47.08)
    house.ticks("2026-03-03T09:00")  # the scheduler was away
    assert house.table() == ["1: 0 2026-03-01 10:00 order", "1: 1 2026-03-02 10:00 missed"]
    assert house.orders()[0]["recurring"]["catchUp"] is False


def test_a_bad_basket_does_not_hold_up_the_others(house: House) -> None:
    house.recurs(house.basket("bad", {"pad": 1}), startDate="2026-02-01T10:00:00Z", interval="P1D")
    house.stage.rows("delete from reference where id = 'pad'")
    for n in range(5):
        house.recurs(house.basket(f"good-{n}"), **DAILY)
    assert house.ticks("2026-03-01T10:00") == 5
    assert house.said("bad")[-1] == "order.failed"


def test_a_resume_after_a_suspension_orders_again(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    sold_out(house)
    house.ticks(*(f"2026-03-01T{time}" for time in TRIES))
    house.product("mouse", 47.08)
    resumed = house.say("recurrence.resume", "b", {"missed": "all"}, now="2026-03-01T16:00")
    assert (resumed["state"], resumed["nextOrderDate"]) == ("active", "2026-03-01T10:00:00Z")
    house.ticks("2026-03-01T16:00", "2026-03-02T10:00")
    assert house.table() == ["1: 0 2026-03-01 10:00 order", "1: 1 2026-03-02 10:00 order"]


def test_a_failure_in_catching_up_says_so_and_the_rest_waits(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    sold_out(house)
    house.ticks("2026-03-04T12:00")
    failed = [event["body"] for event in house.events("b", "order.failed")]
    assert [(body["occurrence"], body["catchUp"]) for body in failed] == [(0, True)]
    house.product("mouse", 47.08)
    house.ticks("2026-03-04T12:01")
    assert [order["recurring"]["catchUp"] for order in house.orders()] == [True] * 4
