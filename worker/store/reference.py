"""Reference data: one row per (channel, kind, id), so that a batch loads all it needs with one query."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import text

from contracts.envelope import DEFAULT_CHANNEL
from worker.domain.basket import Basket
from worker.domain.reference import (
    Catalog,
    Channel,
    CostCenter,
    Customer,
    Dataset,
    KnownAddress,
    Process,
    Product,
    Promotion,
    Quote,
    Reference,
    ShippingMethod,
    Store,
    User,
)
from worker.store.database import Transaction


class Kind(StrEnum):
    CHANNEL = "channel"
    PRODUCT = "product"
    SHIPPING_METHOD = "shipping-method"
    PROMOTION = "promotion"
    USER = "user"
    CUSTOMER = "customer"
    ADDRESS = "address"
    STORE = "store"
    COST_CENTER = "cost-center"
    QUOTE = "quote"
    DATASET = "dataset"
    PROCESS = "process"
    DATA_OBJECT = "data-object"  # kept in a table of its own, by `catalog`


Key = tuple[str, Kind, str]  # channel, kind, id

_TYPES: dict[Kind, type[Reference]] = {
    Kind.CHANNEL: Channel,
    Kind.PRODUCT: Product,
    Kind.SHIPPING_METHOD: ShippingMethod,
    Kind.PROMOTION: Promotion,
    Kind.USER: User,
    Kind.CUSTOMER: Customer,
    Kind.ADDRESS: KnownAddress,
    Kind.STORE: Store,
    Kind.COST_CENTER: CostCenter,
    Kind.QUOTE: Quote,
    Kind.DATASET: Dataset,
    Kind.PROCESS: Process,
}

NAMING = (Kind.USER, Kind.QUOTE)  # the entries of these kinds name others

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


_DELETE = text("""
DELETE FROM reference
USING unnest(CAST(:channels AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]))
      AS gone (channel, kind, id)
WHERE (reference.channel, reference.kind, reference.id) = (gone.channel, gone.kind, gone.id)
""")


_CHANNELS = text("""
SELECT id, document::text AS document FROM reference WHERE kind = 'channel' AND id = channel
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
    """Read entries, and those that they name; absent ones are left out."""
    documents = _read(tx, keys)
    named = {further for key, document in documents.items() for further in _named_by(key, document)}
    documents.update(_read(tx, named - set(keys)))
    return Entries(documents)


def _read(tx: Transaction, keys: Collection[Key]) -> dict[Key, str]:
    if not keys:
        return {}
    rows = tx.execute(_LOAD, _columns(sorted(keys)))
    return {(row.channel, Kind(row.kind), row.id): row.document for row in rows}


def _named_by(key: Key, document: str) -> Iterator[Key]:
    """Decode only what may name others; one that cannot be read is found out by who needs it."""
    if key[1] in NAMING:
        with suppress(msgspec.DecodeError):
            yield from keys_of_entry(key[0], msgspec.json.decode(document, type=_TYPES[key[1]]))


def save(tx: Transaction, entries: Mapping[Key, Reference | None]) -> int:
    """Write entries, or remove those that are None; equal content is left alone. Give the number touched.

    In key order, so that two writers never deadlock.
    """
    touched = 0
    gone = sorted(key for key, entry in entries.items() if entry is None)
    kept = sorted(set(entries).difference(gone))
    if kept:
        documents = [msgspec.json.encode(entries[key]).decode() for key in kept]
        touched += tx.execute(_PUT, {**_columns(kept), "documents": documents}).rowcount
    if gone:
        touched += tx.execute(_DELETE, _columns(gone)).rowcount
    return touched


