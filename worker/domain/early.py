"""Ordering an occurrence before it is due (contract, 6.6): `basket.checkout` of a recurrent basket."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import structs

from worker.domain import recurrence as recurrences
from worker.domain.recurrence import Recurrence, Span, State
from worker.domain.scheduling import NOW, Placement


def order_now(recurrence: Recurrence, now: datetime) -> tuple[Recurrence, Placement] | None:
    """Take the lowest future occurrence that is not ordered yet; None when none can be ordered.

    It counts like any other. What is due or missed stays with the scheduler.
    """
    if recurrence.state not in (State.ACTIVE, State.PAUSED):
        return None
    first_future = recurrences.first_from(recurrence.rule, now + timedelta(microseconds=1))
    n = recurrences.past_early(recurrence, max(recurrence.next_n, first_future))
    due_at = recurrences.next_due_at(structs.replace(recurrence, next_n=n))
    if due_at is None:
        return None
    placement = Placement(
        generation=recurrence.generation, occurrence=n, due_at=due_at, is_catch_up=False, trigger=NOW
    )
    placed = structs.replace(recurrence, placed=recurrence.placed + 1)
    if n == recurrence.next_n:
        after = recurrences.dealt_with(placed, n, due_at)
    else:
        horizon = max(filter(None, (recurrence.horizon_at, due_at)))
        after = structs.replace(placed, ordered_early=_with(recurrence.ordered_early, n), horizon_at=horizon)
    return recurrences.settled(after), placement


def _with(spans: tuple[Span, ...], n: int) -> tuple[Span, ...]:
    """Add an occurrence that lies behind all spans, or at the end of one."""
    grown = [span for span in spans if span.last == n - 1]
    others = tuple(span for span in spans if span.last != n - 1)
    return (*others, Span(first=grown[0].first if grown else n, last=n))
