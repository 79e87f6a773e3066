"""Contract 6.1, "Setting it again", and 6.2: generations, ends, counts; all dates are literals."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from worker.domain import halting, scheduling
from worker.domain import recurrence as recurrences
from worker.domain.basket import Rule
from worker.domain.recurrence import Recurrence, State

POLICY = scheduling.Policy(missed_after=timedelta(hours=1), catch_up_limit=100)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rule(start: str = "2026-01-01T10:00", interval: str = "P1M", **fields: Any) -> Rule:
    return Rule(start_at=at(start), interval=interval, **fields)


def first(given: Rule) -> Recurrence:
    return recurrences.first_set("shop", "b", given)


def ordered_until(given: Recurrence, *instants: str) -> Recurrence:
    """Let the scheduler look at it at each of these instants."""
    for instant in instants:
        given = scheduling.advance(given, at(instant), POLICY, None, most=1000).recurrence
    return given


def next_due(given: Recurrence) -> str | None:
    due = recurrences.next_due_at(given)
    return None if due is None else f"{due:%Y-%m-%dT%H:%M}"


QUARTER = [f"2026-0{month}-01T10:00" for month in (1, 2, 3)]


def test_the_first_one_begins_with_its_start_however_long_ago() -> None:
    fresh = first(rule("1999-01-01T10:00"))
    assert (fresh.generation, fresh.next_n, next_due(fresh)) == (1, 0, "1999-01-01T10:00")
    assert fresh.state is State.ACTIVE


@pytest.mark.parametrize(
    "change",
    [
        {"end_at": at("2027-01-01T10:00")},
        {"repetitions": 40},
        {"executes_missed": False},
        {"end_at": at("2027-01-01T10:00"), "repetitions": 4, "executes_missed": False},
    ],
)
def test_the_same_grid_is_the_same_generation_with_its_counts(change: dict[str, Any]) -> None:
    before = ordered_until(first(rule()), *QUARTER)
    after = recurrences.set_again(before, rule(**change), at("2026-03-20T00:00"))
    assert after == structs.replace(before, rule=rule(**change))
    assert (after.generation, after.placed, next_due(after)) == (1, 3, "2026-04-01T10:00")


@pytest.mark.parametrize(
    "grid",
    [
        rule(interval="P1W"),
        rule("2026-01-01T11:00"),
        rule("2020-01-01T10:00"),
        rule(time_zone="Europe/Berlin"),
        rule(offset_seconds=7200),
    ],
)
def test_another_grid_is_another_generation_that_begins_now(grid: Rule) -> None:
    before = ordered_until(first(rule()), *QUARTER)
    now = at("2026-03-20T00:00")
    after = recurrences.set_again(before, grid, now)
    due = recurrences.next_due_at(after)
    assert (after.generation, after.placed) == (2, 0)
    assert due is not None
    assert now <= due <= now + timedelta(days=31)


def test_a_new_interval_does_not_fire_at_once() -> None:
    before = ordered_until(first(rule()), *QUARTER)
    weekly = recurrences.set_again(before, rule(interval="P1W"), at("2026-03-15T00:00"))
    assert (next_due(weekly), weekly.next_n) == ("2026-03-19T10:00", 11)  # 1 January and 77 days


def test_a_new_grid_begins_at_the_very_moment_of_the_change_if_that_is_an_instant_of_it() -> None:
    before = ordered_until(first(rule()), *QUARTER)
    same_time = recurrences.set_again(before, rule(interval="P1W"), at("2026-03-19T10:00"))
    assert next_due(same_time) == "2026-03-19T10:00"
    later = recurrences.set_again(
        before, rule(interval="P1W"), at("2026-03-19T10:00") + timedelta(microseconds=1)
    )
    assert next_due(later) == "2026-03-26T10:00"


def test_a_new_grid_never_orders_again_what_was_ordered_this_moment() -> None:
    before = ordered_until(first(rule()), *QUARTER)
    after = recurrences.set_again(before, rule(interval="P1D"), at("2026-03-01T10:00"))
    assert next_due(after) == "2026-03-02T10:00"


def test_a_new_grid_begins_after_all_that_was_ordered_early() -> None:
    before = structs.replace(ordered_until(first(rule()), *QUARTER), horizon_at=at("2026-05-01T10:00"))
    after = recurrences.set_again(before, rule(interval="P1W"), at("2026-03-15T00:00"))
    assert next_due(after) == "2026-05-07T10:00"  # 1 January and 126 days
    assert (
        next_due(recurrences.set_again(after, rule(interval="P2W"), at("2026-03-16T00:00")))
        == "2026-05-07T10:00"
    )


def test_a_new_grid_in_the_future_begins_with_its_start() -> None:
    before = ordered_until(first(rule()), *QUARTER)
    after = recurrences.set_again(before, rule("2026-09-01T10:00"), at("2026-03-15T00:00"))
    assert (after.next_n, next_due(after)) == (0, "2026-09-01T10:00")


def test_only_a_basket_that_never_had_one_catches_up() -> None:
    unordered = first(rule("2016-01-01T10:00"))
    after = recurrences.set_again(unordered, rule("2016-01-02T10:00"), at("2026-03-15T00:00"))
    assert next_due(after) == "2026-04-02T10:00"


def test_removed_and_set_again_does_not_order_the_past_again() -> None:
    removed = recurrences.removed(ordered_until(first(rule()), *QUARTER))
    assert (removed.state, recurrences.wakes_at(removed)) == (State.REMOVED, None)
    again = recurrences.set_again(removed, rule(), at("2026-03-20T00:00"))
    assert (again.generation, again.state, next_due(again)) == (2, State.ACTIVE, "2026-04-01T10:00")


def test_the_horizon_outlives_a_removal() -> None:
    early = structs.replace(ordered_until(first(rule()), *QUARTER), horizon_at=at("2026-06-01T10:00"))
    again = recurrences.set_again(recurrences.removed(early), rule(), at("2026-03-20T00:00"))
    assert next_due(again) == "2026-07-01T10:00"


def test_the_end_is_inclusive() -> None:
    inclusive = ordered_until(first(rule(end_at=at("2026-02-01T10:00"))), *QUARTER)
    assert (inclusive.placed, inclusive.state) == (2, State.EXPIRED)
    exclusive = first(rule(end_at=at("2026-02-01T10:00") - timedelta(microseconds=1)))
    assert (ordered_until(exclusive, *QUARTER).placed) == 1


def test_whatever_comes_first_ends_it() -> None:
    by_count = first(rule(end_at=at("2026-12-31T00:00"), repetitions=2))
    by_date = first(rule(end_at=at("2026-01-31T00:00"), repetitions=9))
    assert (ordered_until(by_count, *QUARTER).placed, ordered_until(by_date, *QUARTER).placed) == (2, 1)


def test_it_expires_with_its_last_order_and_not_later() -> None:
    ended = ordered_until(first(rule(repetitions=1)), QUARTER[0])
    assert (ended.state, recurrences.wakes_at(ended), next_due(ended)) == (State.EXPIRED, None, None)


def test_one_that_is_set_with_nothing_to_order_is_expired_at_once() -> None:
    before = ordered_until(first(rule()), *QUARTER)
    ended = recurrences.set_again(before, rule(end_at=at("2026-03-15T00:00")), at("2026-03-20T00:00"))
    assert (ended.state, ended.placed) == (State.EXPIRED, 3)
    fewer = recurrences.set_again(before, rule(repetitions=2), at("2026-03-20T00:00"))
    assert (fewer.state, fewer.placed) == (State.EXPIRED, 3)


def test_a_new_end_leaves_what_a_resume_has_kept() -> None:
    given = rule(executes_missed=False)
    paused = halting.paused(ordered_until(first(given), *QUARTER), at("2026-03-15T00:00"), until=None)
    resumed, _ = halting.resumed(paused, at("2026-06-15T00:00"), 2)
    longer = rule(executes_missed=False, end_at=at("2026-12-31T00:00"))
    after = recurrences.set_again(resumed, longer, at("2026-06-15T00:00"))
    assert ordered_until(after, "2026-06-15T00:00").placed == 5


def test_catching_up_that_is_switched_off_skips_the_rest() -> None:
    policy = scheduling.Policy(missed_after=timedelta(hours=1), catch_up_limit=5)
    begun = scheduling.advance(first(rule()), at("2026-05-15T00:00"), policy, None, most=2).recurrence
    off = recurrences.set_again(begun, rule(executes_missed=False), at("2026-05-15T00:00"))
    assert (ordered_until(off, "2026-05-15T00:00").placed, off.next_n) == (2, 2)


def test_an_expired_one_that_gets_more_repetitions_goes_on() -> None:
    ended = ordered_until(first(rule(repetitions=3)), *QUARTER)
    assert ended.state is State.EXPIRED
    longer = recurrences.set_again(ended, rule(repetitions=5), at("2026-03-20T00:00"))
    assert (longer.state, longer.generation, longer.placed) == (State.ACTIVE, 1, 3)
    assert next_due(longer) == "2026-04-01T10:00"
    assert ordered_until(longer, "2026-04-01T10:00", "2026-05-01T10:00").state is State.EXPIRED


def test_an_expired_one_that_gets_a_later_end_does_not_order_what_lay_between() -> None:
    ended = ordered_until(first(rule(end_at=at("2026-03-31T00:00"))), *QUARTER)
    assert ended.state is State.EXPIRED
    longer = recurrences.set_again(ended, rule(end_at=at("2026-12-31T00:00")), at("2026-05-15T00:00"))
    assert (longer.state, longer.generation, longer.placed) == (State.ACTIVE, 1, 3)
    assert next_due(longer) == "2026-06-01T10:00"


def test_a_paused_one_stays_paused_when_only_its_end_changes() -> None:
    paused = halting.paused(
        ordered_until(first(rule()), *QUARTER), at("2026-03-15T00:00"), until=at("2026-06-15T00:00")
    )
    after = recurrences.set_again(paused, rule(repetitions=12), at("2026-03-20T00:00"))
    assert (after.state, after.paused_until) == (State.PAUSED, at("2026-06-15T00:00"))
