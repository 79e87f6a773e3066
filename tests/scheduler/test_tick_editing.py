"""Contract 6.1, "Setting it again", with orders in between: editing never orders the past again."""

import pytest
from standing import House

MONTHLY = {"startDate": "2026-01-31T10:00:00Z", "interval": "P1M"}
THREE_MONTHS = ("2026-01-31T10:00", "2026-02-28T10:00", "2026-03-31T10:00")
PLACED = [
    "1: 0 2026-01-31 10:00 order",
    "1: 1 2026-02-28 10:00 order",
    "1: 2 2026-03-31 10:00 order",
]


def three_months_in(house: House) -> None:
    house.recurs(house.basket(), **MONTHLY)
    house.ticks(*THREE_MONTHS)
    assert house.table() == PLACED


def test_a_new_end_date_three_months_in_places_nothing_twice(house: House) -> None:
    three_months_in(house)
    house.recurs(**MONTHLY, endDate="2026-12-31T10:00:00Z", now="2026-04-15T00:00")
    assert house.ticks("2026-04-15T00:00") == 0
    house.ticks("2026-04-30T10:00")
    assert house.table() == [*PLACED, "1: 3 2026-04-30 10:00 order"]
    shown = house.say("recurrence.get", "b", now="2026-05-01T00:00")
    assert (shown["generation"], shown["orderCount"]) == (1, 4)


@pytest.mark.parametrize("shown_by", ["basket.get", "recurrence.get"])
def test_what_was_shown_may_be_sent_back_with_another_end(house: House, shown_by: str) -> None:
    """It shows no offset: milliseconds, or UTC. The wall clock stays that of the start that was set."""
    house.recurs(house.basket(), startDate="2026-01-31T00:30:00.0005+02:00", interval="P1M", repetitions=4)
    house.ticks("2026-01-30T22:31", "2026-02-27T22:31")
    shown = house.say(shown_by, "b", now="2026-03-01T00:00")["recurrence"]
    house.recurs(**{**shown, "endDate": "2026-12-31T00:00:00Z"}, now="2026-03-01T00:00")
    house.ticks("2026-03-30T22:31", "2026-04-29T22:31", "2026-05-30T22:31")
    assert house.table() == [
        "1: 0 2026-01-30 22:30 order",
        "1: 1 2026-02-27 22:30 order",
        "1: 2 2026-03-30 22:30 order",
        "1: 3 2026-04-29 22:30 order",
    ]
    assert house.state() == "expired"


def test_another_offset_is_another_grid(house: House) -> None:
    monthly = {"interval": "P1M", "repetitions": 4}
    house.recurs(house.basket(), startDate="2026-01-31T00:30:00+02:00", **monthly)
    house.recurs(startDate="2026-01-31T01:30:00+03:00", **monthly, now="2026-01-02T00:00")
    assert house.say("recurrence.get", "b", now="2026-01-03T00:00")["generation"] == 2


def test_a_new_interval_does_not_fire_at_once(house: House) -> None:
    three_months_in(house)
    house.recurs(startDate=MONTHLY["startDate"], interval="P1W", now="2026-04-15T00:00")
    assert house.ticks("2026-04-15T00:00", "2026-04-18T09:59") == 0
    house.ticks("2026-04-18T10:00")  # 31 January and eleven weeks
    assert house.table() == [*PLACED, "2: 11 2026-04-18 10:00 order"]
    assert house.said()[-2:] == ["recurrence.changed", "order.placed"]


def test_removed_and_set_again_does_not_order_the_past_again(house: House) -> None:
    three_months_in(house)
    removed = house.recurs(interval="P0D", now="2026-04-01T00:00")
    assert "recurrence" not in removed
    assert house.refused("recurrence.get", "b") == ["recurrence.not_found.error"]
    assert house.ticks("2026-04-30T10:00") == 0
    house.recurs(**MONTHLY, now="2026-05-15T00:00")
    assert house.ticks("2026-05-15T00:00") == 0
    house.ticks("2026-05-31T10:00")
    assert house.table() == [*PLACED, "2: 4 2026-05-31 10:00 order"]
    assert [type_ for type_ in house.said() if type_.startswith("recurrence")] == [
        "recurrence.started",
        "recurrence.removed",
        "recurrence.started",
    ]


def test_another_start_in_the_past_is_no_reason_to_catch_up(house: House) -> None:
    three_months_in(house)
    house.recurs(startDate="2020-01-15T10:00:00Z", interval="P1M", now="2026-04-01T00:00")
    assert house.ticks("2026-04-01T00:00") == 0
    house.ticks("2026-04-15T10:00")
    assert house.table() == [*PLACED, "2: 75 2026-04-15 10:00 order"]


def test_counts_begin_anew_with_a_generation_and_go_on_within_one(house: House) -> None:
    three_months_in(house)
    house.recurs(**MONTHLY, repetitions=4, now="2026-04-01T00:00")
    assert house.ticks("2026-04-30T10:00", "2026-05-31T10:00") == 1
    house.recurs(startDate="2026-06-01T10:00:00Z", interval="P1D", repetitions=2, now="2026-05-31T12:00")
    assert house.ticks("2026-06-01T10:00", "2026-06-02T10:00", "2026-06-03T10:00") == 2


def test_a_recurrence_is_set_to_missed_ones_not_executed_while_it_runs(house: House) -> None:
    three_months_in(house)
    house.recurs(**MONTHLY, executeMissedOrders=False, now="2026-04-01T00:00")
    house.ticks("2026-06-15T00:00")
    assert house.table() == [*PLACED, "1: 3 2026-04-30 10:00 to 4 2026-05-31 10:00 missed"]


def test_a_removal_of_nothing_is_no_change(house: House) -> None:
    house.basket()
    before = house.say("basket.get", "b")
    assert house.recurs(interval="P0W") == before
    assert house.said() == []


def test_setting_the_same_once_more_is_no_change(house: House) -> None:
    three_months_in(house)
    before = house.say("basket.get", "b")
    after = house.recurs(**{**MONTHLY, "startDate": "2026-01-31T10:00:00.000Z"}, now="2026-04-01T00:00")
    assert after == before
    assert "recurrence.changed" not in house.said()


def test_edits_of_the_basket_flow_into_later_orders_only(house: House) -> None:
    three_months_in(house)
    added = {"elements": [{"sku": "pad", "quantity": {"value": 3}}]}
    house.say("basket.item.add", "b", added, now="2026-04-01T00:00")
    house.ticks("2026-04-30T10:00")
    skus = [[(line["sku"], line["quantity"]) for line in order["lineItems"]] for order in house.orders()]
    assert skus == [[("mouse", 2)]] * 3 + [[("mouse", 2), ("pad", 3)]]


def test_a_new_rule_while_an_order_is_being_retried_begins_afresh(house: House) -> None:
    house.recurs(house.basket(), **MONTHLY)
    house.product("mouse", 1, available=False)
    house.ticks("2026-01-31T10:00")
    house.recurs(startDate="2026-02-10T10:00:00Z", interval="P1M", now="2026-01-31T10:00:30")
    house.product("mouse", 1)
    house.ticks("2026-01-31T10:01", "2026-02-10T10:00")
    assert house.table() == ["2: 0 2026-02-10 10:00 order"]
