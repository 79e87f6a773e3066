"""Erasing a person, in steps: each is one short transaction, and what is done is not looked at again.

What is personal in orders, answers and parked messages goes; counts and sums stay. Which answers are a
person's is known by the baskets that were taken from them, and until when (`handover`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

Handover = tuple[str, str, str]  # channel, basket id, former owner

_PERSONAL = [
    "invoiceToAddress",
    "commonShipToAddress",
    "shippingBuckets",
    "department",
    "taxationID",
    "externalOrderReferenceID",
    "costCenterID",
]


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """A person to be erased, and the command that asked for it."""

    channel: str
    owner: str
    asked_at: datetime | None = None  # set by the database
    causation_id: str | None = None
    traceparent: str | None = None


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """A basket that was a person's: after the one before them had it, until it was taken from them."""

    basket_id: str
    since: datetime
    until: datetime


_ASK = text("""
INSERT INTO erasure (channel, owner, causation_id, traceparent)
SELECT * FROM unnest(
    CAST(:channels AS text[]), CAST(:owners AS text[]),
    CAST(:causation_ids AS text[]), CAST(:traceparents AS text[]))
ON CONFLICT DO NOTHING
""")

_OPEN = text("""
SELECT channel, owner, asked_at, causation_id, traceparent FROM erasure
WHERE CAST(:channel AS text) IS NULL
   OR (asked_at, channel, owner) > (CAST(:asked_at AS timestamptz), :channel, :owner)
ORDER BY asked_at, channel, owner
LIMIT :limit
""")

_CLAIM = text("""
SELECT FROM erasure
WHERE channel = :channel AND owner = :owner AND asked_at = :asked_at
FOR UPDATE SKIP LOCKED
""")

_FINISH = text("DELETE FROM erasure WHERE channel = :channel AND owner = :owner AND asked_at = :asked_at")

_HAND_OVER = text("""
INSERT INTO handover (channel, basket_id, former_owner, handed_over_at)
SELECT channel, basket_id, former_owner, clock_timestamp()
FROM unnest(CAST(:channels AS text[]), CAST(:baskets AS text[]), CAST(:former_owners AS text[]))
         AS given (channel, basket_id, former_owner)
ON CONFLICT DO NOTHING
""")

_ORDERS = text("""
UPDATE customer_order
SET owner = '',
    document = document || jsonb_build_object(
        'owner', '',
        'document', (document->'document' || jsonb_build_object('owner', '')) - CAST(:personal AS text[]))
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM customer_order
    WHERE channel = :channel AND owner = :owner AND (placed_at <= :asked_at OR EXISTS (
        SELECT FROM handover
        WHERE handover.channel = :channel AND former_owner = :owner
          AND handover.basket_id = customer_order.basket_id AND placed_at <= handed_over_at))
    LIMIT :limit FOR UPDATE))
""")

_EMPTIED = """
SET state = CASE state WHEN 'handled' THEN 'handled' ELSE 'discarded' END,
    settled_at = coalesce(settled_at, now()),
    body = '', claims = NULL, new_owner = NULL, detail = 'erased', properties = '{}', headers = '{}'
"""

# What was released and has not left does not leave; what has left is a repeat when it is delivered.
_TAKEN_BACK = """
RETURNING dead_letter.id, dead_letter.channel, dead_letter.key, dead_letter.message_id),
unsent AS (
    DELETE FROM outbox USING erased
    WHERE (outbox.channel, outbox.key, outbox.dead_letter_id) = (erased.channel, erased.key, erased.id)
      AND outbox.published_at IS NULL),
repeated AS (
    UPDATE inbox SET state = 'parked' FROM erased
    WHERE (inbox.channel, inbox.key, inbox.message_id) = (erased.channel, erased.key, erased.message_id)
      AND inbox.state = 'released')
SELECT count(*) FROM erased
"""

