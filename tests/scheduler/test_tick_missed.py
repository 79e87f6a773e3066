"""Contract 6.3, 6.4: missed orders, tick by tick; every table in here is a literal."""

import pytest
from standing import House, at

from scheduler import tick

DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D"}
QUARTERLY = {"startDate": "2016-06-01T12:00:00+02:00", "interval": "P3M"}
QUARTER_41 = "2026-09-02T00:00"  # 2016-06-01 and 41 quarters is 2026-09-01: 42 instants are due


def test_a_scheduler_that_was_stopped_across_three_instants_places_all_three(house: House) -> None:
    house.recurs(house.basket(), **DAILY, executeMissedOrders=True)
    house.ticks("2026-03-01T10:00", "2026-03-05T10:00", "2026-03-06T10:00")
    assert house.table() == [
        "1: 0 2026-03-01 10:00 order",
        "1: 1 2026-03-02 10:00 order",
        "1: 2 2026-03-03 10:00 order",
        "1: 3 2026-03-04 10:00 order",
        "1: 4 2026-03-05 10:00 order",
        "1: 5 2026-03-06 10:00 order",
    ]
    recurring = [order["recurring"] for order in house.orders()]
    assert [one["catchUp"] for one in recurring] == [False, True, True, True, False, False]
    assert [one["dueAt"] for one in recurring] == [f"2026-03-0{day}T10:00:00Z" for day in range(1, 7)]
    assert [order["placedAt"] for order in house.orders()] == [
        "2026-03-01T10:00:00Z",
        *["2026-03-05T10:00:00Z"] * 4,
        "2026-03-06T10:00:00Z",
    ]


def test_or_skips_all_three_as_one_range(house: House) -> None:
    house.recurs(house.basket(), **DAILY, executeMissedOrders=False)
    house.ticks("2026-03-01T10:00", "2026-03-05T10:00", "2026-03-06T10:00")
    assert house.table() == [
        "1: 0 2026-03-01 10:00 order",
        "1: 1 2026-03-02 10:00 to 3 2026-03-04 10:00 missed",
        "1: 4 2026-03-05 10:00 order",
        "1: 5 2026-03-06 10:00 order",
    ]
    (skipped,) = house.events("b", "occurrence.skipped")
    assert skipped["body"] == {
        "basketId": "b",
        "generation": 1,
        "first": {"occurrence": 1, "dueAt": "2026-03-02T10:00:00Z"},
        "last": {"occurrence": 3, "dueAt": "2026-03-04T10:00:00Z"},
        "count": 3,
        "reason": "missed",
    }


@pytest.mark.parametrize(
    ("instant", "outcome"),
    [
        ("2026-03-01T09:59:59.999999", []),
        ("2026-03-01T10:00", ["1: 0 2026-03-01 10:00 order"]),
        ("2026-03-01T11:00", ["1: 0 2026-03-01 10:00 order"]),
        ("2026-03-01T11:00:00.000001", ["1: 0 2026-03-01 10:00 missed"]),
    ],
)
def test_more_than_an_hour_late_is_missed(house: House, instant: str, outcome: list[str]) -> None:
    house.recurs(house.basket(), **DAILY, executeMissedOrders=False)
    house.ticks(instant)
    assert house.table() == outcome


def test_the_channel_says_how_late_is_missed_and_how_many_are_too_many(house: House) -> None:
    house.channel(missedAfter="P1D", catchUpLimit=2)
    for key, start in (("two", "2026-03-01"), ("three", "2026-02-28")):
        house.recurs(house.basket(key), startDate=f"{start}T10:00:00Z", interval="P1D")
    house.ticks("2026-03-04T10:00")
    assert [order["recurring"]["catchUp"] for order in house.orders("two")] == [True, True, False, False]
    assert (house.state("two"), house.state("three"), house.orders("three")) == ("active", "suspended", [])


def test_a_first_start_41_quarters_ago_is_one_range_when_missed_ones_are_not_executed(house: House) -> None:
    house.recurs(house.basket(), **QUARTERLY, executeMissedOrders=False)
    assert house.ticks(QUARTER_41) == 0
    assert house.table() == ["1: 0 2016-06-01 10:00 to 41 2026-09-01 10:00 missed"]
    (skipped,) = house.events("b", "occurrence.skipped")
    assert skipped["body"]["count"] == 42
    house.ticks("2026-12-01T10:00")
    assert house.table()[1:] == ["1: 42 2026-12-01 10:00 order"]


