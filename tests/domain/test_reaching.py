"""What orders of data that take only what is new could take: corners, and what the next one leaves out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from worker.domain import reaching
from worker.domain.basket import Rule
from worker.domain.recurrence import Recurrence, first_set
from worker.domain.search.questions import Reach, Window

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def standing(*, is_new_only: bool = True) -> Recurrence:
    return first_set("default", "b", Rule(start_at=T0, interval="P1D", new_data_only=is_new_only))


def reach(day: int, horizon: int, era: int = 1) -> Reach:
    return Reach(until=T0 + day * DAY, era=era, horizon=horizon)


def test_an_order_of_all_that_matches_has_no_window() -> None:
    assert reaching.window(standing(is_new_only=False), T0, T0) is None


@pytest.mark.parametrize(("due", "now", "until"), [(1, 2, 1), (2, 1, 1), (1, 1, 1)])
def test_an_order_takes_what_was_created_up_to_its_due_instant_and_not_after_now(
    due: int, now: int, until: int
) -> None:
    window = reaching.window(standing(), T0 + due * DAY, T0 + now * DAY)
    assert window == Window(until=T0 + until * DAY)


def test_the_next_order_leaves_out_what_was_in_reach() -> None:
    after = reaching.extended(standing(), reach(1, 100))
    window = reaching.window(after, T0 + 2 * DAY, T0 + 3 * DAY)
    assert window == Window(until=T0 + 2 * DAY, reached=(reach(1, 100),))


def test_a_later_order_covers_all_before_it() -> None:
    after = reaching.extended(reaching.extended(standing(), reach(1, 100)), reach(2, 100))
    assert after.reached == (reach(2, 100),)


def test_one_that_was_ordered_early_leaves_two_corners() -> None:
    after = reaching.extended(reaching.extended(standing(), reach(5, 100)), reach(2, 200))
    assert after.reached == (reach(5, 100), reach(2, 200))


def test_an_era_begins_its_count_anew_and_comes_after_all_before_it() -> None:
    after = reaching.extended(reaching.extended(standing(), reach(1, 9000)), reach(2, 5, era=2))
    assert after.reached == (reach(2, 5, era=2),)


def test_without_a_reach_nothing_is_noted() -> None:
    assert reaching.extended(standing(), None) == standing()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 2)), max_size=12))
def test_corners_that_are_left_out_change_nothing(orders: list[tuple[int, int, int]]) -> None:
    recurrence = standing()
    for day, horizon, era in sorted(orders, key=lambda order: (order[2], order[1])):
        recurrence = reaching.extended(recurrence, reach(day, horizon, era))
    for day in range(10):
        for era, put in ((era, put) for era in (1, 2) for put in range(10)):
            in_all = any(day <= until and (era, put) < (of, horizon) for until, horizon, of in orders)
            in_kept = any(
                T0 + day * DAY <= corner.until and (era, put) < (corner.era, corner.horizon)
                for corner in recurrence.reached
            )
            assert in_kept == in_all
    assert structs.replace(recurrence, reached=()) == standing()
