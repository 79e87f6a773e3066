"""What waits, and who is there to work at it: read by operators, changed by nobody.

Every count is bounded, so that looking at a house in trouble does not add to it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import TextClause, text

from worker.store import outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

COUNTED_TO = 10_000
FRESH_WITHIN = timedelta(seconds=5)
OVERDUE_AFTER = timedelta(seconds=60)
_FORGOTTEN_AFTER = timedelta(hours=1)  # a slot whose worker left long ago says nothing about today


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a worker's place; fresh while its worker is there."""

    slots: int
    slot: int
    worker: str
    consuming_since: datetime
    unseen_seconds: float
    is_fresh: bool

    @property
    def place(self) -> str:
        return f"{self.slot}/{self.slots}"


class Pile(msgspec.Struct, frozen=True, kw_only=True):
    """How many of something wait, at most COUNTED_TO, and for how long the oldest has, if any."""

    count: int
    oldest_seconds: float | None

    @property
    def age(self) -> timedelta:
        return timedelta(seconds=self.oldest_seconds or 0.0)


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for the broker, for the scheduler, for the sweep and for a person; `parked` by cause."""

    outbox: Pile
    orders_overdue: Pile
    erasures: Pile
    parked: dict[str, int]
    suspended: int


_SLOTS = text("""
SELECT slots, slot, worker, consuming_since,
       extract(epoch FROM now() - seen_at)::float8 AS unseen_seconds,
       seen_at > now() - CAST(:fresh AS interval) AS is_fresh
FROM slot
WHERE seen_at > now() - CAST(:forgotten AS interval)
ORDER BY slots, slot
""")

# The oldest of each partition is the first of its index; a sort of all that waits would not be bounded.
_OLDEST_EVENT = text("""
SELECT extract(epoch FROM clock_timestamp() - min(oldest.created_at))::float8
FROM generate_series(0, :partitions - 1) AS partitions (number)
CROSS JOIN LATERAL (
    SELECT created_at FROM outbox
    WHERE published_at IS NULL AND partition = number
    ORDER BY seq
    LIMIT 1) AS oldest
""")

_EVENTS = text("SELECT count(*) FROM (SELECT FROM outbox WHERE published_at IS NULL LIMIT :most) AS pending")

_OVERDUE = text("""
SELECT least(count(*), :most) AS count, extract(epoch FROM now() - min(due_at))::float8 AS oldest_seconds
FROM (
    (SELECT next_due_at AS due_at FROM recurrence
     WHERE next_due_at <= now() - CAST(:overdue AS interval)
     ORDER BY next_due_at
     LIMIT :most)
    UNION ALL
    (SELECT data_due_at FROM recurrence
     WHERE data_due_at <= now() - CAST(:overdue AS interval)
     ORDER BY data_due_at
     LIMIT :most)) AS overdue
""")

_ERASURES = text("""
SELECT count(*) AS count, extract(epoch FROM now() - min(asked_at))::float8 AS oldest_seconds
FROM (SELECT asked_at FROM erasure LIMIT :most) AS erasure
""")

_SUSPENDED = text("""
SELECT count(*) FROM (SELECT FROM recurrence WHERE state = 'suspended' LIMIT :most) AS suspended
""")

# Each cause by itself, or a flood of one would keep the others from being seen; causes are few.
_PARKED = text("""
WITH RECURSIVE cause (cause) AS (
    SELECT min(cause) FROM dead_letter WHERE state = 'parked'
    UNION ALL
    SELECT (SELECT min(later.cause) FROM dead_letter AS later
            WHERE later.state = 'parked' AND later.cause > cause.cause)
    FROM cause
    WHERE cause.cause IS NOT NULL)
SELECT cause.cause, parked.letters
FROM cause
CROSS JOIN LATERAL (
    SELECT count(*) AS letters
    FROM (SELECT FROM dead_letter AS one
          WHERE one.state = 'parked' AND one.cause = cause.cause
          LIMIT :most) AS counted) AS parked
WHERE cause.cause IS NOT NULL
ORDER BY letters DESC, cause
""")


def slots(tx: Connection) -> list[Slot]:
    """List the workers' places that were taken within the last hour."""
    rows = tx.execute(_SLOTS, {"fresh": FRESH_WITHIN, "forgotten": _FORGOTTEN_AFTER})
    return [Slot(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's way to a row's columns


def outbox_pending(tx: Connection) -> Pile:
    """Count the events that have not left."""
    count = int(tx.execute(_EVENTS, {"most": COUNTED_TO}).scalar_one())
    return Pile(count=count, oldest_seconds=oldest_event_seconds(tx))


def oldest_event_seconds(tx: Connection) -> float | None:
    """Give for how long the oldest event has waited to leave, at the cost of an index entry a partition."""
    oldest: float | None = tx.execute(_OLDEST_EVENT, {"partitions": outbox.PARTITIONS}).scalar_one()
    return None if oldest is None else max(0.0, oldest)


def orders_overdue(tx: Connection) -> Pile:
    """Count the recurrences that nobody has dealt with a minute after they were due."""
    return _pile(tx, _OVERDUE, overdue=OVERDUE_AFTER)


def erasures(tx: Connection) -> Pile:
    return _pile(tx, _ERASURES)


def suspended(tx: Connection) -> int:
    return int(tx.execute(_SUSPENDED, {"most": COUNTED_TO}).scalar_one())


def parked(tx: Connection) -> dict[str, int]:
    """Count dead letters that wait for a person by cause, each to COUNTED_TO, the most frequent first."""
    return {row.cause: row.letters for row in tx.execute(_PARKED, {"most": COUNTED_TO})}


def counts(tx: Connection) -> Waiting:
    """Count all that waits."""
    return Waiting(
        outbox=outbox_pending(tx),
        orders_overdue=orders_overdue(tx),
        erasures=erasures(tx),
        parked=parked(tx),
        suspended=suspended(tx),
    )


def _pile(tx: Connection, query: TextClause, **asked: object) -> Pile:
    count, oldest = tx.execute(query, {"most": COUNTED_TO, **asked}).one()
    # What came after this transaction began is not older than nothing.
    return Pile(count=count, oldest_seconds=None if oldest is None else max(0.0, oldest))
