"""Contract 6.7, 1.3: what an order is, and how it is announced."""

import pytest
from outside.shop import GROUND, usd
from standing import House

from worker.domain.callers import Caller

ADDRESS = {
    "firstName": "Patricia",
    "lastName": "Miller",
    "addressLine1": "Berliner Str. 20",
    "postalCode": "14482",
    "city": "Potsdam",
    "countryCode": "DE",
}
DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D"}


def money(value: float) -> dict[str, object]:
    return {"type": "Money", "currencyMnemonic": "USD", "value": value}


@pytest.fixture
def order(house: House) -> dict[str, object]:
    """The first order of a basket with everything in it that a basket can have."""
    house.put("shipping-method.put", GROUND, {"name": "Standard Ground", "price": usd(16.94)})
    house.basket("b", {"mouse": 2, "pad": 1})
    body = {
        "commonShipToAddress": ADDRESS,
        "invoiceToAddress": {**ADDRESS, "companyName1": "Miller Ltd."},
        "commonShippingMethod": {"id": GROUND},
        "department": "Sales",
        "taxationID": "0123456789",
        "externalOrderReferenceID": "30000008899",
        "recurrence": DAILY,
    }
    house.say("basket.update", "b", body)
    house.ticks("2026-03-01T10:00")
    (placed,) = house.orders()
    return placed


def test_an_order_shows_the_basket_as_it_stands(house: House, order: dict[str, object]) -> None:
    basket = house.say("basket.get", "b")
    shared = (
        "purchaseCurrency",
        "commonShipToAddress",
        "invoiceToAddress",
        "commonShippingMethod",
        "department",
        "taxationID",
        "externalOrderReferenceID",
        "salesTaxTotalsByTaxRate",
        "shippingTaxTotalsByTaxRate",
        "totals",
    )
    assert {name: order[name] for name in shared} == {name: basket[name] for name in shared}


def test_an_order_names_itself_its_basket_and_its_occurrence(order: dict[str, object]) -> None:
    named = {name: order[name] for name in ("type", "basketId", "channel", "owner", "placedAt", "recurring")}
    assert named == {
        "type": "Order",
        "basketId": "b",
        "channel": "shop",
        "owner": "patricia",
        "placedAt": "2026-03-01T10:00:00Z",
        "recurring": {
            "generation": 1,
            "occurrence": 0,
            "dueAt": "2026-03-01T10:00:00Z",
            "catchUp": False,
            "trigger": "schedule",
        },
    }


def test_an_order_lists_its_lines_with_prices_and_totals(order: dict[str, object]) -> None:
    assert order["lineItems"] == [
        {"sku": "mouse", "name": "Benq MD300", "quantity": 2, "price": money(47.08), "total": money(94.16)},
        {"sku": "pad", "name": "Pad", "quantity": 1, "price": money(5), "total": money(5)},
    ]
    totals = order["totals"]
    assert isinstance(totals, dict)
    assert totals["basketTotal"] == money(116.10)  # 94.16 and 5.00 and 16.94


def test_an_order_has_no_version_no_recurrence_and_no_buckets(order: dict[str, object]) -> None:
    assert not {"version", "recurrence", "shippingBuckets", "name"} & set(order)


def test_numbers_are_unique_in_a_channel_and_short_enough_to_read_out(house: House) -> None:
    for key in ("a", "b"):
        house.recurs(house.basket(key), **DAILY)
    house.ticks("2026-03-05T10:00")
    numbers = [order["number"] for key in ("a", "b") for order in house.orders(key)]
    assert len(set(numbers)) == 10
    assert all(isinstance(number, str) and len(number) <= 12 for number in numbers)
    assert len({order["id"] for key in ("a", "b") for order in house.orders(key)}) == 10


def test_prices_are_those_of_the_day_and_the_basket_keeps_its_own(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.ticks("2026-03-01T10:00")
    house.product("mouse", 50.00, name="Benq MD400")
    house.ticks("2026-03-02T10:00")
    lines = [order["lineItems"][0] for order in house.orders()]
    assert [(line["name"], line["total"]["value"]) for line in lines] == [
        ("Benq MD300", 94.16),
        ("Benq MD400", 100),
    ]
    assert [order["totals"]["basketTotal"]["value"] for order in house.orders()] == [94.16, 100]
    assert house.say("basket.get", "b")["totals"]["basketTotal"]["value"] == 94.16


def test_an_order_goes_to_who_owns_the_basket_then(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.ticks("2026-03-01T10:00")
    house.stage.rows(
        "update basket set owner = 'maria', document = document || '{\"owner\": \"maria\"}' where id = 'b'"
    )
    house.ticks("2026-03-02T10:00")
    assert [order["owner"] for order in house.orders()] == ["patricia", "maria"]


def test_what_is_announced_is_the_order_itself(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.ticks("2026-03-01T10:00")
    (announced,) = house.events("b", "order.placed")
    assert house.say("order.get", announced["body"]["id"]) == announced["body"]


def test_events_name_the_basket_the_version_and_the_command_behind_them(house: House) -> None:
    house.recurs(house.basket(), **DAILY, repetitions=1)
    started, *_ = house.events("b", "recurrence.started")
    house.ticks("2026-03-01T10:00")
    version = house.say("basket.get", "b")["version"]
    for event in house.events("b", "order.placed", "recurrence.expired"):
        assert event["headers"] == {
            "key": "b",
            "channel": "shop",
            "version": version,
            "contract-version": 1,
            "causation-id": started["headers"]["causation-id"],
        }
        assert event["headers"]["causation-id"].startswith("m-")


def test_the_command_behind_an_order_is_the_one_that_set_the_recurrence_last(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.say("basket.update", "b", {"department": "Sales"})
    house.recurs(**DAILY, repetitions=5)
    changed = house.events("b", "recurrence.changed")[0]["headers"]
    house.say("recurrence.pause", "b", now="2026-02-01T00:00")
    house.say("recurrence.resume", "b", now="2026-02-02T00:00", caller=Caller(user="ops", is_operator=True))
    house.ticks("2026-03-01T10:00")
    (placed,) = house.events("b", "order.placed")
    assert placed["headers"]["causation-id"] == changed["causation-id"]


def test_neither_an_order_nor_a_pause_raises_the_version(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    before = house.say("basket.get", "b")["version"]
    house.ticks("2026-03-01T10:00")
    house.say("recurrence.pause", "b", now="2026-03-01T11:00")
    house.say("recurrence.resume", "b", now="2026-03-01T12:00")
    assert house.say("basket.get", "b")["version"] == before == 3


def test_channels_with_the_same_basket_id_do_not_meet(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.channel("other")
    house.put("product.put", "mouse", {"name": "M", "price": usd(1), "taxRate": 0}, channel="other")
    for type_, body in (
        ("basket.create", None),
        ("basket.item.add", {"elements": [{"sku": "mouse", "quantity": {"value": 1}}]}),
        ("basket.update", {"recurrence": DAILY}),
    ):
        house.say(type_, "b", body, channel="other")
    assert house.ticks("2026-03-01T10:00") == 2
    totals = {order["channel"]: order["totals"]["basketTotal"]["value"] for order in house.orders()}
    assert totals == {"shop": 94.16, "other": 1}
