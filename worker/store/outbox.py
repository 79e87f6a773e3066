"""The outbox: every event, written with its effect, marked when the broker has confirmed it.

`seq` is drawn when a row is written, which is after the basket is locked: so the events of a key have the
order of their commits. Whether an event has left is a mark on its row and never a cursor: a transaction that
commits late leaves no gap that nobody looks into again. A partition is relayed by one relay at a time.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Connection

PARTITIONS = 64
# Commands that are sent once more have a partition of their own: a full queue of theirs holds up no event.
COMMANDS = PARTITIONS
_LOCK_CLASS = 0x6261736B  # "bask": the first key of our advisory locks, the second is the partition


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it goes over the wire; `body` is JSON or empty."""

    event_id: UUID
    channel: str
    key: str
    type: str
    correlation_id: str | None
    headers: dict[str, Any]
    body: str

    @property
    def partition(self) -> int:
        return zlib.crc32(f"{self.channel}\0{self.key}".encode()) % PARTITIONS

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self.body) if self.body.isascii() else len(self.body.encode())


_APPEND = text("""
INSERT INTO outbox (event_id, channel, key, partition, type, correlation_id, headers, body)
SELECT event_id, channel, key, partition, type, correlation_id, headers, body
FROM unnest(
    CAST(:event_ids AS uuid[]), CAST(:channels AS text[]), CAST(:keys AS text[]),
    CAST(:partitions AS smallint[]), CAST(:types AS text[]), CAST(:correlation_ids AS text[]),
    CAST(:headers AS jsonb[]), CAST(:bodies AS text[]))
  WITH ORDINALITY AS event (event_id, channel, key, partition, type, correlation_id, headers, body, position)
ORDER BY position
ON CONFLICT DO NOTHING
""")

_FIND = text("""
SELECT outbox.event_id, channel, key, outbox.type, outbox.correlation_id, outbox.headers, outbox.body
FROM unnest(CAST(:channels AS text[]), CAST(:keys AS text[]), CAST(:event_ids AS uuid[]))
         AS asked (channel, key, event_id)
JOIN outbox USING (channel, key, event_id)
""")

_LOCK = text("""
SELECT partition FROM unnest(CAST(:partitions AS integer[])) AS asked (partition)
WHERE pg_try_advisory_xact_lock(:lock_class, partition)
""")

# Partition by partition, so that a backlog of millions costs what is read of it and no sort of the whole.
_PENDING = text("""
SELECT event.*
FROM unnest(CAST(:partitions AS smallint[])) AS locked (number)
CROSS JOIN LATERAL (
    SELECT seq, event_id, channel, key, type, correlation_id, headers, body,
           sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS bytes_before
    FROM (
        SELECT *
        FROM outbox
        WHERE published_at IS NULL AND partition = locked.number
          AND NOT EXISTS (
            SELECT FROM unnest(CAST(:held_channels AS text[]), CAST(:held_keys AS text[]))
                     AS held (channel, key)
            WHERE (outbox.channel, outbox.key) = (held.channel, held.key))
        ORDER BY seq
        LIMIT :limit) AS next) AS event
WHERE event.bytes_before < :bytes
ORDER BY event.seq
""")

# One instant for all, as it is one for all that a transaction has written: few groups, whatever their number.
_MARK = text("""
WITH marked AS (
    UPDATE outbox SET published_at = statement_timestamp()
    FROM unnest(CAST(:channels AS text[]), CAST(:keys AS text[]), CAST(:event_ids AS uuid[]))
             AS sent (channel, key, event_id)
    WHERE (outbox.channel, outbox.key, outbox.event_id) = (sent.channel, sent.key, sent.event_id)
      AND outbox.published_at IS NULL
    RETURNING outbox.published_at - outbox.created_at AS waited)
SELECT CAST(extract(epoch FROM waited) AS float8) AS seconds, count(*) AS number FROM marked GROUP BY waited
""")

