"""Reference data: one row per (channel, kind, id), so that a batch loads all it needs with one query."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import text

from contracts.envelope import DEFAULT_CHANNEL
from worker.domain.basket import Basket
from worker.domain.decisions import Reference
from worker.domain.reference import Catalog, Channel, Product, ShippingMethod
from worker.store.database import Transaction


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


class Entries(Mapping[Key, Reference]):
    """Entries as they were loaded, decoded when somebody asks for them.

    So an entry that cannot be read is the misfortune of those who need it, and of nobody else in the batch.
    """

    def __init__(self, documents: Mapping[Key, str]) -> None:
        self._documents = documents
        self._decoded: dict[Key, Reference] = {}

    def __getitem__(self, key: Key) -> Reference:
        if key not in self._decoded:
            self._decoded[key] = msgspec.json.decode(self._documents[key], type=_TYPES[key[1]])
        return self._decoded[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)


def load(tx: Transaction, keys: Collection[Key]) -> Entries:
    """Read entries; absent ones are left out."""
    if not keys:
        return Entries({})
    rows = tx.execute(_LOAD, _columns(sorted(keys)))
    return Entries({(row.channel, Kind(row.kind), row.id): row.document for row in rows})


def put(tx: Transaction, entries: Mapping[Key, Reference]) -> None:
    """Write entries, in key order so that two writers never deadlock; equal content is left alone."""
    if not entries:
        return
    keys = sorted(entries)
    documents = [msgspec.json.encode(entries[key]).decode() for key in keys]
    tx.execute(_PUT, {**_columns(keys), "documents": documents})


def catalog(entries: Mapping[Key, Reference], channel_id: str) -> Catalog:
    """Show the entries of one channel; what is not among them is not found."""
    return Catalog(
        products=_OfChannel(entries, channel_id, Kind.PRODUCT),
        shipping_methods=_OfChannel(entries, channel_id, Kind.SHIPPING_METHOD),
    )


def channel(entries: Mapping[Key, Reference], channel_id: str) -> Channel | None:
    """Give a channel's settings; the default channel is always there."""
    found = entries.get((channel_id, Kind.CHANNEL, channel_id))
    if isinstance(found, Channel):
        return found
    return Channel() if channel_id == DEFAULT_CHANNEL else None


class _OfChannel(Mapping[str, Any]):
    """The entries of one kind and channel, by their ids, as they are now."""

    def __init__(self, entries: Mapping[Key, Reference], channel_id: str, kind: Kind) -> None:
        self._entries, self._channel_id, self._kind = entries, channel_id, kind

    def __getitem__(self, id_: str) -> Any:
        return self._entries[self._channel_id, self._kind, id_]

    def __iter__(self) -> Iterator[str]:
        return (key[2] for key in self._entries if key[:2] == (self._channel_id, self._kind))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def keys_of(basket: Basket) -> Iterator[Key]:
    """Name the reference data that pricing a basket takes."""
    for item in basket.content.items:
        yield basket.channel, Kind.PRODUCT, item.sku
    if basket.content.shipping_method_id:
        yield basket.channel, Kind.SHIPPING_METHOD, basket.content.shipping_method_id


def _columns(keys: Collection[Key]) -> dict[str, list[str]]:
    return {
        "channels": [channel for channel, _, _ in keys],
        "kinds": [str(kind) for _, kind, _ in keys],
        "ids": [id_ for _, _, id_ in keys],
    }
