"""Data objects and datasets for tests of searching: written as a catalogue writes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from worker.domain.objects import ORDERABLE, RAWDATA, Box, File
from worker.domain.search import terms

CHANNEL = "c"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
FILES = (File(name="raw.dat", type="RAWDATA", size=1000), File(name="sd.png", type="QUICKLOOK_SD", size=5))

_OBJECT = text("""
INSERT INTO data_object (channel, id, provider_id, datasets, attributes,
                         files, files_count, files_size, quota, west, south, east, north,
                         created_at, terms, put_era, put_by)
VALUES (:channel, :id, :provider_id, CAST(:datasets AS text[]), '{}', CAST(:files AS jsonb), :files_count,
        :files_size, :quota, :west, :south, :east, :north, :created_at, CAST(:terms AS tsvector),
        :put_era, :put_by)
""")
_DATASET = text("""
INSERT INTO reference (channel, kind, id, document)
VALUES (:channel, 'dataset', :id, CAST(:document AS jsonb))
""")
_ATTRIBUTE = text("INSERT INTO data_attribute VALUES (:channel, :name) ON CONFLICT DO NOTHING")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A data object, by its attributes; `terms` only where none of these could write them."""

    id: str
    datasets: Sequence[str] = ("DS1",)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[File] = FILES
    box: Box | None = None
    created_at: datetime = NOON
    provider_id: str = ""
    terms: str = ""
    put: tuple[int, int] = (1, 1)

    @property
    def orderable(self) -> list[File]:
        return [file for file in self.files if file.type in ORDERABLE]


def hold(tx: Connection, *objects: Held, channel: str = CHANNEL) -> None:
    """Put objects into the catalogue, and the names of their attributes."""
    for held in objects:
        provider_id = held.provider_id or held.id
        written = terms.of_object(provider_id, held.datasets, held.created_at, held.attributes)
        box = held.box
        tx.execute(
            _OBJECT,
            {
                "channel": channel,
                "id": held.id,
                "provider_id": provider_id,
                "datasets": list(held.datasets),
                "files": json.dumps([_document(file) for file in held.files]),
                "files_count": len(held.orderable),
                "files_size": sum(file.size for file in held.orderable),
                "quota": sum(file.type == RAWDATA and not file.reference for file in held.orderable),
                "west": box and box.west,
                "south": box and box.south,
                "east": box and box.east,
                "north": box and box.north,
                "created_at": held.created_at,
                "terms": held.terms or written.literal,
                "put_era": held.put[0],
                "put_by": held.put[1],
            },
        )
        for name in written.fields:
            tx.execute(_ATTRIBUTE, {"channel": channel, "name": name})


def open_dataset(
    tx: Connection,
    id_: str,
    label: str = "",
    groups: Sequence[str] | None = None,
    channel: str = CHANNEL,
    written: str = "",
) -> None:
    """Put a dataset; `groups` may order of it, without any everybody may. `written`: terms of its label."""
    document: dict[str, object] = {"label": label or id_, "terms": written or terms.of_label(label or id_)}
    if groups is not None:
        document["groups"] = list(groups)
    tx.execute(_DATASET, {"channel": channel, "id": id_, "document": json.dumps(document)})


def _document(file: File) -> dict[str, object]:
    """Write a file as the store does: what is as always is left out."""
    document: dict[str, object] = {"name": file.name, "type": file.type, "size": file.size}
    return document | ({"reference": True} if file.reference else {})
