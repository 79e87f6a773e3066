"""Erasing a person: what is personal in orders, answers and parked messages goes, counts and sums stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

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

# What has not left yet still must: its body goes when it is marked as published.
_ANSWERS = text("""
UPDATE outbox
SET is_erased = true, body = CASE WHEN published_at IS NULL THEN body ELSE '' END
WHERE channel = :channel AND key = ANY (CAST(:baskets AS text[]))
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
    tx.execute(_ANSWERS, {"channel": channel, "baskets": list(basket_ids)})
    tx.execute(_LETTERS, values)
