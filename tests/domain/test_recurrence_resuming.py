"""Contract 6.3, 6.6: what fell due while paused or suspended, and what a resume makes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from worker.domain import halting, scheduling
from worker.domain import recurrence as recurrences
from worker.domain.basket import Rule
from worker.domain.recurrence import Reason, Recurrence, Skip, SkipReason, State
from worker.domain.scheduling import Placement, Policy, Suspension

POLICY = Policy(missed_after=timedelta(hours=1), catch_up_limit=100)
GONE = Reason(code="product.not_found.error", message="gone")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(**fields: Any) -> Recurrence:
    return recurrences.first_set("shop", "b", Rule(start_at=at("2026-01-01T10:00"), interval="P1D", **fields))


def look(given: Recurrence, instant: str, obstacle: Reason | None = None) -> scheduling.Advance:
    return scheduling.advance(given, at(instant), POLICY, obstacle, most=500)


def paused_after_the_first(**fields: Any) -> Recurrence:
    """Order the one of 1 January, then pause."""
    ordered = look(daily(**fields), "2026-01-01T10:00").recurrence
    return halting.paused(ordered, at("2026-01-01T12:00"), until=None)


def happened(advance: scheduling.Advance) -> list[str]:
    lines = []
    for one in advance.happened:
        if isinstance(one, Skip):
            lines.append(f"skip {one.first}-{one.last} {one.reason}")
        else:
            assert isinstance(one, Placement)
            lines.append(f"order {one.occurrence}")
    return lines


def orders(advance: scheduling.Advance) -> list[int]:
    return [one.occurrence for one in advance.happened if isinstance(one, Placement)]


# What is due by 5 January, 10:30, is 1 to 4; `keep` of them are ordered, the others skipped.
@pytest.mark.parametrize(
    ("keep", "skipped", "ordered"),
    [
        (None, None, [1, 2, 3, 4]),
        (0, (1, 4), []),
        (1, (1, 3), [4]),
        (3, (1, 1), [2, 3, 4]),
        (4, None, [1, 2, 3, 4]),
        (99, None, [1, 2, 3, 4]),
    ],
)
@pytest.mark.parametrize("state", [State.PAUSED, State.SUSPENDED])
@pytest.mark.parametrize("executes_missed", [True, False])
def test_a_resume_orders_all_none_or_the_newest(
    keep: int | None, skipped: tuple[int, int] | None, ordered: list[int], state: State, executes_missed: bool
) -> None:
    still = paused_after_the_first(executes_missed=executes_missed)
    if state is State.SUSPENDED:
        still = halting.suspended(structs.replace(still, state=State.ACTIVE), at("2026-01-01T12:00"), GONE)
    resumed, skip = halting.resumed(still, at("2026-01-05T10:30"), keep)
    assert resumed.state is State.ACTIVE
    assert (skip and (skip.first, skip.last)) == skipped
    assert orders(look(resumed, "2026-01-05T10:30")) == ordered
    assert (skip is None) or skip.reason is (
        SkipReason.PAUSED if state is State.PAUSED else SkipReason.MISSED
    )


def test_all_is_exempt_from_the_limit() -> None:
    resumed, skip = halting.resumed(paused_after_the_first(), at("2027-01-01T10:30"), None)
    assert skip is None
    assert orders(look(resumed, "2027-01-01T10:30")) == list(range(1, 366))


def test_a_suspended_one_that_is_resumed_does_not_run_into_the_limit_again() -> None:
    suspended = look(daily(), "2026-12-31T12:00").recurrence
    assert suspended.state is State.SUSPENDED
    resumed, skip = halting.resumed(suspended, at("2026-12-31T12:00"), 2)
    assert skip is not None
    assert (skip.count, orders(look(resumed, "2026-12-31T12:00"))) == (363, [363, 364])


def test_a_resume_before_anything_fell_due_skips_nothing() -> None:
    resumed, skip = halting.resumed(paused_after_the_first(), at("2026-01-02T09:59"), 0)
    assert skip is None
    assert orders(look(resumed, "2026-01-02T10:00")) == [1]


def test_a_resume_after_the_end_skips_to_the_end_and_expires() -> None:
    paused = paused_after_the_first(end_at=at("2026-01-03T10:00"))
    resumed, skip = halting.resumed(paused, at("2026-02-01T00:00"), 0)
    assert skip is not None
    assert (skip.last, resumed.state) == (2, State.EXPIRED)


def test_what_was_skipped_by_a_pause_does_not_count_against_repetitions() -> None:
    resumed, _ = halting.resumed(paused_after_the_first(repetitions=2), at("2026-01-03T12:00"), 0)
    assert (resumed.placed, resumed.state) == (1, State.ACTIVE)
    assert look(resumed, "2026-01-04T10:00").recurrence.state is State.EXPIRED


def test_a_pause_until_an_instant_ends_by_itself() -> None:
    paused = structs.replace(paused_after_the_first(), paused_until=at("2026-01-03T12:00"))
    assert recurrences.wakes_at(paused) == at("2026-01-03T12:00")
    assert look(paused, "2026-01-03T11:59").happened == ()
    advance = look(paused, "2026-01-03T12:00")
    (skip,) = advance.happened
    assert isinstance(skip, Skip)
    assert (skip.first, skip.last, skip.reason, advance.is_resumed) == (1, 2, SkipReason.PAUSED, True)
    assert orders(look(advance.recurrence, "2026-01-04T10:00")) == [3]


def test_what_falls_due_after_the_end_of_a_pause_did_not_fall_due_while_paused() -> None:
    paused = structs.replace(paused_after_the_first(), paused_until=at("2026-01-03T12:00"))
    advance = look(paused, "2026-01-06T12:00")  # nobody looked for three days
    (skip, *_) = advance.happened
    assert isinstance(skip, Skip)
    assert (skip.first, skip.last) == (1, 2)
    assert orders(advance) == [3, 4, 5]


def test_an_occurrence_due_at_the_very_end_of_a_pause_is_ordered() -> None:
    paused = structs.replace(paused_after_the_first(), paused_until=at("2026-01-02T10:00"))
    assert orders(look(paused, "2026-01-02T10:00")) == [1]


def test_an_occurrence_that_was_attempted_is_never_skipped_as_missed() -> None:
    recurrence = daily()
    for time in ("10:00", "10:01", "10:11", "11:11", "15:11"):
        recurrence = look(recurrence, f"2026-01-01T{time}", GONE).recurrence
    assert recurrence.state is State.SUSPENDED
    resumed, skip = halting.resumed(recurrence, at("2026-01-01T16:00"), 0)
    assert skip is None or skip.reason is not SkipReason.MISSED
    assert resumed.state is State.ACTIVE


def test_what_fell_due_before_the_pause_is_not_skipped_as_paused() -> None:
    failed = look(daily(), "2026-01-01T10:00", GONE).recurrence
    paused = halting.paused(failed, at("2026-01-01T10:00:30"), until=None)
    resumed, skip = halting.resumed(paused, at("2026-01-01T10:05"), 0)
    assert skip is None
    assert orders(look(resumed, "2026-01-01T10:05")) == [0]


def test_it_goes_first_and_then_the_pause_is_skipped() -> None:
    failed = look(daily(), "2026-01-01T10:00", GONE).recurrence
    paused = halting.paused(failed, at("2026-01-01T10:00:30"), until=None)
    resumed, skip = halting.resumed(paused, at("2026-01-04T12:00"), 0)
    assert skip is None
    assert happened(look(resumed, "2026-01-05T10:00")) == ["order 0", "skip 1-3 paused", "order 4"]


def test_what_was_missed_before_a_pause_stays_missed() -> None:
    paused = halting.paused(daily(executes_missed=False), at("2026-01-03T12:00"), until=None)
    resumed, _ = halting.resumed(paused, at("2026-01-05T12:00"), 0)
    assert happened(look(resumed, "2026-01-05T12:00")) == ["skip 0-2 missed", "skip 3-4 paused"]


def test_what_is_kept_of_a_pause_keeps_nothing_of_what_was_missed_before() -> None:
    paused = halting.paused(daily(executes_missed=False), at("2026-01-03T12:00"), until=None)
    resumed, _ = halting.resumed(paused, at("2026-01-06T12:00"), 2)
    assert happened(look(resumed, "2026-01-06T12:00")) == [
        "skip 0-2 missed",
        "skip 3-3 paused",
        "order 4",
        "order 5",
    ]


def test_an_end_that_is_moved_into_a_pause_ends_what_is_skipped_as_well() -> None:
    failed = look(daily(), "2026-01-01T10:00", GONE).recurrence
    paused = halting.paused(failed, at("2026-01-01T10:00:30"), until=None)
    resumed, _ = halting.resumed(paused, at("2026-01-04T12:00"), 0)
    shorter = structs.replace(resumed.rule, end_at=at("2026-01-02T10:00"))
    ended = recurrences.set_again(resumed, shorter, at("2026-01-04T12:00"))
    advance = look(ended, "2026-01-05T10:00")
    assert happened(advance) == ["order 0", "skip 1-1 paused"]
    assert advance.recurrence.state is State.EXPIRED


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59.999999", "9999-12-31T23:59:59"])
def test_a_pause_of_one_that_never_ends_is_skipped_like_any_other(end: str) -> None:
    paused = paused_after_the_first(end_at=at(end))
    resumed, skip = halting.resumed(paused, at("2026-01-05T10:30"), keep_newest=1)
    assert skip is not None
    assert (skip.first, skip.last) == (1, 3)
    assert happened(look(resumed, "2026-01-06T10:00")) == ["order 4", "order 5"]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (None, ["order 1", "order 2", "order 3", "skip 4-4 paused"]),
        (2, ["skip 1-1 missed", "order 2", "order 3", "skip 4-4 paused"]),
        (0, ["skip 1-3 missed", "skip 4-4 paused"]),
    ],
)
def test_what_a_pause_has_skipped_is_none_of_the_missed_ones(keep: int | None, expected: list[str]) -> None:
    two = Policy(missed_after=timedelta(hours=1), catch_up_limit=2)
    paused = halting.paused(look(daily(), "2026-01-01T10:00").recurrence, at("2026-01-04T12:00"), until=None)
    resumed, _ = halting.resumed(paused, at("2026-01-05T10:30"), keep_newest=0)
    stopped = scheduling.advance(resumed, at("2026-01-05T12:00"), two, None, most=500)
    (suspension,) = stopped.happened
    assert isinstance(suspension, Suspension)
    assert suspension.missed == 3
    going, skip = halting.resumed(stopped.recurrence, at("2026-01-05T12:30"), keep)
    at_once = [] if skip is None else [f"skip {skip.first}-{skip.last} {skip.reason}"]
    assert at_once + happened(look(going, "2026-01-05T12:30")) == expected
