"""What a tick does with one recurrence: place, skip, try again, suspend, expire (contract, 6.2 to 6.5).

Occurrences of one basket are decided strictly one after the other. An occurrence is missed when nobody
attempted it within `missed_after` of its due instant; one that was attempted never is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec import structs

from worker.domain import halting
from worker.domain import recurrence as recurrences
from worker.domain.recurrence import Reason, Recurrence, Skip, SkipReason, Span, State

# Tried again after these; after the last one the recurrence waits for a person.
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4))
# What made an order.
SCHEDULE, NOW = "schedule", "now"
CATCH_UP_LIMIT_EXCEEDED = "catch_up_limit_exceeded"

Obstacle: TypeAlias = Reason | SkipReason


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's settings for recurrences; the limit counts occurrences, no `notice` announces nothing."""

    missed_after: timedelta
    catch_up_limit: int
    notice: timedelta = timedelta(0)


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """An order to be placed for one occurrence."""

    generation: int
    occurrence: int
    due_at: datetime
    is_catch_up: bool
    trigger: str = SCHEDULE


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An occurrence that could not be ordered; `attempt` counts from 1, the last has no `next_try_at`."""

    generation: int
    occurrence: int
    due_at: datetime
    is_catch_up: bool
    reason: Reason
    attempt: int
    next_try_at: datetime | None


class Suspension(msgspec.Struct, frozen=True, kw_only=True):
    """`missed` counts what waits for a person's decision, when it is that."""

    reason: Reason
    missed: int | None = None


class Upcoming(msgspec.Struct, frozen=True, kw_only=True):
    """An order that will be placed soon."""

    generation: int
    occurrence: int
    due_at: datetime


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """The recurrence after a tick, and everything that happened, in order."""

    recurrence: Recurrence
    happened: tuple[Placement | Skip | Failure | Suspension | Upcoming, ...]
    is_resumed: bool = False


def advance(
    recurrence: Recurrence, now: datetime, policy: Policy, obstacle: Obstacle | None, most: int
) -> Advance:
    """Deal with what is due, at most so many placements.

    `obstacle`: why the basket cannot be ordered now, which is a failure, or need not be, which is a skip.
    """
    happened: list[Placement | Skip | Failure | Suspension | Upcoming] = []
    recurrence = structs.replace(recurrence, notice_seconds=round(policy.notice.total_seconds()))
    is_resumed = False
    if recurrence.state is State.PAUSED and recurrence.paused_until and recurrence.paused_until <= now:
        # As of the pause's end, however late this tick is: what fell due since is not the pause's.
        recurrence, skip = halting.resumed(recurrence, recurrence.paused_until, keep_newest=0)
        happened += [skip] if skip is not None else []
        is_resumed = True
    for _ in range(most):
        recurrence, step = _step(recurrence, now, policy, obstacle)
        if step is None:
            break
        happened.append(step)
    recurrence, upcoming = _announced(recurrences.settled(recurrence), now)
    happened += [upcoming] if upcoming is not None else []
    return Advance(recurrence=recurrence, happened=tuple(happened), is_resumed=is_resumed)


def _announced(recurrence: Recurrence, now: datetime) -> tuple[Recurrence, Upcoming | None]:
    """Announce the next occurrence when its time has come, once; what is due already needs no notice."""
    due_at, wakes_at = recurrences.next_due_at(recurrence), recurrences.wakes_at(recurrence)
    if due_at is None or wakes_at is None or not wakes_at <= now < due_at or not recurrence.notice_seconds:
        return recurrence, None
    upcoming = Upcoming(generation=recurrence.generation, occurrence=recurrence.next_n, due_at=due_at)
    return structs.replace(recurrence, announced_n=recurrence.next_n), upcoming


def _step(
    recurrence: Recurrence, now: datetime, policy: Policy, obstacle: Obstacle | None
) -> tuple[Recurrence, Placement | Skip | Failure | Suspension | None]:
    """Deal with the next occurrence, or with the range that it begins; None when nothing is due."""
    due_at = recurrences.next_due_at(recurrence)
    if recurrence.state is not State.ACTIVE or due_at is None or due_at > now:
        return recurrence, None
    if recurrence.retry_at is not None and recurrence.retry_at > now:
        return recurrence, None
    plan = recurrences.planned_skip(recurrence)
    if plan is not None:
        return recurrences.skipped_as_planned(recurrence, plan)
    is_late = now - due_at > policy.missed_after
    is_released = recurrences.is_released(recurrence)
    if is_late and not recurrence.was_attempted and not is_released:
        return _missed(recurrence, due_at, now, policy, obstacle)
    is_catch_up = is_late and is_released
    if obstacle is None:
        return _placed(recurrence, due_at, is_catch_up=is_catch_up)
    return _not_placed(recurrence, due_at, now, obstacle, is_catch_up=is_catch_up)


