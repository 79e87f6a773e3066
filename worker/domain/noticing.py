"""What is said about recurrences and their orders, besides results: the events of contract, section 1.3."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from contracts.instants import iso
from contracts.orders import (
    OccurrenceView,
    OrderFailedView,
    OrderUpcomingView,
    ReasonView,
    RecurrenceNoticeView,
    RecurrenceStatusView,
    RuleView,
    SkippedView,
    SuspendedView,
)
from worker.domain import ordering
from worker.domain.basket import Rule
from worker.domain.ordering import Order, instant
from worker.domain.recurrence import Reason, Recurrence, Skip, State, next_due_at
from worker.domain.scheduling import Failure, Suspension, Upcoming


class Notice(msgspec.Struct, frozen=True):
    """An event to be published under the basket's key: its type and its body.

    `version` is that of the basket it speaks of, when the command has left it at another.
    """

    type: str
    body: Any
    version: int | None = None


def of_recurrence(type_: str, recurrence: Recurrence) -> Notice:
    """Say that a recurrence was started, changed, removed, paused, resumed, or has expired."""
    body = RecurrenceNoticeView(
        basket_id=recurrence.basket_id,
        generation=recurrence.generation,
        state=recurrence.state,
        recurrence=rule_view(recurrence.rule),
        next_order_date=instant(_shown_next(recurrence)),
        order_count=recurrence.placed,
        paused_until=instant(recurrence.paused_until),
    )
    return Notice(type_, body)


def of_change(type_: str, recurrence: Recurrence) -> tuple[Notice, ...]:
    """Say what a command did, and that it left nothing to be ordered if so."""
    notice = of_recurrence(type_, recurrence)
    if recurrence.state is State.EXPIRED:
        return notice, of_recurrence("recurrence.expired", recurrence)
    return (notice,)


def of_skip(basket_id: str, skip: Skip) -> Notice:
    body = SkippedView(
        basket_id=basket_id,
        generation=skip.generation,
        first=OccurrenceView(occurrence=skip.first, due_at=iso(skip.first_due_at)),
        last=OccurrenceView(occurrence=skip.last, due_at=iso(skip.last_due_at)),
        count=skip.count,
        reason=skip.reason,
    )
    return Notice("occurrence.skipped", body)


def of_order(order: Order) -> Notice:
    return Notice("order.placed", order.document)


def of_failure(basket_id: str, failure: Failure) -> tuple[Notice, ...]:
    """Say that an occurrence failed; after the last try also that the recurrence waits for a person."""
    reason = _reason(failure.reason)
    body = OrderFailedView(
        basket_id=basket_id,
        generation=failure.generation,
        occurrence=failure.occurrence,
        due_at=iso(failure.due_at),
        catch_up=failure.is_catch_up,
        reason=reason,
        attempt=failure.attempt,
        next_try_at=instant(failure.next_try_at),
    )
    if failure.next_try_at is not None:
        return (Notice("order.failed", body),)
    suspended = SuspendedView(
        basket_id=basket_id,
        generation=failure.generation,
        reason=reason,
        occurrence=failure.occurrence,
        due_at=iso(failure.due_at),
    )
    return Notice("order.failed", body), Notice("recurrence.suspended", suspended)


def of_upcoming(basket_id: str, upcoming: Upcoming) -> Notice:
    body = OrderUpcomingView(
        basket_id=basket_id,
        generation=upcoming.generation,
        occurrence=upcoming.occurrence,
        due_at=iso(upcoming.due_at),
    )
    return Notice("order.upcoming", body)


def of_suspension(basket_id: str, generation: int, suspension: Suspension) -> Notice:
    body = SuspendedView(
        basket_id=basket_id,
        generation=generation,
        reason=_reason(suspension.reason),
        missed=UNSET if suspension.missed is None else suspension.missed,
    )
    return Notice("recurrence.suspended", body)


def status_view(recurrence: Recurrence, newest: tuple[Order, ...]) -> RecurrenceStatusView:
    """Show a recurrence with its newest orders (newest first)."""
    error = recurrence.last_error
    return RecurrenceStatusView(
        state=recurrence.state,
        generation=recurrence.generation,
        recurrence=rule_view(recurrence.rule),
        next_order_date=instant(_shown_next(recurrence)),
        last_order_date=instant(newest[0].placed_at if newest else None),
        paused_until=instant(recurrence.paused_until),
        order_count=recurrence.placed,
        last_orders=tuple(ordering.summary(order) for order in newest),
        last_error=_reason(error) if error is not None else UNSET,
    )


def rule_view(rule: Rule) -> RuleView:
    return RuleView(
        start_date=iso(rule.start_at),
        end_date=instant(rule.end_at),
        interval=rule.interval,
        repetitions=rule.repetitions if rule.repetitions is not None else UNSET,
        execute_missed_orders=rule.executes_missed,
        time_zone=rule.time_zone or UNSET,
        new_data_only=rule.new_data_only or UNSET,
    )


def _shown_next(recurrence: Recurrence) -> Any:
    """A recurrence that ended for good has no next order."""
    return None if recurrence.state is State.REMOVED else next_due_at(recurrence)


def _reason(reason: Reason) -> ReasonView:
    return ReasonView(code=reason.code, message=reason.message)
