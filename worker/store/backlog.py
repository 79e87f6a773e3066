"""What waits: events that have not left, overdue recurrences, dead letters that nobody has dealt with.

Asked every few seconds by every process, so each answer costs a few index entries, however much waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text

from worker.store import waiting

if TYPE_CHECKING:
    from sqlalchemy import Connection

_WITHIN = text("SET LOCAL statement_timeout = '2s'")


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Ages are in seconds, 0 when nothing waits; counts end at `waiting.COUNTED_TO`."""

    oldest_event_seconds: float
    overdue: int
    oldest_overdue_seconds: float
    parked: int


def look(tx: Connection) -> Backlog:
    """Read what waits; takes two seconds a statement at most."""
    tx.execute(_WITHIN)
    overdue = waiting.orders_overdue(tx)
    return Backlog(
        oldest_event_seconds=waiting.oldest_event_seconds(tx) or 0.0,
        overdue=overdue.count,
        oldest_overdue_seconds=overdue.age.total_seconds(),
        parked=min(sum(waiting.parked(tx).values()), waiting.COUNTED_TO),
    )
