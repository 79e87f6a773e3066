"""Contract 6.8: recurrent orders of data that take only what is new; each object is in exactly one."""

from collections.abc import Callable
from typing import Any

import pytest
from holding import (
    DAILY_NEW,
    DS1,
    FIRST,
    FOURTH,
    OLD,
    SECOND,
    SERVICE,
    THIRD,
    Catalogue,
    remains,
    select,
    taken,
)
from standing import House

from worker.store import searching


def test_the_first_order_has_no_lower_bound_and_each_object_is_new_once(
    standing: House, catalogue: Catalogue
) -> None:
    standing.ticks(FIRST)
    catalogue.put("a", "2026-03-01T20:00")
    standing.ticks(SECOND)
    catalogue.put("b", "2026-03-02T20:00")
    standing.ticks(THIRD)
    assert taken(standing) == [["old"], ["a"], ["b"]]
    assert [order["datasetTasks"][0]["objectsCount"] for order in standing.orders()] == [1, 1, 1]


def test_nothing_new_is_skipped_and_not_failed(standing: House) -> None:
    assert standing.ticks(FIRST, SECOND, THIRD) == 1
    assert standing.table() == [
        "1: 0 2026-03-01 10:00 order",
        "1: 1 2026-03-02 10:00 no_new_data",
        "1: 2 2026-03-03 10:00 no_new_data",
    ]
    skipped = [event["body"] for event in standing.events("b", "occurrence.skipped")]
    second = {"occurrence": 1, "dueAt": "2026-03-02T10:00:00Z"}
    assert skipped[0] == {
        "basketId": "b",
        "generation": 1,
        "first": second,
        "last": second,
        "count": 1,
        "reason": "no_new_data",
    }
    assert (len(skipped), standing.events("b", "order.failed"), standing.state()) == (2, [], "active")
    assert remains(standing) == 0


def test_what_is_skipped_for_want_of_data_does_not_count_against_repetitions(
    house: House, catalogue: Catalogue
) -> None:
    house.basket("b", {})
    select(house, datasetUrn=DS1)
    house.recurs(**DAILY_NEW, repetitions=2)
    house.ticks(FIRST, SECOND)
    catalogue.put("a", "2026-03-02T20:00")
    house.ticks(THIRD, FOURTH)
    assert [line.split()[-1] for line in house.table()] == ["order", "no_new_data", "order"]
    assert (house.state(), house.said()[-1]) == ("expired", "recurrence.expired")


@pytest.mark.parametrize(("created", "orders"), [("2026-03-01T10:00", 1), ("2026-03-01T10:00:00.000001", 2)])
def test_an_object_of_the_very_instant_at_which_an_order_is_due_is_in_it(
    standing: House, catalogue: Catalogue, created: str, orders: int
) -> None:
    catalogue.put("edge", created)
    standing.ticks(FIRST, SECOND)
    assert [("edge" in order) for order in taken(standing)] == [False] * (orders - 1) + [True]


def test_an_object_that_arrives_late_is_in_exactly_one_order(standing: House, catalogue: Catalogue) -> None:
    standing.ticks(FIRST)
    catalogue.put("late", "2026-02-20T00:00")
    standing.ticks(SECOND, THIRD, FOURTH)
    assert taken(standing) == [["old"], ["late"]]


def test_an_object_that_is_put_before_its_creation_waits_for_its_order(
    standing: House, catalogue: Catalogue
) -> None:
    catalogue.put("early", "2026-03-02T15:00")
    standing.ticks(FIRST, SECOND, THIRD, FOURTH)
    assert standing.table()[1:3] == ["1: 1 2026-03-02 10:00 no_new_data", "1: 2 2026-03-03 10:00 order"]
    assert taken(standing) == [["old"], ["early"]]


def test_missed_ones_have_their_own_windows_each(standing: House, catalogue: Catalogue) -> None:
    for id_, created in (
        ("a", "2026-02-28T00:00"),
        ("b", "2026-03-01T12:00"),
        ("c", "2026-03-01T13:00"),
        ("e", "2026-03-03T12:00"),
        ("f", "2026-03-04T12:00"),
    ):
        catalogue.put(id_, created)
    standing.ticks("2026-03-04T13:00")
    assert taken(standing) == [["a", "old"], ["b", "c"], ["e"]]
    assert [line.split()[-1] for line in standing.table()] == ["order", "order", "no_new_data", "order"]
    assert [order["recurring"]["catchUp"] for order in standing.orders()] == [True] * 3
    standing.ticks("2026-03-05T10:00")
    assert taken(standing)[3:] == [["f"]]


def test_access_that_is_withdrawn_and_given_back_costs_no_object_its_order(
    standing: House, catalogue: Catalogue
) -> None:
    standing.ticks(FIRST)
    catalogue.put("a", "2026-03-01T13:00")
    catalogue.dataset(DS1, "Sea ice", groups=["others"])
    standing.ticks(SECOND)
    catalogue.dataset(DS1, "Sea ice")
    standing.ticks(THIRD)
    assert standing.table()[1:] == ["1: 1 2026-03-02 10:00 no_new_data", "1: 2 2026-03-03 10:00 order"]
    assert taken(standing) == [["old"], ["a"]]


def test_an_object_that_is_put_again_is_not_new(standing: House, catalogue: Catalogue) -> None:
    standing.ticks(FIRST)
    catalogue.put("old", OLD, attributes={"instrument": "changed"})
    standing.ticks(SECOND)
    assert taken(standing) == [["old"]]


def test_one_that_was_deleted_in_between_is_another_object(standing: House, catalogue: Catalogue) -> None:
    standing.ticks(FIRST)
    standing.say("data-object.delete", "old", caller=SERVICE)
    catalogue.put("old", OLD)
    standing.ticks(SECOND)
    assert taken(standing) == [["old"], ["old"]]


def test_products_in_the_basket_are_ordered_with_or_without_new_data(
    house: House, catalogue: Catalogue
) -> None:
    house.basket("b", {"mouse": 1})
    select(house, datasetUrn=DS1)
    house.recurs(**DAILY_NEW)
    house.ticks(FIRST, SECOND)
    catalogue.put("a", "2026-03-02T13:00")
    house.ticks(THIRD)
    counts = [[task["objectsCount"] for task in order["datasetTasks"]] for order in house.orders()]
    assert counts == [[1], [], [1]]
    assert taken(house) == [["old"], ["a"]]


def test_a_failed_try_has_reached_nothing(
    standing: House, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = searching.answer
    monkeypatch.setattr(
        searching, "answer", lambda tx, channel, question, _: real(tx, channel, question, 0.0)
    )
    standing.ticks(FIRST)
    monkeypatch.undo()
    catalogue.put("late", "2026-02-20T00:00")
    catalogue.put("young", "2026-03-01T10:00:30")
    standing.ticks("2026-03-01T10:01", SECOND)
    assert taken(standing) == [["late", "old"], ["young"]]