def catalog(entries: Mapping[Key, Reference | None], channel_id: str) -> Catalog:
    """Show the entries of one channel; what is not among them is not found."""
    return Catalog(
        products=_OfChannel(entries, channel_id, Kind.PRODUCT),
        shipping_methods=_OfChannel(entries, channel_id, Kind.SHIPPING_METHOD),
        promotions=_OfChannel(entries, channel_id, Kind.PROMOTION),
        users=_OfChannel(entries, channel_id, Kind.USER),
        customers=_OfChannel(entries, channel_id, Kind.CUSTOMER),
        addresses=_OfChannel(entries, channel_id, Kind.ADDRESS),
        stores=_OfChannel(entries, channel_id, Kind.STORE),
        cost_centers=_OfChannel(entries, channel_id, Kind.COST_CENTER),
        quotes=_OfChannel(entries, channel_id, Kind.QUOTE),
        processes=_OfChannel(entries, channel_id, Kind.PROCESS),
    )


def channel(entries: Mapping[Key, Reference | None], channel_id: str) -> Channel | None:
    """Give a channel's settings; the default channel is always there."""
    found = entries.get((channel_id, Kind.CHANNEL, channel_id))
    if isinstance(found, Channel):
        return found
    return Channel() if channel_id == DEFAULT_CHANNEL else None


def channels(tx: Transaction) -> dict[str, Channel | None]:
    """Read the settings of all channels that were put; None for one that cannot be read."""
    found: dict[str, Channel | None] = {}
    for row in tx.execute(_CHANNELS):
        found[row.id] = None
        with suppress(msgspec.DecodeError):
            found[row.id] = msgspec.json.decode(row.document, type=Channel)
    return found


class _OfChannel(Mapping[str, Any]):
    """The entries of one kind and channel, by their ids, as they are now."""

    def __init__(self, entries: Mapping[Key, Reference | None], channel_id: str, kind: Kind) -> None:
        self._entries, self._channel_id, self._kind = entries, channel_id, kind

    def __getitem__(self, id_: str) -> Any:
        entry = self._entries[self._channel_id, self._kind, id_]
        if entry is None:  # removed by a command before
            raise KeyError(id_)
        return entry

    def __iter__(self) -> Iterator[str]:
        mine = (key for key in self._entries if key[:2] == (self._channel_id, self._kind))
        return (key[2] for key in mine if self._entries[key] is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def keys_of(basket: Basket) -> Iterator[Key]:
    """Name the reference data that pricing a basket takes."""
    content = basket.content
    found: list[tuple[Kind, str | None]] = [(Kind.SHIPPING_METHOD, content.shipping_method_id)]
    for item in content.items:
        found.append((Kind.PRODUCT, item.sku))
        found.append((Kind.SHIPPING_METHOD, item.shipping_method_id))
    found += [(Kind.PROMOTION, code) for code in content.promotions]
    found += [(Kind.PROCESS, one.processing.process_id) for one in content.datasets if one.processing]
    return ((basket.channel, kind, id_) for kind, id_ in found if id_)


def keys_to_order(basket: Basket) -> Iterator[Key]:
    """Name the reference data that ordering a basket takes besides."""
    content = basket.content
    copied = (content.ship_to, content.invoice_to, *(item.ship_to for item in content.items))
    found: list[tuple[Kind, str | None]] = [
        (Kind.STORE if address.origin == "store" else Kind.ADDRESS, address.id)
        for address in copied
        if address is not None and address.origin
    ]
    found.append((Kind.COST_CENTER, content.cost_center_id))
    found += [(Kind.QUOTE, item.quote_id) for item in content.items]
    if content.datasets:
        found.append((Kind.USER, basket.owner))
    if content.cost_center_id or content.has_quote:
        found += [(Kind.USER, basket.owner), (Kind.CUSTOMER, basket.customer)]
    return ((basket.channel, kind, id_) for kind, id_ in found if id_)


def keys_of_entry(channel_id: str, entry: Reference | None) -> Iterator[Key]:
    """Name the entries that an entry names, as far as who needs it needs them too."""
    if isinstance(entry, User) and entry.customer:
        yield channel_id, Kind.CUSTOMER, entry.customer
    if isinstance(entry, Quote):
        for item in entry.items:
            yield channel_id, Kind.PRODUCT, item.sku


def _columns(keys: Collection[Key]) -> dict[str, list[str]]:
    return {
        "channels": [channel for channel, _, _ in keys],
        "kinds": [str(kind) for _, kind, _ in keys],
        "ids": [id_ for _, _, id_ in keys],
    }