_LETTERS = text(f"""
WITH erased AS (
    UPDATE dead_letter {_EMPTIED}
    WHERE id = ANY (ARRAY(
        SELECT id FROM dead_letter
        WHERE channel = :channel AND claims->>'user' = :owner AND parked_at <= :asked_at
        LIMIT :limit FOR UPDATE))
    {_TAKEN_BACK}
""")  # noqa: S608 - our own SQL

_NEW_OWNERS = text("""
UPDATE dead_letter SET new_owner = NULL
WHERE id = ANY (ARRAY(
    SELECT id FROM dead_letter
    WHERE channel = :channel AND new_owner->>'user' = :owner AND parked_at <= :asked_at
    LIMIT :limit FOR UPDATE))
""")

_THEIRS = text("""
SELECT basket_id, handed_over_at, (
    SELECT coalesce(max(earlier.handed_over_at), 'epoch') FROM handover AS earlier
    WHERE (earlier.channel, earlier.basket_id) = (handover.channel, handover.basket_id)
      AND earlier.handed_over_at < handover.handed_over_at) AS theirs_since
FROM handover
WHERE channel = :channel AND former_owner = :owner AND basket_id > :after
ORDER BY basket_id
LIMIT :limit
""")

_THEIR_LETTERS = text(f"""
WITH erased AS (
    UPDATE dead_letter {_EMPTIED}
    FROM unnest(CAST(:baskets AS text[]), CAST(:sinces AS timestamptz[]), CAST(:untils AS timestamptz[]))
             AS theirs (basket_id, since, until)
    WHERE channel = :channel AND key = basket_id AND parked_at > since AND parked_at <= until AND body <> ''
    {_TAKEN_BACK}
""")

# What has not left yet still must: it is looked at again when it has.
_ANSWERS = text("""
UPDATE outbox SET body = ''
WHERE ctid = ANY (ARRAY(
    SELECT outbox.ctid
    FROM unnest(CAST(:baskets AS text[]), CAST(:sinces AS timestamptz[]), CAST(:untils AS timestamptz[]))
             AS theirs (basket_id, since, until)
    JOIN outbox ON outbox.channel = :channel AND outbox.key = theirs.basket_id
    WHERE outbox.created_at > theirs.since AND outbox.created_at <= theirs.until
      AND outbox.published_at IS NOT NULL AND outbox.body <> ''
    LIMIT :limit
    FOR UPDATE OF outbox))
""")

_SETTLED = text("""
SELECT basket_id, since, until
FROM unnest(CAST(:baskets AS text[]), CAST(:sinces AS timestamptz[]), CAST(:untils AS timestamptz[]))
         AS theirs (basket_id, since, until)
WHERE NOT EXISTS (
    SELECT FROM outbox
    WHERE outbox.channel = :channel AND outbox.key = theirs.basket_id
      AND outbox.created_at > theirs.since AND outbox.created_at <= theirs.until
      AND outbox.published_at IS NULL)
""")

_FORGET_HANDOVERS = text("""
DELETE FROM handover
USING unnest(CAST(:baskets AS text[]), CAST(:sinces AS timestamptz[]), CAST(:untils AS timestamptz[]))
          AS settled (basket_id, since, until)
WHERE handover.channel = :channel AND handover.former_owner = :owner
  AND (handover.basket_id, handover.handed_over_at) = (settled.basket_id, settled.until)
""")

_FORGET_OLD = text("""
DELETE FROM handover WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM handover WHERE handed_over_at < :before ORDER BY handed_over_at LIMIT :limit))
""")


def ask(tx: Connection, erasures: Sequence[Erasure]) -> None:
    """Have persons erased, with all that is theirs at this moment."""
    if erasures:
        tx.execute(
            _ASK,
            {
                "channels": [one.channel for one in erasures],
                "owners": [one.owner for one in erasures],
                "causation_ids": [one.causation_id for one in erasures],
                "traceparents": [one.traceparent for one in erasures],
            },
        )


