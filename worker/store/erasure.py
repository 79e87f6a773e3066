"""Erasing a person: what is personal in orders, answers and parked messages goes, counts and sums stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

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

_ORDERS = text("""
UPDATE customer_order
SET owner = '',
    document = document || jsonb_build_object(
        'owner', '',
        'document', (document->'document' || jsonb_build_object('owner', '')) - CAST(:personal AS text[]))
WHERE channel = :channel AND (owner = :user OR basket_id = ANY (CAST(:baskets AS text[])))
""")

# What has not left yet still must: its body goes when it is marked as published. Of a basket that was given
# away, what was said until then is the person's.
_ANSWERS = text("""
UPDATE outbox
SET is_erased = true, body = CASE WHEN published_at IS NULL THEN body ELSE '' END
FROM (
    SELECT unnest(CAST(:baskets AS text[])) AS basket_id, CAST('infinity' AS timestamptz) AS until
    UNION ALL
    SELECT basket_id, handed_over_at FROM handover
    WHERE channel = :channel AND former_owner = :user) AS theirs
WHERE outbox.channel = :channel AND outbox.key = theirs.basket_id AND outbox.created_at <= theirs.until
""")

_HAND_OVER = text("""
INSERT INTO handover (channel, basket_id, former_owner)
SELECT * FROM unnest(
    CAST(:channels AS text[]), CAST(:baskets AS text[]), CAST(:former_owners AS text[]))
ON CONFLICT DO NOTHING
""")

_FORGET_HANDOVERS = text("""
DELETE FROM handover WHERE channel = :channel AND former_owner = :user
""")

_FORGET_OLD = text("""
DELETE FROM handover WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM handover WHERE handed_over_at < :before ORDER BY handed_over_at LIMIT :limit))
""")

_LETTERS = text("""
UPDATE dead_letter
SET state = 'discarded', body = '', claims = NULL, detail = 'erased',
    properties = '{}', headers = '{}'
WHERE channel = :channel AND (claims->>'user' = :user OR key = ANY (CAST(:baskets AS text[])))
""")


def redact(tx: Connection, channel: str, user: str, basket_ids: Sequence[str]) -> None:
    """Take a person out of what is kept about these baskets, which were theirs, and out of their orders."""
    values = {"channel": channel, "user": user, "baskets": list(basket_ids)}
    tx.execute(_ORDERS, {**values, "personal": _PERSONAL})
    tx.execute(_ANSWERS, values)
    tx.execute(_LETTERS, values)
    tx.execute(_FORGET_HANDOVERS, {"channel": channel, "user": user})


def note_handovers(tx: Connection, given: Sequence[Handover]) -> None:
    """Remember whose baskets these were, as long as what was answered then is kept."""
    if given:
        channels, baskets, former_owners = (list(column) for column in zip(*given, strict=True))
        tx.execute(_HAND_OVER, {"channels": channels, "baskets": baskets, "former_owners": former_owners})


def forget(tx: Connection, before: datetime, limit: int) -> int:
    """Remove at most `limit` handovers from before an instant; give the number removed."""
    return tx.execute(_FORGET_OLD, {"before": before, "limit": limit}).rowcount
