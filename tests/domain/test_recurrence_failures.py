"""Contract 6.5: an order that cannot be placed is tried again four times, then a person has to look."""

from datetime import UTC, datetime, timedelta
from typing import Any

from worker.domain import halting, scheduling
from worker.domain import recurrence as recurrences
from worker.domain.basket import Rule
from worker.domain.recurrence import Reason, Recurrence, Skip, State
from worker.domain.scheduling import Failure, Placement, Policy

POLICY = Policy(missed_after=timedelta(hours=1), catch_up_limit=100)
GONE = Reason(code="product.not_found.error", message="gone")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(**fields: Any) -> Recurrence:
    return recurrences.first_set("shop", "b", Rule(start_at=at("2026-01-01T10:00"), interval="P1D", **fields))


def look(given: Recurrence, instant: str, obstacle: Reason | None = GONE) -> scheduling.Advance:
    return scheduling.advance(given, at(instant), POLICY, obstacle, most=500)


def test_it_is_tried_again_after_1_minute_10_minutes_1_hour_and_4_hours() -> None:
    recurrence, seen = daily(), []
    instant = recurrences.wakes_at(recurrence)
    while instant is not None:
        advance = scheduling.advance(recurrence, instant, POLICY, GONE, most=500)
        (failure,) = advance.happened
        assert isinstance(failure, Failure)
        assert (failure.occurrence, failure.due_at, failure.reason) == (0, at("2026-01-01T10:00"), GONE)
        seen.append(
            (f"{instant:%H:%M}", failure.attempt, failure.next_try_at and f"{failure.next_try_at:%H:%M}")
        )
        recurrence = advance.recurrence
        instant = recurrences.wakes_at(recurrence)
    assert seen == [
        ("10:00", 1, "10:01"),
        ("10:01", 2, "10:11"),
        ("10:11", 3, "11:11"),
        ("11:11", 4, "15:11"),
        ("15:11", 5, None),
    ]
    assert (recurrence.state, recurrence.last_error, recurrence.placed) == (State.SUSPENDED, GONE, 0)


def test_nobody_tries_before_the_time() -> None:
    failed = look(daily(), "2026-01-01T10:00").recurrence
    assert look(failed, "2026-01-01T10:00:59.999", None).happened == ()
    assert len(look(failed, "2026-01-01T10:01", None).happened) == 1


def test_a_try_that_comes_late_moves_the_next_one() -> None:
    failed = look(daily(), "2026-01-01T10:00").recurrence
    assert recurrences.wakes_at(look(failed, "2026-01-01T10:05").recurrence) == at("2026-01-01T10:15")


def test_after_an_order_all_tries_are_free_again() -> None:
    recurrence = look(daily(), "2026-01-01T10:00").recurrence
    recurrence = look(recurrence, "2026-01-01T10:01", None).recurrence
    assert (recurrence.attempts, recurrence.last_error, recurrence.placed) == (0, None, 1)
    (failure,) = look(recurrence, "2026-01-02T10:00").happened
    assert isinstance(failure, Failure)
    assert (failure.occurrence, failure.attempt) == (1, 1)


def test_the_next_occurrence_waits_for_the_one_that_fails() -> None:
    failed = look(daily(), "2026-01-01T10:00").recurrence
    advance = look(failed, "2026-01-02T10:00")  # the scheduler was away
    assert [one.occurrence for one in advance.happened if isinstance(one, Failure)] == [0]


def test_an_occurrence_that_was_attempted_is_never_missed() -> None:
    failed = look(daily(executes_missed=False), "2026-01-01T10:00").recurrence
    happened = look(failed, "2026-01-01T14:00", None).happened
    assert [type(one) for one in happened] == [Placement]


def test_the_one_behind_it_is_missed_like_any_other() -> None:
    failed = look(daily(executes_missed=False), "2026-01-01T10:00").recurrence
    happened = look(failed, "2026-01-02T14:00", None).happened
    assert [type(one) for one in happened] == [Placement, Skip]


def test_and_its_order_is_no_catch_up() -> None:
    recurrence = daily()
    for time in ("10:00", "10:01", "10:11", "11:11"):
        recurrence = look(recurrence, f"2026-01-01T{time}").recurrence
    (placement,) = look(recurrence, "2026-01-01T15:11", None).happened
    assert isinstance(placement, Placement)
    assert placement.is_catch_up is False


def test_a_missed_one_that_fails_at_first_is_still_a_catch_up() -> None:
    failed = look(daily(), "2026-01-01T18:00").recurrence
    (placement,) = look(failed, "2026-01-01T18:01", None).happened
    assert isinstance(placement, Placement)
    assert placement.is_catch_up is True


def test_a_failure_counts_neither_as_an_order_nor_as_a_repetition() -> None:
    recurrence = look(daily(repetitions=1), "2026-01-01T10:00").recurrence
    assert (recurrence.placed, recurrence.state) == (0, State.ACTIVE)
    assert look(recurrence, "2026-01-01T10:01", None).recurrence.state is State.EXPIRED


def test_a_suspended_one_tries_nothing_until_it_is_resumed() -> None:
    recurrence = daily()
    for time in ("10:00", "10:01", "10:11", "11:11", "15:11"):
        recurrence = look(recurrence, f"2026-01-01T{time}").recurrence
    assert look(recurrence, "2026-01-02T10:00", None).happened == ()
    resumed, _ = halting.resumed(recurrence, at("2026-01-01T16:00"), None)
    (placement,) = look(resumed, "2026-01-01T16:00", None).happened
    assert isinstance(placement, Placement)
    assert placement.occurrence == 0


def test_after_a_resume_it_has_all_its_tries_again() -> None:
    recurrence = daily()
    for time in ("10:00", "10:01", "10:11", "11:11", "15:11"):
        recurrence = look(recurrence, f"2026-01-01T{time}").recurrence
    resumed, _ = halting.resumed(recurrence, at("2026-01-01T16:00"), None)
    (failure,) = look(resumed, "2026-01-01T16:00").happened
    assert isinstance(failure, Failure)
    assert (failure.attempt, failure.next_try_at) == (1, at("2026-01-01T16:01"))
