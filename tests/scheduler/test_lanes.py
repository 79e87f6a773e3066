"""Recurrences wait in the lane of what their baskets hold; one that has changed still comes to its turn."""

from functools import partial

import pytest
from holding import DS1, Catalogue, select, taken
from standing import House, at

from scheduler import data_tick, tick
from worker.store import database

DUE = "2026-03-01T10:00"
MONTHLY = {"startDate": f"{DUE}:00Z", "interval": "P1M"}


@pytest.fixture
def stocked(house: House) -> House:
    catalogue = Catalogue(house)
    catalogue.dataset(DS1, "Sea ice")
    catalogue.put("o1", "2025-06-01T00:00")
    return house


def lane(house: House) -> str:
    """Give where the recurrence waits."""
    ((products, data),) = house.stage.rows("select next_due_at, data_due_at from recurrence")
    assert (products is None) is not (data is None)
    return "products" if data is None else "data"


def placed(house: House) -> tuple[int, int]:
    """Tick each lane once; give the orders of products and those of data."""
    return tick.tick(house.engine, at=at(DUE)).placed, data_tick.tick(house.engine, at=at(DUE)).placed


def test_a_basket_of_products_waits_in_their_lane(stocked: House) -> None:
    stocked.recurs(stocked.basket(), **MONTHLY)
    assert lane(stocked) == "products"
    assert placed(stocked) == (1, 0)


def test_a_basket_with_data_waits_in_the_other(stocked: House) -> None:
    select(stocked, stocked.basket())
    stocked.recurs(**MONTHLY)
    assert lane(stocked) == "data"
    assert placed(stocked) == (0, 1)


def test_a_recurrent_basket_that_is_given_data_is_ordered_with_them(stocked: House) -> None:
    stocked.recurs(stocked.basket(), **MONTHLY)
    select(stocked)
    assert placed(stocked) == (0, 1)
    assert (lane(stocked), taken(stocked)) == ("data", [["o1"]])


def test_a_recurrent_basket_that_has_lost_its_data_is_ordered_without_a_search(stocked: House) -> None:
    select(stocked, stocked.basket())
    shown = stocked.recurs(**MONTHLY)
    stocked.say("basket.dataset.remove", "b", {"datasetSelectionId": shown["datasetSelections"][0]["id"]})
    moving = data_tick.tick(stocked.engine, at=at(DUE))
    assert (moving.claimed, moving.placed, lane(stocked)) == (1, 0, "products")
    assert placed(stocked) == (1, 0)


def test_many_in_the_wrong_lane_are_moved_as_many_at_a_time_as_a_tick_takes(stocked: House) -> None:
    """So are they found after an upgrade: a release before knows one lane alone."""
    select(stocked, stocked.basket())
    stocked.recurs(**MONTHLY)
    stocked.copies("b", 24)
    stocked.stage.rows("update recurrence set next_due_at = data_due_at, data_due_at = null")
    assert [tick.tick(stocked.engine, at=at(DUE), size=10).claimed for _ in range(4)] == [10, 10, 5, 0]
    assert stocked.ticks(DUE) == 25


@pytest.mark.parametrize("holds_datasets", [False, True])
@pytest.mark.parametrize(
    ("next_due_at", "data_due_at"), [(DUE, DUE), (DUE, "2027-03-01T10:00"), ("2027-03-01T10:00", DUE)]
)
def test_one_that_an_earlier_release_has_put_into_both_lanes_is_ordered_once(
    stocked: House, holds_datasets: bool, next_due_at: str, data_due_at: str
) -> None:
    stocked.basket()
    if holds_datasets:
        select(stocked)
    stocked.recurs(**MONTHLY)
    both = "update recurrence set next_due_at = %s::timestamptz, data_due_at = %s::timestamptz"
    stocked.stage.rows(both, f"{next_due_at}Z", f"{data_due_at}Z")
    assert stocked.ticks(DUE) == 1
    assert lane(stocked) == ("data" if holds_datasets else "products")


@pytest.mark.parametrize("holds_datasets", [False, True])
def test_what_is_due_longest_comes_first(stocked: House, holds_datasets: bool) -> None:
    """Also where PostgreSQL does not find them in that order anyway, for it reads the whole table."""
    without_index = {"enable_indexscan": "off", "enable_bitmapscan": "off", "enable_indexonlyscan": "off"}
    engine = database.engine(stocked.stage.database_url, "tests", **without_index)
    days = range(9, 0, -1)
    for day in days:
        basket = stocked.basket(f"b-{day}")
        if holds_datasets:
            select(stocked, basket)
        stocked.recurs(basket, startDate=f"2026-03-0{day}T10:00:00Z", interval="P1M")
    one_of_data, one_of_products = data_tick.tick, partial(tick.tick, size=1)
    ordered: list[str] = []
    for _ in days:
        (one_of_data if holds_datasets else one_of_products)(engine, at=at("2026-03-20T10:00"))
        now_ordered = stocked.stage.rows("select basket_id from customer_order")
        ordered += [id_ for (id_,) in now_ordered if id_ not in ordered]
    assert ordered == [f"b-{day}" for day in reversed(days)]
    engine.dispose()
