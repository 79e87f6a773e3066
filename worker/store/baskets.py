"""Baskets: the row is the one lock for everything of a basket, the document is read and written whole."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text

from worker.domain.basket import Basket
from worker.domain.decisions import Listed
from worker.domain.money import Money
from worker.store.database import TryAgain

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

Key = tuple[str, str]  # channel, basket id
Place = tuple[date, str]  # where a basket stands among the untouched ones: the day of its change, its id


class Untouched(msgspec.Struct, frozen=True, kw_only=True):
    """A locked basket, not yet decoded: one that cannot be read must hold up no other."""

    place: Place
    changed_at: datetime
    document: str


_LOCK = text("""
SELECT basket.document::text AS document
FROM basket
JOIN unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS asked (channel, id) USING (channel, id)
ORDER BY basket.channel, basket.id
FOR UPDATE OF basket
""")

_LOCK_OWNED = text("""
SELECT id, document::text AS document
FROM basket
WHERE channel = :channel AND owner = :owner AND id > :after
ORDER BY id
LIMIT :limit
FOR UPDATE
""")

_LOCK_UNTOUCHED = text("""
SELECT id, document::text AS document, changed_at, changed_on
FROM basket
WHERE channel = :channel AND is_open AND NOT is_recurrent
  AND changed_on <= CAST(:before AT TIME ZONE 'UTC' AS date) AND changed_at < :before
  AND (changed_on, id) > (:after_on, :after_id)
ORDER BY changed_on, id
LIMIT :limit
FOR UPDATE SKIP LOCKED
""")

_LIST = text("""
SELECT id, version, changed_at,
       document->'content'->>'currency' AS currency,
       CAST(document->'priced'->'totals'->>'basket' AS numeric) AS total
FROM basket
WHERE channel = :channel AND owner = :owner AND is_open AND id > :after
ORDER BY id
LIMIT :limit
""")

_INSERT = text("""
INSERT INTO basket (channel, id, owner, version, is_open, is_recurrent, holds_datasets, document)
SELECT * FROM unnest(
    CAST(:channels AS text[]), CAST(:ids AS text[]), CAST(:owners AS text[]), CAST(:versions AS bigint[]),
    CAST(:are_open AS boolean[]), CAST(:are_recurrent AS boolean[]), CAST(:hold_datasets AS boolean[]),
    CAST(:documents AS jsonb[]))
ON CONFLICT DO NOTHING
""")

_UPDATE = text("""
UPDATE basket
SET owner = changed.owner, version = changed.version, is_open = changed.is_open,
    is_recurrent = changed.is_recurrent, holds_datasets = changed.holds_datasets,
    document = changed.document, changed_at = now()
FROM unnest(
    CAST(:channels AS text[]), CAST(:ids AS text[]), CAST(:owners AS text[]), CAST(:versions AS bigint[]),
    CAST(:are_open AS boolean[]), CAST(:are_recurrent AS boolean[]), CAST(:hold_datasets AS boolean[]),
    CAST(:documents AS jsonb[]))
         AS changed (channel, id, owner, version, is_open, is_recurrent, holds_datasets, document)
WHERE (basket.channel, basket.id) = (changed.channel, changed.id)
""")


def lock(tx: Connection, keys: Collection[Key]) -> dict[Key, Basket]:
    """Lock baskets in id order until the transaction ends, and read them; absent ones are left out."""
    if not keys:
        return {}
    ordered = sorted(keys)
    rows = tx.execute(_LOCK, {"channels": [key[0] for key in ordered], "ids": [key[1] for key in ordered]})
    decode = msgspec.json.Decoder(Basket).decode
    baskets = [decode(row.document) for row in rows]
    return {(basket.channel, basket.id): basket for basket in baskets}


def lock_owned(tx: Connection, channel: str, owner: str, after: str, limit: int) -> list[tuple[str, str]]:
    """Lock baskets of an owner, closed ones too, in id order behind the id `after`; ids and documents."""
    rows = tx.execute(_LOCK_OWNED, {"channel": channel, "owner": owner, "after": after, "limit": limit})
    return [(row.id, row.document) for row in rows]


def lock_untouched(
    tx: Connection, channel: str, before: datetime, after: Place, limit: int
) -> list[Untouched]:
    """Lock open baskets without recurrence that last changed before an instant, the oldest first.

    At most so many, behind the place where another call ended, and none that somebody else has locked.
    """
    asked = {"channel": channel, "before": before, "limit": limit, "after_on": after[0], "after_id": after[1]}
    return [
        Untouched(place=(row.changed_on, row.id), changed_at=row.changed_at, document=row.document)
        for row in tx.execute(_LOCK_UNTOUCHED, asked)
    ]


def listed(tx: Connection, channel: str, owner: str, limit: int, after: str) -> tuple[Listed, ...]:
    """List the open baskets of an owner by id, behind the id `after`."""
    rows = tx.execute(_LIST, {"channel": channel, "owner": owner, "limit": limit, "after": after})
    return tuple(
        Listed(
            id=row.id,
            version=row.version,
            changed_at=row.changed_at,
            total=Money(row.currency, row.total),
        )
        for row in rows
    )


def save(tx: Connection, created: Sequence[Basket], changed: Sequence[Basket]) -> None:
    """Write baskets; `changed` ones are locked by us. Raises TryAgain when another was faster."""
    for statement, baskets in ((_INSERT, created), (_UPDATE, changed)):
        if not baskets:
            continue
        written = tx.execute(statement, _columns(sorted(baskets, key=lambda one: (one.channel, one.id))))
        if written.rowcount != len(baskets):
            raise TryAgain(f"{len(baskets) - written.rowcount} baskets were created or removed by another")


def _columns(baskets: Sequence[Basket]) -> dict[str, list[object]]:
    encode = msgspec.json.encode
    return {
        "channels": [basket.channel for basket in baskets],
        "ids": [basket.id for basket in baskets],
        "owners": [basket.owner for basket in baskets],
        "versions": [basket.version for basket in baskets],
        "are_open": [basket.is_open for basket in baskets],
        "are_recurrent": [basket.content.recurrence is not None for basket in baskets],
        "hold_datasets": [bool(basket.content.datasets) for basket in baskets],
        "documents": [encode(basket).decode() for basket in baskets],
    }
