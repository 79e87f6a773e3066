"""Contract 1.3: an order is announced ahead of time, once, as far ahead as the channel says."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from worker.domain import early, halting, scheduling
from worker.domain import recurrence as recurrences
from worker.domain.basket import Rule
from worker.domain.recurrence import Recurrence
from worker.domain.scheduling import Policy, Upcoming

TWO_HOURS = Policy(missed_after=timedelta(hours=1), catch_up_limit=100, notice=timedelta(hours=2))
NONE = Policy(missed_after=timedelta(hours=1), catch_up_limit=100)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(**fields: Any) -> Recurrence:
    """Daily at ten from 1 January, announced two hours ahead."""
    first = recurrences.first_set(
        "shop", "b", Rule(start_at=at("2026-01-01T10:00"), interval="P1D", **fields)
    )
    return structs.replace(first, notice_seconds=7200)


def look(given: Recurrence, instant: str, policy: Policy = TWO_HOURS) -> tuple[Recurrence, list[str]]:
    advance = scheduling.advance(given, at(instant), policy, None, most=500)
    return advance.recurrence, [
        f"{type(one).__name__} {getattr(one, 'occurrence', getattr(one, 'first', None))}"
        for one in advance.happened
    ]


def test_the_scheduler_wakes_for_the_notice_then_for_the_order() -> None:
    recurrence = daily()
    assert recurrences.wakes_at(recurrence) == at("2026-01-01T08:00")
    recurrence, happened = look(recurrence, "2026-01-01T08:00")
    assert happened == ["Upcoming 0"]
    assert recurrences.wakes_at(recurrence) == at("2026-01-01T10:00")
    recurrence, happened = look(recurrence, "2026-01-01T10:00")
    assert happened == ["Placement 0"]
    assert recurrences.wakes_at(recurrence) == at("2026-01-02T08:00")


def test_a_notice_says_which_order_and_when() -> None:
    advance = scheduling.advance(daily(), at("2026-01-01T08:00"), TWO_HOURS, None, most=500)
    assert advance.happened == (Upcoming(generation=1, occurrence=0, due_at=at("2026-01-01T10:00")),)


def test_it_is_given_once_and_not_too_early() -> None:
    recurrence, happened = look(daily(), "2026-01-01T07:59")
    assert happened == []
    recurrence, happened = look(recurrence, "2026-01-01T09:30")
    assert happened == ["Upcoming 0"]
    assert look(recurrence, "2026-01-01T09:31")[1] == []


def test_what_is_due_or_missed_already_is_not_announced() -> None:
    recurrence, happened = look(daily(), "2026-01-03T10:30")
    assert happened == ["Placement 0", "Placement 1", "Placement 2"]
    assert look(recurrence, "2026-01-04T08:00")[1] == ["Upcoming 3"]


def test_a_period_shorter_than_the_notice_announces_each_order_once() -> None:
    three_days = Policy(missed_after=timedelta(hours=1), catch_up_limit=100, notice=timedelta(days=3))
    recurrence, seen = daily(repetitions=2), []
    instant = at("2025-12-29T10:00")
    while instant is not None:
        advance = scheduling.advance(recurrence, instant, three_days, None, most=500)
        seen += [type(one).__name__ for one in advance.happened]
        recurrence, instant = advance.recurrence, recurrences.wakes_at(advance.recurrence)
    assert seen == ["Upcoming", "Placement", "Upcoming", "Placement"]


def test_a_channel_without_notice_announces_nothing() -> None:
    recurrence, happened = look(daily(), "2026-01-01T08:00", NONE)
    assert happened == []
    assert recurrences.wakes_at(recurrence) == at("2026-01-01T10:00")


def test_nothing_is_announced_while_it_is_paused() -> None:
    paused = halting.paused(daily(), at("2026-01-01T07:00"), until=at("2026-01-03T09:00"))
    assert look(paused, "2026-01-01T08:30")[1] == []
    assert look(paused, "2026-01-03T09:00")[1] == ["Skip 0", "Upcoming 2"]


def test_after_an_order_ahead_of_time_the_next_one_is_announced() -> None:
    announced, _ = look(daily(), "2026-01-01T08:00")
    taken = early.order_now(announced, at("2026-01-01T09:00"))
    assert taken is not None
    assert taken[1].occurrence == 0
    assert look(taken[0], "2026-01-02T08:00")[1] == ["Upcoming 1"]
