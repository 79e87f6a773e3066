"""The recurrence of a basket: its rule, its state, and what setting and removing do to it.

A generation is one grid of occurrences. Another grid is another generation, which begins after everything
the basket has ordered or skipped so far, and not before the change: editing a standing order never orders
the past.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import structs

from contracts.period import parse_period
from worker.domain.basket import Rule
from worker.domain.grid import ENDS_BEFORE, Grid
from worker.domain.search.questions import Reach
from worker.domain.value import Value


class State(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REMOVED = "removed"  # kept for its history: a later recurrence must not order the past again


class SkipReason(StrEnum):
    MISSED = "missed"
    PAUSED = "paused"
    NO_NEW_DATA = "no_new_data"


class Span(Value, frozen=True, kw_only=True):
    """Occurrences `first` to `last`, both included."""

    first: int
    last: int

    def holds(self, n: int) -> bool:
        return self.first <= n <= self.last


class PlannedSkip(Span, frozen=True, kw_only=True):
    """Occurrences to be skipped when it is their turn."""

    reason: SkipReason


class Reason(Value, frozen=True, kw_only=True):
    """Why an order could not be placed, or a recurrence does not go on."""

    code: str
    message: str


class Skip(Value, frozen=True, kw_only=True):
    """Occurrences `first` to `last`, both included, that are not ordered."""

    generation: int
    first: int
    last: int
    first_due_at: datetime
    last_due_at: datetime
    reason: SkipReason

    @property
    def count(self) -> int:
        return self.last - self.first + 1


class Recurrence(Value, frozen=True, kw_only=True):
    """The standing order of a basket.

    `next_n` is the first occurrence that is neither ordered nor skipped; `placed` counts this generation's
    orders; `horizon_at` is the last instant that any generation has dealt with. Missed occurrences that are
    `released` are placed, however many they are: that was decided already. What was `ordered_early` is passed
    over when it is its turn. `was_attempted` and `attempts`
    speak of the next one: an attempted occurrence is never missed, also after a person has stepped in and
    the attempts count anew. What falls due from `halted_at` on waits for a resume. The next one is announced
    `notice_seconds` ahead, if that is not 0; `announced_n` was. `reached` is what its orders could take, when
    they take only what is new.
    """

    channel: str
    basket_id: str
    generation: int = 1
    rule: Rule
    state: State = State.ACTIVE
    next_n: int = 0
    placed: int = 0
    horizon_at: datetime | None = None
    released: tuple[Span, ...] = ()
    planned_skips: tuple[PlannedSkip, ...] = ()
    ordered_early: tuple[Span, ...] = ()
    was_attempted: bool = False
    attempts: int = 0
    retry_at: datetime | None = None
    halted_at: datetime | None = None
    paused_until: datetime | None = None
    last_error: Reason | None = None
    notice_seconds: int = 0
    reached: tuple[Reach, ...] = ()
    announced_n: int | None = None
    causation_id: str | None = None
    traceparent: str | None = None


def grid(rule: Rule) -> Grid:
    period = parse_period(rule.interval)
    if period is None:
        raise ValueError(f"stored interval {rule.interval!r} is no period")
    return Grid(rule.start_at, period, zone=rule.time_zone, offset=timedelta(seconds=rule.offset_seconds))


def next_due_at(recurrence: Recurrence) -> datetime | None:
    """Give the nominal instant of the next order; None when there is none left."""
    rule = recurrence.rule
    if rule.repetitions is not None and recurrence.placed >= rule.repetitions:
        return None
    due = grid(rule).due(recurrence.next_n)
    return None if due is None or (rule.end_at is not None and due > rule.end_at) else due


def wakes_at(recurrence: Recurrence) -> datetime | None:
    """Give the instant at which the scheduler must look at it again; None when never by itself."""
    if recurrence.state is State.PAUSED:
        return recurrence.paused_until
    if recurrence.state is not State.ACTIVE:
        return None
    due_at = next_due_at(recurrence)
    if recurrence.retry_at is not None or due_at is None or recurrence.announced_n == recurrence.next_n:
        return recurrence.retry_at or due_at
    return due_at - timedelta(seconds=recurrence.notice_seconds)


def settled(recurrence: Recurrence) -> Recurrence:
    """Expire a recurrence that has no order left; revive one that has again."""
    has_next = next_due_at(recurrence) is not None
    if recurrence.state is State.EXPIRED and has_next:
        return structs.replace(recurrence, state=State.ACTIVE)
    if recurrence.state in (State.ACTIVE, State.PAUSED, State.SUSPENDED) and not has_next:
        return structs.replace(
            recurrence,
            state=State.EXPIRED,
            attempts=0,
            retry_at=None,
            halted_at=None,
            paused_until=None,
        )
    return recurrence


def first_set(channel: str, basket_id: str, rule: Rule) -> Recurrence:
    """Begin the first recurrence of a basket: only this one catches up from a start in the past."""
    return settled(Recurrence(channel=channel, basket_id=basket_id, rule=rule))


def set_again(recurrence: Recurrence, rule: Rule, now: datetime) -> Recurrence:
    """Set another rule on a basket that has or had a recurrence."""
    if recurrence.state is not State.REMOVED and rule.grid_key == recurrence.rule.grid_key:
        # Catching up ends when it is switched off; what a person has kept besides is not up to an edit.
        is_switched_off = recurrence.rule.executes_missed and not rule.executes_missed
        released = () if is_switched_off else recurrence.released
        changed = structs.replace(recurrence, rule=rule, released=released)
        if recurrence.state is State.EXPIRED:
            # What fell due after the old end was never part of the standing order.
            next_n = past_early(recurrence, max(recurrence.next_n, first_from(rule, now)))
            ahead = tuple(span for span in recurrence.ordered_early if span.first > next_n)
            changed = structs.replace(
                changed, next_n=next_n, was_attempted=False, planned_skips=(), ordered_early=ahead
            )
        return settled(changed)
    begin = first_from(rule, now)
    horizon = recurrence.horizon_at
    if horizon is not None and horizon >= now:
        begin = max(begin, first_from(rule, horizon + timedelta(microseconds=1)))
    return settled(
        Recurrence(
            channel=recurrence.channel,
            basket_id=recurrence.basket_id,
            generation=recurrence.generation + 1,
            rule=rule,
            next_n=begin,
            horizon_at=horizon,
            reached=recurrence.reached,
        )
    )


def removed(recurrence: Recurrence) -> Recurrence:
    return structs.replace(
        recurrence,
        state=State.REMOVED,
        attempts=0,
        retry_at=None,
        halted_at=None,
        paused_until=None,
        last_error=None,
    )


def planned_skip(recurrence: Recurrence) -> PlannedSkip | None:
    """Give the plan that the next occurrence is part of, if there is one."""
    return next((plan for plan in recurrence.planned_skips if plan.holds(recurrence.next_n)), None)


def skipped_as_planned(recurrence: Recurrence, plan: PlannedSkip) -> tuple[Recurrence, Skip]:
    """Skip what is planned, up to what was ordered early or planned before, or the rule's end.

    The end may have moved since; what was planned first keeps its reason.
    """
    end_at = recurrence.rule.end_at
    decided = (*recurrence.ordered_early, *recurrence.planned_skips)
    ends = [plan.last, *(span.first - 1 for span in decided if span.first > recurrence.next_n)]
    if end_at is not None and (last := last_due(recurrence, end_at)) is not None:
        ends.append(last)
    return skipped(recurrence, min(ends), plan.reason)


def is_released(recurrence: Recurrence) -> bool:
    """Whether the next occurrence is to be placed however late it is."""
    return any(span.holds(recurrence.next_n) for span in recurrence.released)


def skipped(recurrence: Recurrence, last: int, reason: SkipReason) -> tuple[Recurrence, Skip]:
    """Skip the occurrences from the next one to `last`, which must exist, without counting them."""
    days = grid(recurrence.rule)
    first_due_at, last_due_at = days.due(recurrence.next_n), days.due(last)
    if first_due_at is None or last_due_at is None:
        raise ValueError(f"occurrences {recurrence.next_n} to {last} are beyond the calendar")
    skip = Skip(
        generation=recurrence.generation,
        first=recurrence.next_n,
        last=last,
        first_due_at=first_due_at,
        last_due_at=last_due_at,
        reason=reason,
    )
    return dealt_with(recurrence, last, last_due_at), skip


def dealt_with(recurrence: Recurrence, last: int, last_due_at: datetime) -> Recurrence:
    """Go on behind occurrence `last`."""
    horizon = max(filter(None, (recurrence.horizon_at, last_due_at)))
    return structs.replace(
        recurrence,
        next_n=past_early(recurrence, last + 1),
        ordered_early=tuple(span for span in recurrence.ordered_early if span.first > last + 1),
        horizon_at=horizon,
        planned_skips=tuple(plan for plan in recurrence.planned_skips if plan.last > last),
        released=tuple(span for span in recurrence.released if span.last > last),
        was_attempted=False,
        attempts=0,
        retry_at=None,
        last_error=None,
    )


def last_due(recurrence: Recurrence, at: datetime) -> int | None:
    """Give the last occurrence not dealt with that is due at an instant or before; None when there is none.

    Ends with the rule's end. Found by its grid, not by counting.
    """
    end_at = recurrence.rule.end_at
    limit = min(at, end_at or at, ENDS_BEFORE)
    days = grid(recurrence.rule)
    after = days.first_at_or_after(limit + timedelta(microseconds=1))
    last = after - 1 if after is not None else days.last()
    return last if last >= recurrence.next_n else None


def early_within(recurrence: Recurrence, last: int) -> int:
    """Count what was ordered early up to occurrence `last`."""
    return sum(
        min(span.last, last) - span.first + 1 for span in recurrence.ordered_early if span.first <= last
    )


def past_early(recurrence: Recurrence, n: int) -> int:
    """Give the first occurrence from `n` on that was not ordered early; the spans lie apart."""
    return next((span.last + 1 for span in recurrence.ordered_early if span.holds(n)), n)


def first_from(rule: Rule, instant: datetime) -> int:
    """Give the first occurrence at an instant or later; one beyond the calendar when there is none."""
    days = grid(rule)
    first = days.first_at_or_after(instant)
    return first if first is not None else days.last() + 1
