"""Orders of data that take only what is new (contract, 6.8): an object is in exactly one of them.

What an order could take is a corner: created at or before its bound, first put before its horizon. The next
one leaves that out. Bounds and horizons mostly rise together, so that the newest corner covers all before it;
an occurrence that is ordered early, before missed ones, makes a second one.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from worker.domain.recurrence import Recurrence
from worker.domain.search.questions import Reach, Window


def window(recurrence: Recurrence, due_at: datetime, now: datetime) -> Window | None:
    """Say what the order of an occurrence may take; None when it takes all that matches."""
    if not recurrence.rule.new_data_only:
        return None
    return Window(until=min(due_at, now), reached=recurrence.reached)


def extended(recurrence: Recurrence, reach: Reach | None) -> Recurrence:
    """Note what an order could take; corners that lie within another one go."""
    if reach is None:
        return recurrence
    left = tuple(corner for corner in recurrence.reached if not _covers(reach, corner))
    is_within = any(_covers(corner, reach) for corner in left)
    return structs.replace(recurrence, reached=left if is_within else (*left, reach))


def _covers(one: Reach, other: Reach) -> bool:
    return one.until >= other.until and (one.era, one.horizon) >= (other.era, other.horizon)
