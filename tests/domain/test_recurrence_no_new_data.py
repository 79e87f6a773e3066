"""Contract 6.8: an occurrence for which there is no new data is skipped, by the rules of all others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.domain import recurrence as recurrences
from worker.domain import scheduling
from worker.domain.basket import Rule
from worker.domain.recurrence import Reason, Recurrence, Skip, SkipReason, State
from worker.domain.scheduling import Placement, Policy, Suspension

POLICY = Policy(missed_after=timedelta(hours=1), catch_up_limit=3)
COSTLY = Reason(code="error.service_unavailable", message="too slow")
NONE_NEW = SkipReason.NO_NEW_DATA


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(**fields: Any) -> Recurrence:
    rule = Rule(start_at=at("2026-01-01T10:00"), interval="P1D", new_data_only=True, **fields)
    return recurrences.first_set("shop", "b", rule)


def look(given: Recurrence, instant: str, obstacle: Any = NONE_NEW, most: int = 1) -> scheduling.Advance:
    return scheduling.advance(given, at(instant), POLICY, obstacle, most=most)


def test_it_is_skipped_by_itself_and_the_next_one_follows() -> None:
    advance = look(daily(), "2026-01-01T10:00")
    (skip,) = advance.happened
    due_at = at("2026-01-01T10:00")
    assert skip == Skip(
        generation=1, first=0, last=0, first_due_at=due_at, last_due_at=due_at, reason=SkipReason.NO_NEW_DATA
    )
    after = advance.recurrence
    assert (after.next_n, after.placed, after.state, after.horizon_at) == (1, 0, State.ACTIVE, due_at)
    assert recurrences.wakes_at(after) == at("2026-01-02T10:00")


def test_it_does_not_count_against_repetitions_and_reaches_nothing() -> None:
    given = daily(repetitions=1)
    for day in range(1, 6):
        given = look(given, f"2026-01-0{day}T10:00").recurrence
    assert (given.state, given.next_n, given.placed, given.reached) == (State.ACTIVE, 5, 0, ())
    assert look(given, "2026-01-06T10:00", None).recurrence.state is State.EXPIRED


def test_the_last_one_before_the_end_expires_the_recurrence() -> None:
    given = daily(end_at=at("2026-01-01T10:00"))
    assert look(given, "2026-01-01T10:00").recurrence.state is State.EXPIRED


def test_one_that_had_failed_may_still_be_skipped_and_its_error_goes() -> None:
    failed = look(daily(), "2026-01-01T10:00", COSTLY).recurrence
    assert failed.last_error == COSTLY
    after = look(failed, "2026-01-01T10:01")
    assert [type(one) for one in after.happened] == [Skip]
    assert (after.recurrence.last_error, after.recurrence.attempts, after.recurrence.next_n) == (None, 0, 1)


def test_missed_ones_are_looked_at_one_by_one() -> None:
    given, found = daily(), []
    for obstacle in (NONE_NEW, None, NONE_NEW):
        advance = look(given, "2026-01-03T12:00", obstacle)
        found += list(advance.happened)
        given = advance.recurrence
    assert [type(one) for one in found] == [Skip, Placement, Skip]
    assert look(given, "2026-01-03T12:00").happened == ()


@pytest.mark.parametrize("obstacle", [NONE_NEW, None])
def test_too_many_missed_ones_wait_for_a_person_all_the_same(obstacle: SkipReason | None) -> None:
    advance = look(daily(), "2026-01-04T12:00", obstacle)
    assert [type(one) for one in advance.happened] == [Suspension]


@pytest.mark.parametrize("obstacle", [NONE_NEW, None])
def test_missed_ones_that_are_not_wanted_are_skipped_as_missed(obstacle: SkipReason | None) -> None:
    (skip,) = look(daily(executes_missed=False), "2026-01-03T12:00", obstacle).happened
    assert isinstance(skip, Skip)
    assert (skip.first, skip.last, skip.reason) == (0, 2, SkipReason.MISSED)
