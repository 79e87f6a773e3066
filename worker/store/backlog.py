"""What waits: events that have not left, overdue recurrences, dead letters that nobody has dealt with.

Asked every few seconds by every process, so each answer costs a few index entries, however much waits.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text

from worker.store import outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

_OVERDUE_AFTER = timedelta(seconds=60)
_COUNTED_AT_MOST = 10_000
_WITHIN = text("SET LOCAL statement_timeout = '2s'")


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Ages are in seconds, 0 when nothing waits; counts end at `_COUNTED_AT_MOST`."""

    oldest_event_seconds: float
    overdue: int
    oldest_overdue_seconds: float
    parked: int


# The first pending event of each partition, as the sweep looks for them.
_OLDEST_EVENT = text("""
SELECT CAST(coalesce(extract(epoch FROM clock_timestamp() - min(oldest.created_at)), 0) AS float8)
FROM generate_series(0, :partitions - 1) AS partitions (number)
CROSS JOIN LATERAL (
    SELECT created_at FROM outbox
    WHERE published_at IS NULL AND partition = number
    ORDER BY seq
    LIMIT 1) AS oldest
""")

_OVERDUE = text("""
SELECT count(*) AS number,
       CAST(coalesce(extract(epoch FROM now() - min(next_due_at)), 0) AS float8) AS oldest_seconds
FROM (
    SELECT next_due_at FROM recurrence
    WHERE next_due_at < now() - CAST(:age AS interval)
    ORDER BY next_due_at
    LIMIT :limit) AS overdue
""")

_PARKED = text("""
SELECT count(*) FROM (SELECT FROM dead_letter WHERE state = 'parked' LIMIT :limit) AS parked
""")


def look(tx: Connection) -> Backlog:
    """Read what waits; takes two seconds a statement at most."""
    tx.execute(_WITHIN)
    overdue = tx.execute(_OVERDUE, {"age": _OVERDUE_AFTER, "limit": _COUNTED_AT_MOST}).one()
    return Backlog(
        oldest_event_seconds=max(
            0.0, tx.execute(_OLDEST_EVENT, {"partitions": outbox.PARTITIONS}).scalar_one()
        ),
        overdue=overdue.number,
        oldest_overdue_seconds=overdue.oldest_seconds,
        parked=tx.execute(_PARKED, {"limit": _COUNTED_AT_MOST}).scalar_one(),
    )
