"""Contract 6.6, order-now: the lowest future occurrence is taken, once, and the scheduler passes over it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from worker.domain import early, halting, scheduling
from worker.domain import recurrence as recurrences
from worker.domain.basket import Rule
from worker.domain.recurrence import Reason, Recurrence, Skip, State
from worker.domain.scheduling import NOW, Failure, Placement, Policy, Suspension

POLICY = Policy(missed_after=timedelta(hours=1), catch_up_limit=100)
GONE = Reason(code="product.not_found.error", message="gone")
MICROSECOND = timedelta(microseconds=1)


def at(text: str) -> datetime:
    """Read a day of January 2026 and a time, or a whole date."""
    return datetime.fromisoformat(text if len(text) > 8 else f"2026-01-{text}").replace(tzinfo=UTC)


def daily(**fields: Any) -> Recurrence:
    """Give one that is due every day at ten, beginning on 1 January with occurrence 0."""
    return recurrences.first_set("shop", "b", Rule(start_at=at("01T10:00"), interval="P1D", **fields))


def ordered(given: Recurrence, *instants: str) -> tuple[Recurrence, list[int]]:
    """Order now at each of these instants; give what was taken."""
    taken = []
    for instant in instants:
        found = early.order_now(given, at(instant))
        assert found is not None
        given, placement = found
        assert (placement.trigger, placement.is_catch_up, placement.generation) == (NOW, False, 1)
        taken.append(placement.occurrence)
    return given, taken


def look(given: Recurrence, *instants: str, obstacle: Reason | None = None) -> tuple[Recurrence, list[str]]:
    """Let the scheduler look at it; write what happened."""
    lines = []
    for instant in instants:
        advance = scheduling.advance(given, at(instant), POLICY, obstacle, most=500)
        given = advance.recurrence
        for one in advance.happened:
            match one:
                case Placement():
                    lines.append(f"order {one.occurrence}" + " late" * one.is_catch_up)
                case Skip():
                    lines.append(f"skip {one.first}-{one.last} {one.reason}")
                case Failure():
                    lines.append(f"fail {one.occurrence}")
                case Suspension():
                    lines.append(f"suspend {one.missed}")
    return given, lines


@pytest.mark.parametrize(
    ("instant", "occurrence", "due_at"),
    [
        ("2025-12-01T00:00", 0, "01T10:00"),
        ("01T09:59", 0, "01T10:00"),
        ("01T10:00", 1, "02T10:00"),  # what is due at this instant is no more future
        ("01T10:01", 1, "02T10:00"),
        ("05T12:00", 5, "06T10:00"),
    ],
)
def test_the_lowest_future_occurrence_is_taken_with_its_nominal_instant(
    instant: str, occurrence: int, due_at: str
) -> None:
    taken = early.order_now(daily(), at(instant))
    assert taken is not None
    _, placement = taken
    assert (placement.occurrence, placement.due_at) == (occurrence, at(due_at))


def test_what_was_ordered_early_is_passed_over_when_its_turn_comes() -> None:
    recurrence, taken = ordered(daily(), "01T09:00")
    assert taken == [0]
    _, happened = look(recurrence, "01T10:00", "02T10:00", "03T10:00")
    assert happened == ["order 1", "order 2"]


def test_ordering_now_several_times_takes_one_after_the_other() -> None:
    recurrence, _ = look(daily(), "01T10:00")
    recurrence, taken = ordered(recurrence, "01T12:00", "01T12:00", "01T12:01")
    assert taken == [1, 2, 3]
    _, happened = look(recurrence, "02T10:00", "03T10:00", "04T10:00", "05T10:00")
    assert happened == ["order 4"]


def test_missed_ones_stay_with_the_scheduler() -> None:
    recurrence, taken = ordered(daily(), "03T12:00", "03T12:00", "05T12:00")
    assert taken == [3, 4, 5]
    _, happened = look(recurrence, "07T10:00")
    assert happened == ["order 0 late", "order 1 late", "order 2 late", "order 6"]


def test_missed_ones_are_skipped_in_ranges_around_it() -> None:
    recurrence, _ = ordered(daily(executes_missed=False), "03T12:00")
    _, happened = look(recurrence, "08T12:00")
    assert happened == ["skip 0-2 missed", "skip 4-7 missed"]


def test_a_gap_between_two_early_orders_is_the_schedulers() -> None:
    recurrence, taken = ordered(daily(), "02T12:00", "04T12:00")
    assert taken == [2, 4]
    _, happened = look(recurrence, "06T12:00")
    assert happened == ["order 0 late", "order 1 late", "order 3 late", "order 5 late"]


def test_it_counts_against_repetitions() -> None:
    recurrence, _ = look(daily(repetitions=3), "01T10:00")
    recurrence, taken = ordered(recurrence, "01T12:00", "01T12:00")
    assert (taken, recurrence.placed, recurrence.state) == ([1, 2], 3, State.EXPIRED)
    assert early.order_now(recurrence, at("01T12:00")) is None
    assert look(recurrence, "09T12:00")[1] == []


def test_the_last_repetition_ordered_early_leaves_nothing_for_those_that_were_missed() -> None:
    recurrence, _ = ordered(daily(repetitions=2), "03T12:00", "03T12:00")
    assert recurrence.state is State.EXPIRED
    assert look(recurrence, "09T12:00")[1] == []


def test_the_end_is_the_last_that_can_be_ordered_early() -> None:
    recurrence, taken = ordered(daily(end_at=at("02T10:00")), "01T08:00", "01T08:00")
    assert (taken, recurrence.state) == ([0, 1], State.EXPIRED)
    shorter, _ = ordered(daily(end_at=at("02T10:00") - MICROSECOND), "01T08:00")
    assert shorter.state is State.EXPIRED


def test_with_nothing_left_in_the_future_the_missed_ones_are_still_the_schedulers() -> None:
    recurrence = daily(end_at=at("02T10:00"))
    assert early.order_now(recurrence, at("02T10:00")) is None
    recurrence, taken = ordered(recurrence, "01T12:00")
    assert (taken, recurrence.state) == ([1], State.ACTIVE)
    recurrence, happened = look(recurrence, "02T12:00")
    assert (happened, recurrence.state) == (["order 0 late"], State.EXPIRED)


def test_it_is_allowed_while_paused_and_the_pause_goes_on() -> None:
    paused = halting.paused(daily(), at("01T09:00"), at("04T12:00"))
    recurrence, taken = ordered(paused, "01T09:30", "02T12:00")
    assert taken == [0, 2]
    assert (recurrence.state, recurrence.paused_until) == (State.PAUSED, at("04T12:00"))
    assert look(recurrence, "03T12:00")[1] == []
    _, happened = look(recurrence, "04T12:00", "05T10:00")
    assert happened == ["skip 1-1 paused", "skip 3-3 paused", "order 4"]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (None, ["order 0 late", "order 1 late", "order 3 late", "order 4 late"]),
        (0, ["skip 3-4 paused"]),
        (1, ["skip 3-3 paused", "order 4 late"]),
        (2, ["order 3 late", "order 4 late"]),
        (3, ["order 1 late", "order 3 late", "order 4 late"]),
        (4, ["order 0 late", "order 1 late", "order 3 late", "order 4 late"]),
        (9, ["order 0 late", "order 1 late", "order 3 late", "order 4 late"]),
    ],
)
def test_the_newest_that_a_resume_keeps_are_counted_without_it(keep: int | None, expected: list[str]) -> None:
    paused = halting.paused(daily(), at("01T09:00"), until=None)
    recurrence, taken = ordered(paused, "02T12:00")
    assert taken == [2]
    resumed, skip = halting.resumed(recurrence, at("05T12:00"), keep)
    first = {0: (0, 1), 1: (0, 1), 2: (0, 1), 3: (0, 0)}.get(-1 if keep is None else keep)
    assert (skip and (skip.first, skip.last)) == first
    assert look(resumed, "05T12:00")[1] == expected


@pytest.mark.parametrize("state", [State.SUSPENDED, State.EXPIRED, State.REMOVED])
def test_what_is_suspended_expired_or_removed_orders_nothing(state: State) -> None:
    assert early.order_now(structs.replace(daily(), state=state), at("01T09:00")) is None


def test_one_that_fails_keeps_its_tries_when_a_later_one_is_ordered() -> None:
    failed, _ = look(daily(), "01T10:00", "01T10:01", obstacle=GONE)
    recurrence, taken = ordered(failed, "01T10:02")
    assert taken == [1]
    assert (recurrence.attempts, recurrence.was_attempted, recurrence.retry_at) == (2, True, at("01T10:11"))
    _, happened = look(recurrence, "01T10:10", "01T10:11", "02T10:00", "03T10:00")
    assert happened == ["order 0", "order 2"]


def test_another_grid_begins_after_it() -> None:
    recurrence, taken = ordered(daily(), "01T09:00", "01T09:00", "01T09:00")
    assert taken == [0, 1, 2]
    hourly_later = structs.replace(recurrence.rule, start_at=at("01T11:00"))
    changed = recurrences.set_again(recurrence, hourly_later, at("01T09:30"))
    assert (changed.generation, recurrences.next_due_at(changed)) == (2, at("03T11:00"))
    weekly = structs.replace(recurrence.rule, interval="P1W")
    removed = recurrences.removed(recurrence)
    again = recurrences.set_again(removed, weekly, at("01T09:30"))
    assert recurrences.next_due_at(again) == at("08T10:00")


def test_another_grid_begins_after_it_also_while_earlier_ones_are_missed() -> None:
    recurrence, taken = ordered(daily(), "05T12:00", "05T12:00")
    assert taken == [5, 6]
    later = structs.replace(recurrence.rule, start_at=at("01T11:00"))
    changed = recurrences.set_again(recurrence, later, at("05T12:30"))
    assert recurrences.next_due_at(changed) == at("07T11:00")


def test_another_grid_begins_after_it_also_when_earlier_ones_were_ordered_since() -> None:
    recurrence, taken = ordered(daily(), "01T12:00", "01T12:00", "01T12:00")
    assert taken == [1, 2, 3]
    recurrence, lines = look(recurrence, "01T12:30")
    assert lines == ["order 0 late"]
    later = structs.replace(recurrence.rule, start_at=at("01T11:00"))
    assert recurrences.next_due_at(recurrences.set_again(recurrence, later, at("01T13:00"))) == at("04T11:00")


def test_the_same_grid_set_again_still_passes_over_it() -> None:
    recurrence, _ = ordered(daily(), "02T12:00")
    longer = structs.replace(recurrence.rule, end_at=at("20T10:00"))
    changed = recurrences.set_again(recurrence, longer, at("02T12:30"))
    assert look(changed, "04T12:00")[1] == ["order 0 late", "order 1 late", "order 3 late"]


def test_one_that_expired_by_it_and_gets_more_repetitions_goes_on_behind_it() -> None:
    recurrence, _ = ordered(daily(repetitions=1), "01T09:00")
    more = recurrences.set_again(recurrence, structs.replace(recurrence.rule, repetitions=3), at("01T09:30"))
    assert look(more, "01T10:00", "02T10:00", "03T10:00", "04T10:00")[1] == ["order 1", "order 2"]


def test_one_that_goes_on_at_once_does_not_order_it_again() -> None:
    recurrence, taken = ordered(daily(repetitions=1), "01T12:00")
    assert (taken, recurrence.state) == ([1], State.EXPIRED)
    more = recurrences.set_again(recurrence, structs.replace(recurrence.rule, repetitions=3), at("01T13:00"))
    assert look(more, "02T10:00", "03T10:00", "04T10:00")[1] == ["order 2", "order 3"]


def test_one_that_goes_on_long_after_it_does_not_step_back() -> None:
    paused = halting.paused(daily(repetitions=1), at("01T09:00"), until=None)
    recurrence, taken = ordered(paused, "03T12:00")
    assert (taken, recurrence.state) == ([3], State.EXPIRED)
    more = structs.replace(recurrence.rule, repetitions=10)
    revived = recurrences.set_again(recurrence, more, at("07T00:00"))
    paused = halting.paused(revived, at("07T01:00"), until=None)
    resumed, skip = halting.resumed(paused, at("09T12:00"), keep_newest=0)
    assert skip is not None
    assert (skip.first, skip.last, skip.count) == (6, 8, 3)
    assert look(resumed, "09T12:00", "10T10:00")[1] == ["order 9"]


def test_the_catch_up_limit_counts_what_was_missed_on_both_sides_of_it() -> None:
    recurrence, taken = ordered(daily(), "2026-03-01T12:00")
    assert taken == [60]
    recurrence, happened = look(recurrence, "2026-05-01T12:00")
    # 0 to 59 and 61 to 120
    assert (happened, recurrence.state, recurrence.placed) == (["suspend 120"], State.SUSPENDED, 1)


def test_exactly_as_many_as_the_limit_on_both_sides_of_it_are_ordered() -> None:
    recurrence, _ = ordered(daily(), "2026-03-01T12:00")
    _, happened = look(recurrence, "2026-04-11T12:00")
    assert happened == [f"order {n} late" for n in range(101) if n != 60]