_LEFT_BEHIND = text("""
SELECT number
FROM generate_series(0, :last) AS partitions (number)
CROSS JOIN LATERAL (
    SELECT created_at FROM outbox
    WHERE published_at IS NULL AND partition = number
    ORDER BY seq
    LIMIT 1) AS oldest
WHERE oldest.created_at <= now() - CAST(:age AS interval) OR number = :last
""")

_FORGET = text("""
DELETE FROM outbox WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM outbox
    WHERE published_at IS NOT NULL AND created_at < LEAST(
        :before, (SELECT min(received_at) FROM inbox WHERE state <> 'released'))
    ORDER BY created_at
    LIMIT :limit))
""")


def event_of(row: Any) -> Event:
    """Make an event of a row with its columns."""
    return Event(
        event_id=row.event_id,
        channel=row.channel,
        key=row.key,
        type=row.type,
        correlation_id=row.correlation_id,
        headers=row.headers,
        body=row.body,
    )


def append(tx: Connection, events: Sequence[Event]) -> None:
    """Write events down in this order; one that is there already (by channel, key, id) stays as it is."""
    if not events:
        return
    encode = msgspec.json.encode
    tx.execute(
        _APPEND,
        {
            "event_ids": [event.event_id for event in events],
            "channels": [event.channel for event in events],
            "keys": [event.key for event in events],
            "partitions": [event.partition for event in events],
            "types": [event.type for event in events],
            "correlation_ids": [event.correlation_id for event in events],
            "headers": [encode(event.headers).decode() for event in events],
            "bodies": [event.body for event in events],
        },
    )


def find(tx: Connection, ids: Sequence[tuple[str, str, UUID]]) -> dict[UUID, Event]:
    """Look up events by channel, key and id; absent ones are left out."""
    if not ids:
        return {}
    asked = {
        "channels": [channel for channel, _, _ in ids],
        "keys": [key for _, key, _ in ids],
        "event_ids": [event_id for _, _, event_id in ids],
    }
    return {row.event_id: event_of(row) for row in tx.execute(_FIND, asked)}


def lock(tx: Connection, partitions: Collection[int]) -> list[int]:
    """Take what is free of these partitions until the end of the transaction; never waits."""
    rows = tx.execute(_LOCK, {"partitions": sorted(partitions), "lock_class": _LOCK_CLASS})
    return list(rows.scalars())


def pending(
    tx: Connection,
    partitions: Sequence[int],
    limit: int,
    held: Collection[tuple[str, str]] = (),
    size: int = 2**40,
) -> list[Event]:
    """List what has not left yet of partitions that are locked, oldest first.

    Of each at most so many, and none behind `size` bytes of bodies. Nothing of the keys (channel, key) that
    are `held`. Always from the beginning: an event that drew its number early may be committed late. Must be
    a statement of its own after `lock`: its snapshot then shows all that the last relay marked.
    """
    if not partitions:
        return []
    values = {
        "partitions": list(partitions),
        "limit": limit,
        "bytes": size,
        "held_channels": [channel for channel, _ in held],
        "held_keys": [key for _, key in held],
    }
    return [event_of(row) for row in tx.execute(_PENDING, values)]


def mark_published(tx: Connection, events: Sequence[Event]) -> Counter[float]:
    """Mark events as confirmed by the broker; count those not marked before, by the seconds they waited."""
    marked = tx.execute(
        _MARK,
        {
            "channels": [event.channel for event in events],
            "keys": [event.key for event in events],
            "event_ids": [event.event_id for event in events],
        },
    )
    return Counter({row.seconds: row.number for row in marked})


def left_behind(tx: Connection, age: timedelta) -> list[int]:
    """Name the partitions with events that should have left by now; that of commands when there are any."""
    return list(tx.execute(_LEFT_BEHIND, {"age": age, "last": COMMANDS}).scalars())


def forget(tx: Connection, before: datetime, limit: int) -> int:
    """Remove at most `limit` published events written before an instant; give the number removed.

    None that a message in the inbox may point at as its answer: these are removed after it. A message that is
    released waits for another answer.
    """
    return tx.execute(_FORGET, {"before": before, "limit": limit}).rowcount
