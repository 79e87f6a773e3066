"""What is kept about one basket, as rows to read: results, events, orders, skips, dead letters.

Results and events are there until they are forgotten; orders and skips stay, so what is too old to have its
event is still told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `kind`: result, event, order, skip or dead letter; `body` is what it said, parsed."""

    at: datetime
    kind: str
    type: str
    message_id: str | None = None
    caller: str | None = None
    headers: dict[str, Any] = {}
    body: Any = None
    is_published: bool = True


_EVENTS = text("""
SELECT outbox.created_at AS at, outbox.type, outbox.headers, outbox.body, outbox.published_at,
       inbox.message_id, inbox.caller
FROM outbox
LEFT JOIN inbox ON (inbox.channel, inbox.key, inbox.message_id)
                 = (outbox.channel, outbox.key, outbox.headers->>'causation-id')
               AND inbox.event_id = outbox.event_id
WHERE outbox.channel = :channel AND outbox.key = :key AND outbox.dead_letter_id IS NULL
ORDER BY outbox.seq DESC
LIMIT :limit
""")

_ORDERS = text("""
SELECT placed_at AS at, document->'document' AS body
FROM customer_order
WHERE channel = :channel AND basket_id = :key AND NOT EXISTS (
    SELECT FROM outbox
    WHERE outbox.channel = :channel AND outbox.key = :key AND outbox.type = 'order.placed'
      AND outbox.created_at = customer_order.placed_at)
ORDER BY placed_at DESC
LIMIT :limit
""")

_SKIPS = text("""
SELECT decided_at AS at, jsonb_build_object(
    'generation', generation, 'first', n, 'last', last_n, 'reason', reason) AS body
FROM occurrence
WHERE channel = :channel AND basket_id = :key AND order_id IS NULL AND NOT EXISTS (
    SELECT FROM outbox
    WHERE outbox.channel = :channel AND outbox.key = :key AND outbox.type = 'occurrence.skipped'
      AND outbox.created_at = occurrence.decided_at)
ORDER BY decided_at DESC
LIMIT :limit
""")

_LETTERS = text("""
SELECT parked_at AS at, type, message_id, claims->>'user' AS caller, cause, state, outcome
FROM dead_letter
WHERE channel = :channel AND key = :key
ORDER BY id DESC
LIMIT :limit
""")


def of_basket(tx: Connection, channel: str, basket_id: str, limit: int) -> list[Told]:
    """Tell the newest of what is kept about a basket, oldest first."""
    asked = {"channel": channel, "key": basket_id, "limit": limit}
    told = [_event(row) for row in reversed(tx.execute(_EVENTS, asked).all())]
    told += [
        Told(at=row.at, kind="order", type="order.placed", body=row.body)
        for row in tx.execute(_ORDERS, asked)
    ]
    told += [
        Told(at=row.at, kind="skip", type="occurrence.skipped", body=row.body)
        for row in tx.execute(_SKIPS, asked)
    ]
    told += [
        Told(
            at=row.at,
            kind="dead letter",
            type=row.type,
            message_id=row.message_id,
            caller=row.caller,
            body={"cause": row.cause, "state": row.state, "outcome": row.outcome},
        )
        for row in tx.execute(_LETTERS, asked)
    ]
    # Sorting is stable: events of one transaction keep the order of their numbers.
    return sorted(told, key=lambda one: one.at)[-limit:]


def _event(row: Any) -> Told:
    return Told(
        at=row.at,
        kind="result" if row.type.startswith("command.") else "event",
        type=row.type,
        message_id=row.headers.get("causation-id"),
        caller=row.caller,
        headers=row.headers,
        body=msgspec.json.decode(row.body) if row.body else None,
        is_published=row.published_at is not None,
    )
