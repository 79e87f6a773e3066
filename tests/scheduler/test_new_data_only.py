"""Contract 6.8: recurrent orders of data that take only what is new; each object is in exactly one of them.

Instants of creation and of ticks are the test's; transactions are the database's own.
"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from holding import DS1, DS2, SERVICE, Catalogue, remains, select, taken
from standing import House

from worker.store import searching

DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D", "newDataOnly": True}
FIRST, SECOND, THIRD, FOURTH = (f"2026-03-0{day}T10:00" for day in (1, 2, 3, 4))
OLD = "2025-06-01T00:00"


@pytest.fixture
def catalogue(house: House) -> Catalogue:
    """Two datasets with one old object each."""
    catalogue = Catalogue(house)
    catalogue.dataset(DS1, "Sea ice")
    catalogue.dataset(DS2, "Clouds")
    catalogue.put("old", OLD)
    catalogue.put("other", OLD, datasets=[DS2])
    return catalogue


@pytest.fixture
def standing(house: House, catalogue: Catalogue) -> House:
    """A basket of the first dataset that is ordered every day."""
    house.basket("b", {})
    select(house, datasetUrn=DS1)
    house.recurs(**DAILY)
    return house


def order_now(house: House, now: str) -> None:
    house.say("basket.checkout", "b", {}, now=now)


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
    house.recurs(**DAILY, repetitions=2)
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


def test_a_put_that_stays_open_while_an_order_is_placed_is_in_the_next_one_once(
    standing: House, catalogue: Catalogue
) -> None:
    with catalogue.putting("slow", "2026-02-20T00:00"):
        catalogue_of_others(catalogue)
        standing.ticks(FIRST)
    catalogue.settles()
    standing.ticks(SECOND, THIRD)
    # What was put and committed while it was open has waited for it.
    assert taken(standing) == [["old"], ["quick", "slow"]]


def catalogue_of_others(catalogue: Catalogue) -> None:
    with catalogue.putting("quick", "2026-02-20T00:00"):
        pass


def test_a_put_that_stays_open_over_two_windows_and_is_taken_back_leaves_nothing(
    standing: House, catalogue: Catalogue
) -> None:
    with psycopg.connect(standing.stage.database_url) as connection:
        connection.execute(
            "insert into data_object select channel, 'never', provider_id, datasets, attributes, files,"
            " files_count, files_size, quota, west, south, east, north, created_at, terms, put_era,"
            " pg_current_xact_id()::text::bigint from data_object where id = 'old'"
        )
        standing.ticks(FIRST, SECOND)
        connection.rollback()
    catalogue.settles()
    standing.ticks(THIRD)
    assert taken(standing) == [["old"]]


def test_whatever_is_open_anywhere_holds_back_what_counts_as_new_and_loses_nothing(
    standing: House, catalogue: Catalogue
) -> None:
    with psycopg.connect(standing.stage.servers.database_url) as elsewhere:  # another database of the cluster
        elsewhere.execute("select pg_current_xact_id()")
        catalogue_of_others(catalogue)
        standing.ticks(FIRST)
        elsewhere.rollback()
    catalogue.settles()
    standing.ticks(SECOND)
    assert taken(standing) == [["old"], ["quick"]]


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


def test_an_order_in_between_takes_what_there_is_and_the_next_only_what_came_since(
    standing: House, catalogue: Catalogue
) -> None:
    standing.ticks(FIRST)
    catalogue.put("a", "2026-03-01T12:00")
    order_now(standing, "2026-03-01T15:00")
    catalogue.put("b", "2026-03-01T16:00")
    catalogue.put("late", "2026-03-01T12:00")
    standing.ticks(SECOND, THIRD)
    assert taken(standing) == [["old"], ["a"], ["b", "late"]]
    assert standing.table() == [
        "1: 0 2026-03-01 10:00 order",
        "1: 1 2026-03-02 10:00 order",
        "1: 2 2026-03-03 10:00 order",
    ]


def test_an_order_now_before_missed_ones_are_caught_up_takes_theirs_along(
    standing: House, catalogue: Catalogue
) -> None:
    catalogue.put("a", "2026-03-01T12:00")
    catalogue.put("c", "2026-03-03T11:00")  # after what is caught up below, before the order of now
    order_now(standing, "2026-03-03T12:00")
    catalogue.put("late", "2026-03-01T12:00")
    catalogue.put("young", "2026-03-03T13:00")
    standing.ticks("2026-03-03T12:01")
    assert standing.table() == [
        "1: 0 2026-03-01 10:00 no_new_data",
        "1: 1 2026-03-02 10:00 order",
        "1: 2 2026-03-03 10:00 no_new_data",
        "1: 3 2026-03-04 10:00 order",
    ]
    standing.ticks(FOURTH, "2026-03-05T10:00")
    catalogue.put("later", "2026-03-02T00:00")
    standing.ticks("2026-03-06T10:00")
    assert taken(standing) == [["a", "c", "old"], ["late"], ["young"], ["later"]]


def test_an_order_now_without_anything_new_is_refused_and_may_be_asked_for_again(
    standing: House, catalogue: Catalogue
) -> None:
    standing.ticks(FIRST)
    assert standing.refused("basket.checkout", "b", {}, now="2026-03-01T12:00") == ["basket.empty.error"]
    catalogue.put("a", "2026-03-01T11:00")
    order_now(standing, "2026-03-01T12:00")
    assert taken(standing) == [["old"], ["a"]]


@pytest.mark.parametrize("removes", [False, True])
def test_what_was_in_reach_is_not_new_after_the_recurrence_was_edited_or_removed(
    standing: House, catalogue: Catalogue, removes: bool
) -> None:
    standing.ticks(FIRST)
    if removes:
        standing.say("basket.update", "b", {"recurrence": {"interval": "P0D"}}, now="2026-03-01T11:00")
    weekly = {**DAILY, "interval": "P1W", "startDate": "2026-03-02T18:00:00Z"}
    standing.recurs(**weekly, now="2026-03-01T12:00")
    standing.ticks("2026-03-02T18:00")
    assert standing.table()[1:] == ["2: 0 2026-03-02 18:00 no_new_data"]
    catalogue.put("a", "2026-03-02T20:00")
    standing.ticks("2026-03-09T18:00")
    assert taken(standing) == [["old"], ["a"]]


def test_an_end_that_is_set_anew_keeps_what_was_in_reach(standing: House, catalogue: Catalogue) -> None:
    standing.ticks(FIRST)
    standing.recurs(**DAILY, endDate="2026-03-03T10:00:00Z", now="2026-03-01T12:00")
    catalogue.put("a", "2026-03-02T20:00")
    standing.ticks(SECOND, THIRD)
    assert taken(standing) == [["old"], ["a"]]


def test_data_of_a_dataset_that_is_added_later_is_new_only_when_it_is(
    standing: House, catalogue: Catalogue
) -> None:
    standing.ticks(FIRST)
    select(standing, datasetUrn=DS2, now="2026-03-01T12:00")
    catalogue.put("a", "2026-03-01T13:00", datasets=[DS2])
    standing.ticks(SECOND)
    assert taken(standing) == [["old"], ["a"]]


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
    house.recurs(**DAILY)
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


def test_what_fell_due_while_paused_leaves_its_data_to_the_next_order(
    standing: House, catalogue: Catalogue
) -> None:
    standing.ticks(FIRST)
    standing.say("recurrence.pause", "b", {"until": "2026-03-03T09:00:00Z"}, now="2026-03-01T11:00")
    catalogue.put("a", "2026-03-01T13:00")
    standing.ticks(SECOND, "2026-03-03T09:00", THIRD)
    assert taken(standing) == [["old"], ["a"]]


def test_a_recurrence_that_takes_everything_again_takes_it_all(standing: House, catalogue: Catalogue) -> None:
    standing.ticks(FIRST)
    standing.recurs(**{**DAILY, "newDataOnly": False}, now="2026-03-01T12:00")
    standing.ticks(SECOND)
    standing.recurs(**DAILY, now="2026-03-02T12:00")
    standing.ticks(THIRD)
    assert taken(standing) == [["old"], ["old"]]
