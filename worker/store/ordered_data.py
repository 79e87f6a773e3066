"""What orders of data hold: the files of each object as they were when it was ordered, in a fixed order.

An object has a place in its order, a file a number within its object: so pages are stable, whatever becomes
of the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Select, insert, text

from worker.domain.datasets import Counts
from worker.domain.objects import File, FilesPage, OrderedFile
from worker.store.cutoff import Limited
from worker.store.data_tables import order_data
from worker.store.database import Transaction

LARGEST_PAGE = 1000
_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,9})", re.ASCII)
_FILES = msgspec.json.Decoder(tuple[File, ...])
_FILE = msgspec.json.Decoder(File)


class Kept(msgspec.Struct, frozen=True):
    """An object that an order takes, with what it takes of its files."""

    object_id: str
    files: tuple[File, ...]


_KEEP = text("""
INSERT INTO order_data (channel, order_id, place, dataset_id, object_id, files)
SELECT :channel, :order_id, :kept + place, :dataset_id, object_id, files
FROM unnest(CAST(:object_ids AS text[]), CAST(:files AS jsonb[])) WITH ORDINALITY
         AS taken (object_id, files, place)
""")

_COUNT = text("""
SELECT dataset_id,
       count(*) AS objects, sum(its.files) AS files, sum(its.size) AS size, sum(its.quota) AS quota
FROM order_data
CROSS JOIN LATERAL (
    SELECT count(*) AS files, sum(CAST(file->>'size' AS bigint)) AS size,
           count(*) FILTER (
               WHERE file->>'type' = 'RAWDATA' AND file->'reference' IS DISTINCT FROM 'true') AS quota
    FROM jsonb_array_elements(files) AS file) AS its
WHERE channel = :channel AND order_id = :order_id
GROUP BY dataset_id
ORDER BY dataset_id COLLATE "C"
""")

# Each place has a file at least, so that a page needs no more places than files.
_PAGE = text("""
SELECT place, number, dataset_id, object_id, file::text AS file
FROM order_data, jsonb_array_elements(files) WITH ORDINALITY AS its (file, number)
WHERE channel = :channel AND order_id = :order_id AND place BETWEEN :place AND :place + :limit
  AND (place, number) > (:place, :number)
ORDER BY place, number
LIMIT :limit
""")

_FORGET = text("DELETE FROM order_data WHERE channel = :channel AND order_id = ANY (CAST(:ids AS text[]))")


def keep_found(statements: Limited, found: Select[object]) -> int:
    """Keep rows of the table as a statement finds them, all at once; give their number."""
    keeping = insert(order_data).from_select(list(order_data.c), found)
    return statements.run(keeping.execution_options(preserve_rowcount=True)).rowcount


def keep(
    statements: Limited, channel: str, order_id: str, dataset_id: str, kept: int, objects: Sequence[Kept]
) -> None:
    """Keep objects of a dataset behind the `kept` ones of the order before them."""
    values = {
        "channel": channel,
        "order_id": order_id,
        "dataset_id": dataset_id,
        "kept": kept,
        "object_ids": [one.object_id for one in objects],
        "files": [msgspec.json.encode(one.files).decode() for one in objects],
    }
    if objects:
        statements.run(_KEEP, values)


def counted(statements: Limited, channel: str, order_id: str) -> dict[str, Counts]:
    """Count what an order holds, dataset by dataset, in their order."""
    rows = statements.run(_COUNT, {"channel": channel, "order_id": order_id})
    return {
        row.dataset_id: Counts(
            objects=row.objects, files=int(row.files), size=int(row.size), quota=int(row.quota)
        )
        for row in rows
    }


def page(tx: Transaction, channel: str, order_id: str, after: str, limit: int) -> FilesPage:
    """List an order's files behind a place, at most `limit`; raises ValueError for a place that is none."""
    place, number = _read(after) if after else (0, 0)
    size = max(1, min(limit, LARGEST_PAGE))
    values = {"channel": channel, "order_id": order_id, "place": place, "number": number, "limit": size + 1}
    rows = tx.execute(_PAGE, values).all()
    files = tuple(
        OrderedFile(
            place=f"{row.place}-{row.number}",
            dataset_id=row.dataset_id,
            object_id=row.object_id,
            file=_FILE.decode(row.file),
        )
        for row in rows[:size]
    )
    return FilesPage(files=files, next=files[-1].place if len(rows) > size else None)


def forget(tx: Transaction, channel: str, order_ids: Collection[str]) -> None:
    """Remove what was kept for orders that were not placed after all."""
    tx.execute(_FORGET, {"channel": channel, "ids": list(order_ids)})


def read_files(document: str) -> tuple[File, ...]:
    """Read files as the catalogue keeps them."""
    return _FILES.decode(document)


def _read(after: str) -> tuple[int, int]:
    match = _PLACE.fullmatch(after)
    if match is None:
        raise ValueError("there is no such place in an order")
    return int(match[1]), int(match[2])