def _missed(
    recurrence: Recurrence, due_at: datetime, now: datetime, policy: Policy, obstacle: Obstacle | None
) -> tuple[Recurrence, Placement | Skip | Failure | Suspension | None]:
    """Decide about a missed occurrence and all that were missed after it, once."""
    last = _last_missed(recurrence, now, policy)
    if not recurrence.rule.executes_missed:
        ends = [last, *(span.first - 1 for span in recurrence.ordered_early)]
        return recurrences.skipped(recurrence, min(ends), SkipReason.MISSED)
    missed = last - recurrence.next_n + 1 - recurrences.early_within(recurrence, last)
    wanted = _within_repetitions(recurrence, missed)
    if wanted > policy.catch_up_limit:
        return _suspended_for_too_many(recurrence, due_at, wanted, policy)
    # Released: the limit is not counted again while they are being placed.
    span = Span(first=recurrence.next_n, last=last)
    released = structs.replace(recurrence, released=(*recurrence.released, span))
    return _step(released, now, policy, obstacle)


def _placed(recurrence: Recurrence, due_at: datetime, *, is_catch_up: bool) -> tuple[Recurrence, Placement]:
    placement = Placement(
        generation=recurrence.generation,
        occurrence=recurrence.next_n,
        due_at=due_at,
        is_catch_up=is_catch_up,
    )
    placed = structs.replace(recurrence, placed=recurrence.placed + 1)
    return recurrences.dealt_with(placed, recurrence.next_n, due_at), placement


def _last_missed(recurrence: Recurrence, now: datetime, policy: Policy) -> int:
    """Give the last one missed by now, strictly longer than `missed_after` ago; what is decided ends it."""
    last = recurrences.last_due(recurrence, now - policy.missed_after - timedelta(microseconds=1))
    decided = (*recurrence.planned_skips, *recurrence.released)
    following = [span.first - 1 for span in decided if span.first > recurrence.next_n]
    return min([last if last is not None else recurrence.next_n, *following])


def _within_repetitions(recurrence: Recurrence, count: int) -> int:
    repetitions = recurrence.rule.repetitions
    return count if repetitions is None else min(count, repetitions - recurrence.placed)


def _suspended_for_too_many(
    recurrence: Recurrence, due_at: datetime, missed: int, policy: Policy
) -> tuple[Recurrence, Suspension]:
    message = f"{missed} occurrences were missed, the channel's limit is {policy.catch_up_limit}"
    reason = Reason(code=CATCH_UP_LIMIT_EXCEEDED, message=message)
    return halting.suspended(recurrence, due_at, reason), Suspension(reason=reason, missed=missed)


def _not_placed(
    recurrence: Recurrence, due_at: datetime, now: datetime, obstacle: Obstacle, *, is_catch_up: bool
) -> tuple[Recurrence, Skip | Failure]:
    if isinstance(obstacle, SkipReason):
        return recurrences.skipped(recurrence, recurrence.next_n, obstacle)
    return _failed(recurrence, due_at, now, obstacle, is_catch_up=is_catch_up)


def _failed(
    recurrence: Recurrence, due_at: datetime, now: datetime, reason: Reason, *, is_catch_up: bool
) -> tuple[Recurrence, Failure]:
    attempts = recurrence.attempts + 1
    is_last = attempts > len(RETRY_AFTER)
    retry_at = None if is_last else now + RETRY_AFTER[attempts - 1]
    failed = structs.replace(
        recurrence, was_attempted=True, attempts=attempts, retry_at=retry_at, last_error=reason
    )
    if is_last:
        failed = halting.suspended(failed, now, reason)
    return failed, Failure(
        generation=recurrence.generation,
        occurrence=recurrence.next_n,
        due_at=due_at,
        is_catch_up=is_catch_up,
        reason=reason,
        attempt=attempts,
        next_try_at=retry_at,
    )
