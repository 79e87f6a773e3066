"""Data objects: one row per (channel, id), with the terms it is found by; and the attributes that there are.

A row keeps the transaction of its first put: what an order could see is told by it. Deleted and put again it
is another object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from worker.domain.objects import DataObject
from worker.store import eras
from worker.store.database import Transaction

Key = tuple[str, str]  # channel, id

# The numbers of attributes stay what was sent.
_encoder = msgspec.json.Encoder(decimal_format="number")

# What is as it was sent is not even locked: a catalogue that is sent again as a whole writes nothing. Sorted,
# so that two writers that put the same objects wait for each other and never deadlock.
_PUT = text("""
INSERT INTO data_object (
    channel, id, provider_id, datasets, attributes, files, files_count, files_size, quota,
    west, south, east, north, created_at, terms, put_era, put_by)
SELECT sent.channel, sent.id, sent.provider_id, sent.datasets::text[], sent.attributes, sent.files,
       sent.files_count, sent.files_size, sent.quota, sent.west, sent.south, sent.east, sent.north,
       sent.created_at, sent.terms::tsvector, :era, pg_current_xact_id()::text::bigint
FROM unnest(
    CAST(:channels AS text[]), CAST(:ids AS text[]), CAST(:provider_ids AS text[]), CAST(:datasets AS text[]),
    CAST(:attributes AS jsonb[]), CAST(:files AS jsonb[]), CAST(:files_counts AS integer[]),
    CAST(:files_sizes AS bigint[]), CAST(:quotas AS integer[]), CAST(:wests AS float8[]),
    CAST(:souths AS float8[]), CAST(:easts AS float8[]), CAST(:norths AS float8[]),
    CAST(:created AS timestamptz[]), CAST(:terms AS text[]))
         AS sent (channel, id, provider_id, datasets, attributes, files, files_count, files_size, quota,
                  west, south, east, north, created_at, terms)
LEFT JOIN data_object AS known ON (known.channel, known.id) = (sent.channel, sent.id)
WHERE known.id IS NULL
   OR (known.provider_id, known.datasets, known.attributes, known.files,
       known.files_count, known.files_size, known.quota,
       known.west, known.south, known.east, known.north, known.created_at, known.terms)
      IS DISTINCT FROM
      (sent.provider_id, sent.datasets::text[], sent.attributes, sent.files,
       sent.files_count, sent.files_size, sent.quota,
       sent.west, sent.south, sent.east, sent.north, sent.created_at, sent.terms::tsvector)
ORDER BY sent.channel, sent.id
ON CONFLICT (channel, id) DO UPDATE
SET provider_id = excluded.provider_id, datasets = excluded.datasets, attributes = excluded.attributes,
    files = excluded.files, files_count = excluded.files_count, files_size = excluded.files_size,
    quota = excluded.quota, west = excluded.west, south = excluded.south, east = excluded.east,
    north = excluded.north, created_at = excluded.created_at, terms = excluded.terms, changed_at = now()
""")

_LOCK = text("""
SELECT 1
FROM unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS asked (channel, id)
JOIN data_object USING (channel, id)
ORDER BY data_object.channel, data_object.id
FOR UPDATE OF data_object
""")

_DELETE = text("""
DELETE FROM data_object
USING unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS gone (channel, id)
WHERE (data_object.channel, data_object.id) = (gone.channel, gone.id)
""")

_NAME = text("""
INSERT INTO data_attribute (channel, name)
SELECT channel, name
FROM unnest(CAST(:channels AS text[]), CAST(:names AS text[])) AS used (channel, name)
WHERE NOT EXISTS (
    SELECT FROM data_attribute AS known WHERE (known.channel, known.name) = (used.channel, used.name))
ORDER BY channel, name
ON CONFLICT DO NOTHING
""")


def save(tx: Transaction, put: Mapping[Key, DataObject], removed: Collection[Key] = ()) -> int:
    """Remove objects, then write others; give how many rows were removed or written.

    What is among both is another object afterwards. Once in a transaction: rows are locked in key order.
    """
    touched = 0
    if removed:
        tx.execute(_LOCK, _columns(sorted({*put, *removed})))
        touched += tx.execute(_DELETE, _columns(sorted(removed))).rowcount
    if put:
        keys = sorted(put)
        rows = _columns(keys) | _contents([put[key] for key in keys])
        touched += tx.execute(_PUT, {**rows, "era": eras.current(tx)}).rowcount
        _note_names(tx, {(channel, name) for (channel, _), found in put.items() for name in found.fields})
    return touched


def _note_names(tx: Transaction, used: Iterable[tuple[str, str]]) -> None:
    """Note names that no object of the channel had before; nobody waits for the known ones."""
    names = sorted(used)
    if names:
        tx.execute(
            _NAME, {"channels": [channel for channel, _ in names], "names": [name for _, name in names]}
        )


def _columns(keys: Sequence[Key]) -> dict[str, list[Any]]:
    return {"channels": [channel for channel, _ in keys], "ids": [id_ for _, id_ in keys]}


def _contents(objects: Sequence[DataObject]) -> dict[str, list[Any]]:
    boxes = [found.box for found in objects]
    return {
        "provider_ids": [found.provider_id for found in objects],
        "datasets": [_array(found.datasets) for found in objects],
        "attributes": [_encoder.encode(found.attributes).decode() for found in objects],
        "files": [_encoder.encode(found.files).decode() for found in objects],
        "files_counts": [found.counts.files for found in objects],
        "files_sizes": [found.counts.size for found in objects],
        "quotas": [found.counts.quota for found in objects],
        "wests": [box and box.west for box in boxes],
        "souths": [box and box.south for box in boxes],
        "easts": [box and box.east for box in boxes],
        "norths": [box and box.north for box in boxes],
        "created": [found.created_at for found in objects],
        "terms": [found.terms for found in objects],
    }


def _array(texts: Sequence[str]) -> str:
    """Write an array's literal: an array of arrays would have to be of one length."""
    quoted = ('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in texts)
    return "{" + ",".join(quoted) + "}"