def test_and_42_orders_when_they_are(house: House) -> None:
    house.recurs(house.basket(), **QUARTERLY, executeMissedOrders=True)
    assert house.ticks(QUARTER_41) == 42
    recurring = [order["recurring"] for order in house.orders()]
    months = [(2016 + month // 12, month % 12 + 1) for month in range(5, 5 + 42 * 3, 3)]
    assert [one["dueAt"] for one in recurring] == [f"{y}-{m:02}-01T10:00:00Z" for y, m in months]
    assert [one["occurrence"] for one in recurring] == list(range(42))
    assert {(one["catchUp"], one["trigger"], one["generation"]) for one in recurring} == {
        (True, "schedule", 1)
    }
    published = [event["body"]["recurring"]["occurrence"] for event in house.events("b", "order.placed")]
    assert published == list(range(42))  # oldest first


def test_daily_since_2016_is_suspended_with_the_count_and_places_nothing(house: House) -> None:
    house.recurs(house.basket(), startDate="2016-01-01T10:00:00Z", interval="P1D")
    assert house.ticks("2026-01-01T12:00") == 0
    (suspended,) = house.events("b", "recurrence.suspended")
    assert (house.state(), house.table()) == ("suspended", [])
    assert suspended["body"]["missed"] == 3654  # ten years, three of them leap years, and New Year's Day
    assert suspended["body"]["reason"]["code"] == "catch_up_limit_exceeded"
    assert "3654" in suspended["body"]["reason"]["message"]
    shown = house.say("recurrence.get", "b", now="2026-01-01T12:00")
    assert (shown["state"], shown["lastError"]["code"]) == ("suspended", "catch_up_limit_exceeded")


@pytest.mark.parametrize(
    ("missed", "placed", "first_line"),
    [
        ("all", 3654, "1: 0 2016-01-01 10:00 order"),
        ("none", 0, "1: 0 2016-01-01 10:00 to 3653 2026-01-01 10:00 missed"),
        (2, 2, "1: 0 2016-01-01 10:00 to 3651 2025-12-30 10:00 missed"),
    ],
)
def test_a_person_decides_what_becomes_of_too_many(
    house: House, missed: object, placed: int, first_line: str
) -> None:
    house.recurs(house.basket(), startDate="2016-01-01T10:00:00Z", interval="P1D")
    house.ticks("2026-01-01T12:00")
    resumed = house.say("recurrence.resume", "b", {"missed": missed}, now="2026-01-01T12:30")
    assert (resumed["state"], "lastError" in resumed) == ("active", False)
    assert house.ticks("2026-01-01T12:30") == placed
    assert house.table()[0] == first_line
    assert house.ticks("2026-01-02T10:00") == 1


def test_catching_up_goes_in_bounded_ticks_and_holds_up_nobody(house: House) -> None:
    house.recurs(house.basket("long"), startDate="2022-01-01T10:00:00Z", interval="P1D")
    house.ticks("2026-01-01T12:00")
    house.say("recurrence.resume", "long", {"missed": "all"}, now="2026-01-01T12:00")
    house.recurs(house.basket("punctual"), startDate="2026-01-01T12:00:00Z", interval="P1D")
    outcome = tick.tick(house.engine, at=at("2026-01-01T12:00"))
    assert outcome.claimed == 2
    assert 1 < outcome.placed <= 501
    assert len(house.orders("punctual")) == 1
    house.ticks("2026-01-01T12:00")
    assert len(house.orders("long")) == 1462


def test_an_occurrence_is_dealt_with_once_however_often_somebody_looks(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    for _ in range(3):
        house.ticks("2026-03-02T10:00")
    assert house.table() == ["1: 0 2026-03-01 10:00 order", "1: 1 2026-03-02 10:00 order"]
    house.ticks("2026-03-01T10:00")  # a clock that goes back
    assert len(house.table()) == 2


def test_it_expires_with_its_last_order_and_says_so(house: House) -> None:
    house.recurs(house.basket(), **DAILY, repetitions=2)
    house.ticks("2026-03-01T10:00", "2026-03-02T10:00", "2026-03-03T10:00")
    assert (house.state(), len(house.orders())) == ("expired", 2)
    assert house.said() == ["recurrence.started", "order.placed", "order.placed", "recurrence.expired"]
    assert house.refused("recurrence.resume", "b", now="2026-03-04T10:00") == [
        "error.recurring_orders.enable-not-possible"
    ]
    assert house.say("basket.get", "b")["recurrence"]["repetitions"] == 2  # the basket stays open


def test_an_inclusive_end_that_was_missed_is_the_last_order(house: House) -> None:
    house.recurs(house.basket(), **DAILY, endDate="2026-03-02T10:00:00Z")
    house.ticks("2026-04-01T00:00")
    assert (len(house.orders()), house.state()) == (2, "expired")


def test_a_pause_until_an_instant_skips_what_falls_due_and_goes_on(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.ticks("2026-03-01T10:00")
    paused = house.say("recurrence.pause", "b", {"until": "2026-03-03T12:00:00Z"}, now="2026-03-01T12:00")
    assert paused["state"] == "paused"
    house.ticks("2026-03-02T10:00", "2026-03-03T10:00", "2026-03-03T12:00", "2026-03-04T10:00")
    assert house.table() == [
        "1: 0 2026-03-01 10:00 order",
        "1: 1 2026-03-02 10:00 to 2 2026-03-03 10:00 paused",
        "1: 3 2026-03-04 10:00 order",
    ]
    assert sorted(house.said()[2:5]) == ["occurrence.skipped", "recurrence.paused", "recurrence.resumed"]
