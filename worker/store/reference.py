"""Reference data: one row per (channel, kind, id), so that a batch loads all it needs with one query."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text

from worker.domain.reference import Channel, Product, ShippingMethod

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from worker.domain.decisions import Reference


class Kind(StrEnum):
    CHANNEL = "channel"
    PRODUCT = "product"
    SHIPPING_METHOD = "shipping-method"


Key = tuple[str, Kind, str]  # channel, kind, id

_TYPES: dict[Kind, type[Reference]] = {
    Kind.CHANNEL: Channel,
    Kind.PRODUCT: Product,
    Kind.SHIPPING_METHOD: ShippingMethod,
}

_LOAD = text("""
SELECT reference.channel, reference.kind, reference.id, reference.document::text AS document
FROM unnest(CAST(:channels AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]))
         AS asked (channel, kind, id)
JOIN reference USING (channel, kind, id)
""")

_PUT = text("""
INSERT INTO reference (channel, kind, id, document)
SELECT * FROM unnest(
    CAST(:channels AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]), CAST(:documents AS jsonb[]))
ON CONFLICT (channel, kind, id) DO UPDATE
SET document = excluded.document, changed_at = now()
WHERE reference.document <> excluded.document
""")


def load(tx: Connection, keys: Collection[Key]) -> dict[Key, Reference]:
    """Read entries; absent ones are left out."""
    if not keys:
        return {}
    rows = tx.execute(_LOAD, _columns(sorted(keys)))
    return {
        (row.channel, Kind(row.kind), row.id): msgspec.json.decode(row.document, type=_TYPES[Kind(row.kind)])
        for row in rows
    }


def put(tx: Connection, entries: Mapping[Key, Reference]) -> None:
    """Write entries, in key order so that two writers never deadlock; equal content is left alone."""
    if not entries:
        return
    keys = sorted(entries)
    documents = [msgspec.json.encode(entries[key]).decode() for key in keys]
    tx.execute(_PUT, {**_columns(keys), "documents": documents})


def _columns(keys: Collection[Key]) -> dict[str, list[str]]:
    return {
        "channels": [channel for channel, _, _ in keys],
        "kinds": [str(kind) for _, kind, _ in keys],
        "ids": [id_ for _, _, id_ in keys],
    }
