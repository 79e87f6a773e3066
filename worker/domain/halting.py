"""Pausing, suspending and resuming a recurrence: what becomes of the occurrences that fall due meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import structs

from worker.domain import recurrence as recurrences
from worker.domain.recurrence import PlannedSkip, Reason, Recurrence, Skip, SkipReason, Span, State


def paused(recurrence: Recurrence, now: datetime, until: datetime | None) -> Recurrence:
    """Place nothing from now on; a pause that holds already only gets another end."""
    halted_at = recurrence.halted_at if recurrence.state is State.PAUSED else now
    return structs.replace(recurrence, state=State.PAUSED, halted_at=halted_at, paused_until=until)


def suspended(recurrence: Recurrence, since: datetime, reason: Reason) -> Recurrence:
    """Wait for a person, who decides about everything that falls due from `since` on."""
    return structs.replace(
        recurrence, state=State.SUSPENDED, halted_at=since, retry_at=None, last_error=reason
    )


def resumed(recurrence: Recurrence, at: datetime, keep_newest: int | None) -> tuple[Recurrence, Skip | None]:
    """Go on as of an instant; of what fell due since the halt, keep the newest so many (None: all).

    The rest is skipped, at once if it is next in turn. What fell due before the halt goes first, as ever.
    """
    begin = recurrences.first_from(recurrence.rule, recurrence.halted_at or at)
    first = max(recurrence.next_n, begin)
    before = recurrences.last_due(recurrence, at - timedelta(microseconds=1))
    last = first - 1 if before is None else max(before, first - 1)
    kept = first if keep_newest is None else _first_kept(recurrence, first, last, keep_newest)
    reason = SkipReason.PAUSED if recurrence.state is State.PAUSED else SkipReason.MISSED
    planned, released = recurrence.planned_skips, recurrence.released
    if first < kept:
        planned += (PlannedSkip(first=first, last=kept - 1, reason=reason),)
    if kept <= last:
        released += (Span(first=kept, last=last),)
    active = structs.replace(
        recurrence,
        state=State.ACTIVE,
        attempts=0,
        retry_at=None,
        halted_at=None,
        paused_until=None,
        last_error=None,
        planned_skips=planned,
        released=released,
    )
    plan = recurrences.planned_skip(active)
    if plan is None or recurrences.next_due_at(active) is None:
        return recurrences.settled(active), None
    active, skip = recurrences.skipped_as_planned(active, plan)
    return recurrences.settled(active), skip


def _first_kept(recurrence: Recurrence, first: int, last: int, keep: int) -> int:
    """Give the first of the newest `keep` occurrences up to `last`, not counting what was decided before.

    That is what was ordered early, and what an earlier resume has skipped.
    """
    decided = (*recurrence.ordered_early, *recurrence.planned_skips)
    begin = last + 1
    while keep and begin > first:
        span = next((span for span in decided if span.holds(begin - 1)), None)
        if span is not None:
            begin = max(first, span.first)
            continue
        below = [span.last + 1 for span in decided if span.last < begin]
        step = min(keep, begin - max([first, *below]))
        begin, keep = begin - step, keep - step
    return begin