def asked(tx: Connection, after: Erasure | None, limit: int) -> list[Erasure]:
    """List what is to be erased, the oldest first, behind one that was listed before."""
    place = {"channel": None, "owner": None, "asked_at": None} if after is None else _of(after)
    return [
        Erasure(
            channel=row.channel,
            owner=row.owner,
            asked_at=row.asked_at,
            causation_id=row.causation_id,
            traceparent=row.traceparent,
        )
        for row in tx.execute(_OPEN, {**place, "limit": limit})
    ]


def claim(tx: Connection, who: Erasure) -> bool:
    """Take an erasure until the transaction ends; False when somebody else has it, or it is done."""
    return tx.execute(_CLAIM, _of(who)).rowcount == 1


def finish(tx: Connection, done: Erasure) -> None:
    tx.execute(_FINISH, _of(done))


def _of(who: Erasure) -> dict[str, object]:
    return {"channel": who.channel, "owner": who.owner, "asked_at": who.asked_at}


def redact_orders(tx: Connection, who: Erasure, limit: int) -> int:
    """Take a person out of at most so many orders; give the number."""
    return tx.execute(_ORDERS, {**_of(who), "limit": limit, "personal": _PERSONAL}).rowcount


def redact_letters(tx: Connection, who: Erasure, limit: int) -> int:
    """Take a person out of the dead letters, of at most so many at once; give the number."""
    asked = {**_of(who), "limit": limit}
    emptied: int = tx.execute(_LETTERS, asked).scalar_one()
    return emptied + tx.execute(_NEW_OWNERS, asked).rowcount


def taken_from(tx: Connection, who: Erasure, after: str, limit: int) -> list[Owned]:
    """List baskets that were taken from a person, behind the id `after`."""
    asked = {"channel": who.channel, "owner": who.owner, "after": after, "limit": limit}
    return [
        Owned(basket_id=row.basket_id, since=row.theirs_since, until=row.handed_over_at)
        for row in tx.execute(_THEIRS, asked)
    ]


def redact_answers(tx: Connection, who: Erasure, theirs: Sequence[Owned], limit: int) -> int:
    """Empty at most so many answers and events of these baskets; give the number.

    When it is less, these baskets are done, and forgotten but for those with something left to publish.
    """
    # First, what is to be forgotten afterwards: what is published in between would never be emptied.
    settled = [
        Owned(basket_id=row.basket_id, since=row.since, until=row.until)
        for row in tx.execute(_SETTLED, {"channel": who.channel, **_columns(theirs)})
    ]
    emptied = tx.execute(_ANSWERS, {"channel": who.channel, "limit": limit, **_columns(theirs)}).rowcount
    if emptied < limit:
        tx.execute(_THEIR_LETTERS, {"channel": who.channel, **_columns(theirs)})
        forgotten = {"channel": who.channel, "owner": who.owner, **_columns(settled)}
        tx.execute(_FORGET_HANDOVERS, forgotten)
    return emptied


def _columns(theirs: Sequence[Owned]) -> dict[str, list[object]]:
    return {
        "baskets": [one.basket_id for one in theirs],
        "sinces": [one.since for one in theirs],
        "untils": [one.until for one in theirs],
    }


def note_handovers(tx: Connection, given: Sequence[Handover]) -> None:
    """Remember whose baskets these were, as long as what was answered then is kept.

    Until this very moment: the baskets are locked by us, and whoever had them locked before may have begun
    later than we did.
    """
    if given:
        channels, baskets, former_owners = (list(column) for column in zip(*given, strict=True))
        tx.execute(_HAND_OVER, {"channels": channels, "baskets": baskets, "former_owners": former_owners})


def forget(tx: Connection, before: datetime, limit: int) -> int:
    """Remove at most `limit` handovers from before an instant; give the number removed."""
    return tx.execute(_FORGET_OLD, {"before": before, "limit": limit}).rowcount
