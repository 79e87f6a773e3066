"""Recurrences: one row per basket that has or had one; nobody touches it without the basket's lock.

Two lanes of ticks deal with them, for an order of data takes a search: `next_due_at` is when the scheduler
must look at one whose basket holds no datasets, `data_due_at` at one whose basket does; null if never. Their
partial indexes make the cost of a tick one of what is due in its lane, not of what is kept. A command may
change what a basket holds and leave its recurrence as it was: whoever claims one in the wrong lane moves it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text

from worker.domain.recurrence import Reason, Recurrence, wakes_at
from worker.store.database import Transaction

Key = tuple[str, str]  # channel, basket id


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate of a tick, as stored: decoding is the caller's, so that one bad document stops nobody."""

    key: Key
    recurrence: str
    basket: str


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """The baskets that a tick has locked, and how many it found waiting in the wrong lane and moved."""

    keys: list[Key]
    moved: int = 0


_LOAD = text("""
SELECT recurrence.document::text AS document
FROM unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS asked (channel, basket_id)
JOIN recurrence USING (channel, basket_id)
""")

_SAVE = text("""
INSERT INTO recurrence (channel, basket_id, generation, state, next_due_at, data_due_at, document)
SELECT channel, id, generation, saved.state,
       CASE WHEN NOT holds_datasets THEN due_at END, CASE WHEN holds_datasets THEN due_at END, saved.document
FROM unnest(
    CAST(:channels AS text[]), CAST(:ids AS text[]), CAST(:generations AS integer[]),
    CAST(:states AS text[]), CAST(:due_ats AS timestamptz[]), CAST(:documents AS jsonb[]))
         AS saved (channel, id, generation, state, due_at, document)
JOIN basket USING (channel, id)
ON CONFLICT (channel, basket_id) DO UPDATE
SET generation = excluded.generation, state = excluded.state, next_due_at = excluded.next_due_at,
    data_due_at = excluded.data_due_at, document = excluded.document, changed_at = now()
""")

_CLAIM = """
SELECT basket.channel, basket.id, basket.holds_datasets
FROM recurrence
JOIN basket ON basket.channel = recurrence.channel AND basket.id = recurrence.basket_id
WHERE recurrence.{due_at} <= :now
ORDER BY recurrence.{due_at}
LIMIT :limit
FOR UPDATE OF basket SKIP LOCKED
"""

_NEXT = "SELECT min({due_at}) FROM recurrence WHERE {due_at} > :after"

# By whether the baskets of the lane hold datasets.
_COLUMNS = {False: "next_due_at", True: "data_due_at"}
_CLAIMS = {lane: text(_CLAIM.format(due_at=column)) for lane, column in _COLUMNS.items()}
_NEXTS = {lane: text(_NEXT.format(due_at=column)) for lane, column in _COLUMNS.items()}

_MOVE = text("""
UPDATE recurrence
SET next_due_at = CASE WHEN NOT basket.holds_datasets THEN least(next_due_at, data_due_at) END,
    data_due_at = CASE WHEN basket.holds_datasets THEN least(next_due_at, data_due_at) END
FROM unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS strayed (channel, id)
JOIN basket USING (channel, id)
WHERE recurrence.channel = strayed.channel AND recurrence.basket_id = strayed.id
""")

_CLAIM_ONE = text("""
SELECT channel, id
FROM basket
WHERE channel = :channel AND id = :id AND holds_datasets = :holds_datasets
FOR UPDATE SKIP LOCKED
""")

# A release that knows one lane alone may have set both instants.
_DUE = text("""
SELECT basket.channel, basket.id, recurrence.document::text AS recurrence, basket.document::text AS basket
FROM unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS claimed (channel, id)
JOIN basket USING (channel, id)
JOIN recurrence ON recurrence.channel = basket.channel AND recurrence.basket_id = basket.id
WHERE least(recurrence.next_due_at, recurrence.data_due_at) <= :now AND basket.is_open
ORDER BY least(recurrence.next_due_at, recurrence.data_due_at)
""")

_SUSPEND = text("""
UPDATE recurrence SET state = 'suspended', next_due_at = NULL, data_due_at = NULL, changed_at = now(),
    document = recurrence.document || jsonb_build_object('state', 'suspended', 'last_error',
        jsonb_build_object('code', CAST(:code AS text), 'message', CAST(:message AS text)))
FROM basket
WHERE (recurrence.channel, recurrence.basket_id) = (:channel, :id)
  AND (basket.channel, basket.id) = (:channel, :id)
RETURNING recurrence.generation, basket.version
""")

