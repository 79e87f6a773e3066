"""The inbox: which messages were handled, and where their answers are.

One row per (channel, key, message id), written in the transaction of the effect: that is what makes a
redelivered command have no second effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from sqlalchemy import text

from worker.store import outbox
from worker.store.outbox import Event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

Identity = tuple[str, str, str]  # channel, key, message id


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way in. `event_id` is drawn beforehand: it will be the id of its result event."""

    identity: Identity
    body_hash: bytes
    caller: str | None
    event_id: UUID


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a message that was here before; `answer` is its result event.

    Released: it is to be handled once more.
    """

    body_hash: bytes
    caller: str | None
    answer: Event | None
    is_released: bool = False


_ADMIT = text("""
INSERT INTO inbox (channel, key, message_id, body_hash, caller, event_id)
SELECT * FROM unnest(
    CAST(:channels AS text[]), CAST(:keys AS text[]), CAST(:message_ids AS text[]),
    CAST(:body_hashes AS bytea[]), CAST(:callers AS text[]), CAST(:event_ids AS uuid[]))
ON CONFLICT DO NOTHING
RETURNING channel, key, message_id
""")

_FIND = text("""
SELECT inbox.channel, inbox.key, inbox.message_id, inbox.body_hash, inbox.caller, inbox.state,
       outbox.event_id, outbox.type, outbox.correlation_id, outbox.headers, outbox.body
FROM unnest(CAST(:channels AS text[]), CAST(:keys AS text[]), CAST(:message_ids AS text[]))
         AS asked (channel, key, message_id)
JOIN inbox USING (channel, key, message_id)
LEFT JOIN outbox USING (channel, key, event_id)
""")

_PARK = text("""
UPDATE inbox SET state = 'parked'
FROM unnest(CAST(:channels AS text[]), CAST(:keys AS text[]), CAST(:message_ids AS text[]))
         AS parked (channel, key, message_id)
WHERE (inbox.channel, inbox.key, inbox.message_id) = (parked.channel, parked.key, parked.message_id)
""")

_FORGET = text("""
DELETE FROM inbox WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM inbox
    WHERE received_at < :before AND state <> 'released'
    ORDER BY received_at
    LIMIT :limit))
""")


def admit(tx: Connection, entries: Sequence[Entry]) -> set[Identity]:
    """Write down messages that were never here; give the identities of those, and only those.

    Rows go in sorted, so that two workers that admit the same ones wait for each other and never deadlock.
    """
    if not entries:
        return set()
    entries = sorted(entries, key=lambda entry: entry.identity)
    rows = tx.execute(
        _ADMIT,
        _columns([entry.identity for entry in entries])
        | {
            "body_hashes": [entry.body_hash for entry in entries],
            "callers": [entry.caller for entry in entries],
            "event_ids": [entry.event_id for entry in entries],
        },
    )
    return {(row.channel, row.key, row.message_id) for row in rows}


def find(tx: Connection, identities: Sequence[Identity]) -> dict[Identity, Repeat]:
    """Look up messages that were here before, with their answers."""
    if not identities:
        return {}
    found = {}
    for row in tx.execute(_FIND, _columns(identities)):
        answer = outbox.event_of(row) if row.event_id is not None else None
        identity = (row.channel, row.key, row.message_id)
        found[identity] = Repeat(
            body_hash=bytes(row.body_hash),
            caller=row.caller,
            answer=answer,
            is_released=row.state == "released",
        )
    return found


def mark_parked(tx: Connection, identities: Sequence[Identity]) -> None:
    """Note that these messages lie among the dead letters."""
    if identities:
        tx.execute(_PARK, _columns(identities))


def forget(tx: Connection, before: datetime, limit: int) -> int:
    """Remove at most `limit` messages received before an instant, the oldest first; give the number removed.

    Parked ones too: after the retention a repeat is a new command, and the dead letter stays what it is. Not
    released ones: what is on its way once more must not be taken for new.
    """
    return tx.execute(_FORGET, {"before": before, "limit": limit}).rowcount


def _columns(identities: Sequence[Identity]) -> dict[str, list[object]]:
    return {
        "channels": [channel for channel, _, _ in identities],
        "keys": [key for _, key, _ in identities],
        "message_ids": [message_id for _, _, message_id in identities],
    }
