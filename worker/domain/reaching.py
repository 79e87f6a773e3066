"""Orders of data that take only what is new (contract, 6.8): an object is in exactly one of them.

What an order could take is a corner: created at or before its bound, first put before its horizon. The next
one leaves that out. Bounds and horizons mostly rise together, so that the newest corner covers all before it;
an occurrence that is ordered early, before missed ones, makes a second one.

A corner speaks of when an object was created and put, and of nothing else. What lay in one without being
taken is not new later: objects of a dataset that is selected, or opened to the owner's groups, only after
that order, and objects that match only since they were put again. An occurrence that is skipped leaves none.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import structs

from contracts.errors import ErrorKey
from worker.domain import gathering, holding
from worker.domain.recurrence import Reason, Recurrence, SkipReason
from worker.domain.search.questions import Answer, Gathered, Reach, TooCostly, Window

if TYPE_CHECKING:
    from contracts.errors import Problem
    from worker.domain.basket import Basket, Rule


def window(recurrence: Recurrence, due_at: datetime, now: datetime) -> Window | None:
    """Say what the order of an occurrence may take; None when it takes all that matches."""
    if not recurrence.rule.new_data_only:
        return None
    return Window(until=min(due_at, now), reached=recurrence.reached)


def obstacle(basket: Basket, rule: Rule, answer: Answer) -> Reason | SkipReason | None:
    """Say why an occurrence is not ordered, or need not be, once its data was asked for."""
    match answer:
        case Gathered() if not gathering.is_nothing(basket, answer):
            return None
        case Gathered():
            return SkipReason.NO_NEW_DATA if rule.new_data_only else _reason(holding.nothing_left(None))
        case TooCostly():
            return _reason(holding.too_costly())
    raise TypeError(f"{type(answer).__name__} answers something else")


def unreadable(error: ValueError) -> Reason:
    """Say that a stored search cannot be read any more."""
    return Reason(code=ErrorKey.QUERY_INVALID, message=str(error))


def extended(recurrence: Recurrence, reach: Reach | None) -> Recurrence:
    """Note what an order could take; corners that lie within another one go."""
    if reach is None:
        return recurrence
    left = tuple(corner for corner in recurrence.reached if not _covers(reach, corner))
    is_within = any(_covers(corner, reach) for corner in left)
    return structs.replace(recurrence, reached=left if is_within else (*left, reach))


def _covers(one: Reach, other: Reach) -> bool:
    return one.until >= other.until and (one.era, one.horizon) >= (other.era, other.horizon)


def _reason(problem: Problem) -> Reason:
    return Reason(code=problem.code, message=problem.message)