_STOP_CLOSED = text("""
UPDATE recurrence SET next_due_at = NULL, data_due_at = NULL
FROM unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS claimed (channel, id)
JOIN basket USING (channel, id)
WHERE recurrence.channel = claimed.channel AND recurrence.basket_id = claimed.id AND NOT basket.is_open
""")


_LISTED = text("""
SELECT document::text AS document
FROM recurrence
WHERE CAST(:state AS text) IS NULL OR state = :state
ORDER BY coalesce(next_due_at, data_due_at), channel, basket_id
LIMIT :limit
""")


def load(tx: Transaction, keys: Collection[Key]) -> dict[Key, Recurrence]:
    """Read the recurrences of baskets that are locked; absent ones are left out."""
    if not keys:
        return {}
    decode = msgspec.json.Decoder(Recurrence).decode
    found = [decode(row.document) for row in tx.execute(_LOAD, _columns(keys))]
    return {(recurrence.channel, recurrence.basket_id): recurrence for recurrence in found}


def save(tx: Transaction, recurrences: Sequence[Recurrence]) -> None:
    """Write the recurrences of baskets that are locked."""
    if not recurrences:
        return
    encode = msgspec.json.encode
    tx.execute(
        _SAVE,
        {
            **_columns([(one.channel, one.basket_id) for one in recurrences]),
            "generations": [one.generation for one in recurrences],
            "states": [str(one.state) for one in recurrences],
            "due_ats": [wakes_at(one) for one in recurrences],
            "documents": [encode(one).decode() for one in recurrences],
        },
    )


def claim(tx: Transaction, now: datetime, limit: int, *, holds_datasets: bool) -> Claimed:
    """Lock the baskets of what may be due of a lane, longest due first; never waits for another's."""
    rows = tx.execute(_CLAIMS[holds_datasets], {"now": now, "limit": limit}).all()
    strayed = [(row.channel, row.id) for row in rows if row.holds_datasets is not holds_datasets]
    if strayed:
        tx.execute(_MOVE, _columns(strayed))
    keys = [(row.channel, row.id) for row in rows if row.holds_datasets is holds_datasets]
    return Claimed(keys=keys, moved=len(strayed))


def claim_one(tx: Transaction, key: Key, *, holds_datasets: bool) -> list[Key]:
    """Lock one basket; none when another has it, or when it belongs to the other lane by now."""
    rows = tx.execute(_CLAIM_ONE, {"channel": key[0], "id": key[1], "holds_datasets": holds_datasets})
    return [(row.channel, row.id) for row in rows]


def due(tx: Transaction, keys: Collection[Key], now: datetime) -> list[Due]:
    """Read what is still due of the claimed ones.

    Must be a statement of its own after `claim`: a joined table is not read again after a lock was awaited.
    """
    rows = tx.execute(_DUE, {**_columns(keys), "now": now})
    return [Due(key=(row.channel, row.id), recurrence=row.recurrence, basket=row.basket) for row in rows]


def stop_closed(tx: Transaction, keys: Collection[Key]) -> None:
    """Take claimed recurrences of baskets that are closed out of the schedule."""
    tx.execute(_STOP_CLOSED, _columns(keys))


def suspend(tx: Transaction, key: Key, reason: Reason) -> tuple[int, int]:
    """Suspend a recurrence whatever its document says; give its generation and its basket's version."""
    values = {"channel": key[0], "id": key[1], "code": reason.code, "message": reason.message}
    row = tx.execute(_SUSPEND, values).one()
    return row.generation, row.version


def next_due(tx: Transaction, after: datetime, *, holds_datasets: bool) -> datetime | None:
    """Give the first instant after another at which a recurrence of a lane is due; None without one."""
    instant: datetime | None = tx.execute(_NEXTS[holds_datasets], {"after": after}).scalar_one()
    return instant


def listed(tx: Transaction, limit: int, state: str | None = None) -> list[Recurrence]:
    """List recurrences, the next due first, of one state or of all."""
    decode = msgspec.json.Decoder(Recurrence).decode
    return [decode(row.document) for row in tx.execute(_LISTED, {"state": state, "limit": limit})]


def _columns(keys: Collection[Key]) -> dict[str, list[object]]:
    return {"channels": [channel for channel, _ in keys], "ids": [id_ for _, id_ in keys]}
