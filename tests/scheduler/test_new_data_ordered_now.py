"""Contract 6.8: orders of new data that are placed early, and what they leave to the ones after them."""

from holding import FIRST, FOURTH, SECOND, THIRD, Catalogue, taken
from standing import House


def order_now(house: House, now: str) -> None:
    house.say("basket.checkout", "b", {}, now=now)


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
