"""Contract 6.6: recurrence.get, .preview, .pause, .resume, basket.orders, at given instants."""

import pytest
from standing import House

from worker.domain.callers import Caller

MONTHLY = {"startDate": "2026-01-31T10:00:00+01:00", "interval": "P4W"}
DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D"}
OPERATOR = Caller(user="ops", is_operator=True)


def test_a_fresh_recurrence_is_shown_as_sent_in_normal_form(house: House) -> None:
    house.recurs(
        house.basket(), **MONTHLY, endDate="2026-12-31T00:00:00Z", repetitions=9, timeZone="Europe/Berlin"
    )
    assert house.say("recurrence.get", "b") == {
        "state": "active",
        "generation": 1,
        "recurrence": {
            "startDate": "2026-01-31T09:00:00Z",
            "endDate": "2026-12-31T00:00:00Z",
            "interval": "P28D",
            "repetitions": 9,
            "executeMissedOrders": True,
            "timeZone": "Europe/Berlin",
        },
        "nextOrderDate": "2026-01-31T09:00:00Z",
        "orderCount": 0,
        "lastOrders": [],
    }


def test_after_some_orders_it_shows_the_last_five_newest_first(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.ticks(*(f"2026-03-0{day}T10:00" for day in range(1, 8)))
    shown = house.say("recurrence.get", "b")
    assert (shown["nextOrderDate"], shown["orderCount"]) == ("2026-03-08T10:00:00Z", 7)
    assert shown["lastOrderDate"] == "2026-03-07T10:00:00Z"
    assert [order["occurrence"] for order in shown["lastOrders"]] == [6, 5, 4, 3, 2]
    newest = house.orders()[-1]
    assert shown["lastOrders"][0] == {
        "id": newest["id"],
        "number": newest["number"],
        "placedAt": "2026-03-07T10:00:00Z",
        "occurrence": 6,
        "dueAt": "2026-03-07T10:00:00Z",
        "basketTotal": {"type": "Money", "currencyMnemonic": "USD", "value": 94.16},
    }


def test_an_expired_one_has_no_next_date(house: House) -> None:
    house.recurs(house.basket(), **DAILY, repetitions=1)
    house.ticks("2026-03-01T10:00")
    shown = house.say("recurrence.get", "b")
    assert (shown["state"], "nextOrderDate" in shown, shown["orderCount"]) == ("expired", False, 1)


@pytest.mark.parametrize(
    "command", ["recurrence.get", "recurrence.preview", "recurrence.pause", "recurrence.resume"]
)
def test_a_basket_without_a_recurrence_has_none_to_show_or_to_stop(house: House, command: str) -> None:
    house.basket()
    assert house.refused(command, "b") == ["recurrence.not_found.error"]


def test_a_preview_lists_the_next_dates(house: House) -> None:
    house.recurs(house.basket(), startDate="2027-01-31T09:00:00Z", interval="P1M")
    assert house.say("recurrence.preview", "b", {"count": 4}) == {
        "occurrences": [
            {"occurrence": 0, "dueAt": "2027-01-31T09:00:00Z"},
            {"occurrence": 1, "dueAt": "2027-02-28T09:00:00Z"},
            {"occurrence": 2, "dueAt": "2027-03-31T09:00:00Z"},
            {"occurrence": 3, "dueAt": "2027-04-30T09:00:00Z"},
        ]
    }


def test_a_preview_ends_with_the_end_or_the_repetitions(house: House) -> None:
    house.recurs(house.basket(), **DAILY, repetitions=3)
    house.ticks("2026-03-01T10:00")
    shown = house.say("recurrence.preview", "b", {"count": 100})["occurrences"]
    assert [one["occurrence"] for one in shown] == [1, 2]
    sent = {"recurrence": {**DAILY, "endDate": "2026-03-05T10:00:00Z"}, "count": 100}
    shown = house.say("recurrence.preview", "b", sent, now="2026-03-01T12:00")["occurrences"]
    assert shown[-1]["dueAt"] == "2026-03-05T10:00:00Z"


def test_a_preview_of_what_was_sent_stores_nothing(house: House) -> None:
    before = house.say("basket.get", house.basket())
    shown = house.say("recurrence.preview", "b", {"recurrence": DAILY, "count": 2}, now="2026-02-01T00:00")
    assert [one["dueAt"] for one in shown["occurrences"]] == ["2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z"]
    assert (house.say("basket.get", "b"), house.said(), house.stage.count("recurrence")) == (before, [], 0)


def test_a_preview_of_another_grid_begins_after_the_change(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.ticks("2026-03-01T10:00")
    sent = {"recurrence": {"startDate": "2020-01-15T10:00:00Z", "interval": "P1M"}, "count": 1}
    shown = house.say("recurrence.preview", "b", sent, now="2026-03-20T00:00")
    assert [one["dueAt"] for one in shown["occurrences"]] == ["2026-04-15T10:00:00Z"]


def test_a_preview_of_a_removal_is_empty_and_a_wrong_one_is_refused(house: House) -> None:
    house.basket()
    assert house.say("recurrence.preview", "b", {"recurrence": {"interval": "P0D"}}) == {"occurrences": []}
    wrong = {"recurrence": {"interval": "P1D"}}
    assert house.refused("recurrence.preview", "b", wrong) == ["basket.recurrence_missing_start_date.error"]
    assert house.refused("recurrence.preview", "b", {"count": 101}) == ["command.malformed.error"]
    assert house.refused("recurrence.preview", "b", {"count": 0}) == ["command.malformed.error"]
    house.channel(recurringOrdersEnabled=False)
    off = house.refused("recurrence.preview", "b", {"recurrence": DAILY})
    assert off == ["error.recurring_orders.disabled"]


def test_a_pause_places_nothing_and_a_resume_goes_on(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.ticks("2026-03-01T10:00")
    paused = house.say("recurrence.pause", "b", now="2026-03-01T12:00", caller=OPERATOR)
    assert (paused["state"], paused["orderCount"]) == ("paused", 1)
    assert house.ticks("2026-03-03T12:00") == 0
    resumed = house.say("recurrence.resume", "b", now="2026-03-03T12:00", caller=OPERATOR)
    assert (resumed["state"], resumed["nextOrderDate"]) == ("active", "2026-03-04T10:00:00Z")
    house.ticks("2026-03-04T10:00")
    assert house.table() == [
        "1: 0 2026-03-01 10:00 order",
        "1: 1 2026-03-02 10:00 to 2 2026-03-03 10:00 paused",
        "1: 3 2026-03-04 10:00 order",
    ]
    assert [type_ for type_ in house.said() if type_ != "order.placed"] == [
        "recurrence.started",
        "recurrence.paused",
        "occurrence.skipped",
        "recurrence.resumed",
    ]


@pytest.mark.parametrize(
    ("missed", "ordered"), [("all", [1, 2, 3]), ("none", []), (2, [2, 3]), (9, [1, 2, 3])]
)
def test_a_resume_says_what_becomes_of_what_fell_due(
    house: House, missed: object, ordered: list[int]
) -> None:
    house.recurs(house.basket(), **DAILY, executeMissedOrders=False)
    house.ticks("2026-03-01T10:00")
    house.say("recurrence.pause", "b", now="2026-03-01T12:00")
    house.say("recurrence.resume", "b", {"missed": missed}, now="2026-03-04T12:00")
    house.ticks("2026-03-04T12:00")
    assert [order["recurring"]["occurrence"] for order in house.orders()] == [0, *ordered]


@pytest.mark.parametrize("missed", ["some", 0, -1, 1.5, None])
def test_a_resume_that_says_anything_else_is_malformed(house: House, missed: object) -> None:
    house.recurs(house.basket(), **DAILY)
    assert house.refused("recurrence.resume", "b", {"missed": missed}) == ["command.malformed.error"]


@pytest.mark.parametrize("until", ["2026-02-28T00:00:00Z", "soon", 1.5])
def test_a_pause_ends_in_the_future(house: House, until: object) -> None:
    house.recurs(house.basket(), **DAILY)
    assert house.refused("recurrence.pause", "b", {"until": until}, now="2026-03-01T00:00") == [
        "command.malformed.error"
    ]


def test_pausing_twice_and_resuming_what_runs_change_nothing(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.say("recurrence.resume", "b")
    for _ in range(2):
        house.say("recurrence.pause", "b")
    assert house.said() == ["recurrence.started", "recurrence.paused"]


def test_orders_are_listed_newest_first_page_by_page(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    house.stage.rows("select setval('order_number', 999996)")
    house.ticks("2026-03-07T12:00")  # all seven at one moment, their numbers from 999997 to 1000003
    seen, before = [], None
    while True:
        page = house.say("basket.orders", "b", {"limit": 3, **({"before": before} if before else {})})
        seen += [order["occurrence"] for order in page["orders"]]
        before = page.get("next")
        if before is None:
            break
        assert page["orders"][-1]["id"] == before
    assert seen == [6, 5, 4, 3, 2, 1, 0]


def test_the_last_page_names_no_next_and_no_page_is_longer_than_asked(house: House) -> None:
    house.recurs(house.basket(), **DAILY)
    assert house.say("basket.orders", "b") == {"orders": []}
    house.ticks("2026-03-01T10:00", "2026-03-02T10:00")
    assert "next" not in house.say("basket.orders", "b", {"limit": 2})
    assert [len(house.say("basket.orders", "b", {"limit": limit})["orders"]) for limit in (1, 100)] == [1, 2]
    assert house.refused("basket.orders", "b", {"limit": 101}) == ["command.malformed.error"]
    assert house.refused("basket.orders", "b", {"limit": 0}) == ["command.malformed.error"]
