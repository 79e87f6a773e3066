"""Contract 6.3: what is missed, and what becomes of it; the instants are literals."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from worker.domain import recurrence as recurrences
from worker.domain import scheduling
from worker.domain.basket import Rule
from worker.domain.recurrence import Recurrence, Skip, SkipReason, State
from worker.domain.scheduling import Placement, Policy, Suspension

HOUR = Policy(missed_after=timedelta(hours=1), catch_up_limit=100)
MICROSECOND = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(start: str = "2026-01-01T10:00", **fields: Any) -> Recurrence:
    return recurrences.first_set("shop", "b", Rule(start_at=at(start), interval="P1D", **fields))


def shown(happened: tuple[object, ...]) -> list[str]:
    """Write what happened as a table: order or skip, occurrences, due instants, catch-up."""
    lines = []
    for one in happened:
        if isinstance(one, Placement):
            lines.append(f"order {one.occurrence} {one.due_at:%d %H:%M}" + " late" * one.is_catch_up)
        elif isinstance(one, Skip):
            lines.append(
                f"skip {one.first}-{one.last} {one.first_due_at:%d}-{one.last_due_at:%d} {one.reason}"
            )
        else:
            lines.append(type(one).__name__)
    return lines


def look(
    given: Recurrence, instant: str | datetime, policy: Policy = HOUR, most: int = 500
) -> scheduling.Advance:
    now = at(instant) if isinstance(instant, str) else instant
    return scheduling.advance(given, now, policy, None, most)


@pytest.mark.parametrize("executes_missed", [True, False])
def test_on_time_is_no_catch_up(executes_missed: bool) -> None:
    fresh = daily(executes_missed=executes_missed)
    assert shown(look(fresh, "2026-01-01T09:59").happened) == []
    assert shown(look(fresh, "2026-01-01T10:00").happened) == ["order 0 01 10:00"]
    assert shown(look(fresh, "2026-01-01T10:30").happened) == ["order 0 01 10:00"]


def test_exactly_missed_after_is_not_missed_and_a_microsecond_more_is() -> None:
    boundary = at("2026-01-01T11:00")
    for executes_missed, late in ((True, ["order 0 01 10:00 late"]), (False, ["skip 0-0 01-01 missed"])):
        fresh = daily(executes_missed=executes_missed)
        assert shown(look(fresh, boundary).happened) == ["order 0 01 10:00"]
        assert shown(look(fresh, boundary + MICROSECOND).happened) == late


def test_the_channel_says_when_an_occurrence_is_missed() -> None:
    two_days = Policy(missed_after=timedelta(days=2), catch_up_limit=100)
    happened = look(daily(executes_missed=False), "2026-01-04T09:00", two_days).happened
    assert shown(happened) == ["skip 0-0 01-01 missed", "order 1 02 10:00", "order 2 03 10:00"]


def test_missed_ones_are_ordered_oldest_first_each_with_its_due_instant() -> None:
    assert shown(look(daily(), "2026-01-04T10:30").happened) == [
        "order 0 01 10:00 late",
        "order 1 02 10:00 late",
        "order 2 03 10:00 late",
        "order 3 04 10:00",
    ]


def test_or_skipped_as_one_range_and_the_next_regular_one_follows() -> None:
    advance = look(daily(executes_missed=False), "2026-01-04T10:30")
    assert shown(advance.happened) == ["skip 0-2 01-03 missed", "order 3 04 10:00"]
    assert (advance.recurrence.placed, advance.recurrence.next_n) == (1, 4)


def test_the_limit_is_reached_but_not_exceeded_by_as_many() -> None:
    ten = Policy(missed_after=timedelta(hours=1), catch_up_limit=10)
    at_limit = look(daily(), "2026-01-10T12:00", ten)
    assert (len(at_limit.happened), at_limit.recurrence.state) == (10, State.ACTIVE)
    beyond = look(daily(), "2026-01-11T12:00", ten)
    assert beyond.recurrence.state is State.SUSPENDED
    assert beyond.recurrence.placed == 0
    (suspension,) = beyond.happened
    assert isinstance(suspension, Suspension)
    assert (suspension.missed, suspension.reason.code) == (11, "catch_up_limit_exceeded")


def test_one_that_is_due_but_not_missed_does_not_count_towards_the_limit() -> None:
    ten = Policy(missed_after=timedelta(hours=1), catch_up_limit=10)
    assert len(look(daily(), "2026-01-11T10:30", ten).happened) == 11


def test_no_more_count_as_missed_than_repetitions_leave() -> None:
    ten = Policy(missed_after=timedelta(hours=1), catch_up_limit=10)
    advance = look(daily(repetitions=10), "2027-01-01T00:00", ten)
    assert (len(advance.happened), advance.recurrence.state) == (10, State.EXPIRED)


def test_nothing_after_the_end_is_missed() -> None:
    fresh = daily(executes_missed=False, end_at=at("2026-01-03T10:00"))
    advance = look(fresh, "2027-01-01T00:00")
    assert shown(advance.happened) == ["skip 0-2 01-03 missed"]
    assert advance.recurrence.state is State.EXPIRED


def test_the_limit_is_decided_once_however_many_ticks_catching_up_takes() -> None:
    ten = Policy(missed_after=timedelta(hours=1), catch_up_limit=10)
    recurrence, seen = daily(), []
    for minute in range(4):
        advance = look(recurrence, at("2026-01-10T12:00") + timedelta(minutes=minute), ten, most=3)
        recurrence = advance.recurrence
        seen += shown(advance.happened)
    assert seen == [f"order {n} {n + 1:02} 10:00 late" for n in range(10)]


def test_what_is_missed_meanwhile_is_no_part_of_it() -> None:
    three = Policy(missed_after=timedelta(hours=1), catch_up_limit=3)
    recurrence = look(daily(), "2026-01-03T12:00", three, most=1).recurrence
    assert shown(look(recurrence, "2026-01-05T12:00", three).happened) == [
        f"order {n} {n + 1:02} 10:00 late" for n in (1, 2, 3, 4)
    ]


def test_one_that_is_late_by_exactly_missed_after_ends_the_range_before_it() -> None:
    happened = look(daily(executes_missed=False), "2026-01-03T11:00").happened
    assert shown(happened) == ["skip 0-1 01-02 missed", "order 2 03 10:00"]


def test_a_skipped_occurrence_does_not_count_against_repetitions() -> None:
    recurrence = look(daily(executes_missed=False, repetitions=2), "2026-01-04T09:00").recurrence
    assert (recurrence.placed, recurrence.next_n, recurrence.state) == (0, 3, State.ACTIVE)
    recurrence = look(recurrence, "2026-01-04T10:00").recurrence
    recurrence = look(recurrence, "2026-01-05T10:00").recurrence
    assert (recurrence.placed, recurrence.state) == (2, State.EXPIRED)


def test_a_range_is_found_arithmetically_however_long() -> None:
    fresh = daily("1970-01-01T10:00", executes_missed=False)
    (skip, order) = look(fresh, "9000-01-01T10:00").happened
    assert isinstance(skip, Skip)
    assert isinstance(order, Placement)
    assert (skip.first, skip.count) == (0, 2_567_655)  # 7030 years, 1705 of them leap years
    assert (skip.reason, order.occurrence) == (SkipReason.MISSED, 2_567_655)


def test_at_most_so_many_are_placed_at_once_and_the_rest_stays_due() -> None:
    advance = look(daily(), "2026-01-08T12:00", most=3)
    assert shown(advance.happened) == [f"order {n} {n + 1:02} 10:00 late" for n in range(3)]
    assert recurrences.wakes_at(advance.recurrence) == at("2026-01-04T10:00")


@pytest.mark.parametrize("state", [State.PAUSED, State.SUSPENDED, State.EXPIRED, State.REMOVED])
def test_only_an_active_one_orders_anything(state: State) -> None:
    still = structs.replace(daily(), state=state)
    assert look(still, "2026-01-04T10:00").happened == ()
