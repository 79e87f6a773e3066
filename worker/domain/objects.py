"""Data objects: what catalogues tell us of a product of an observation, and what can be ordered of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from worker.domain.datasets import Counts
from worker.domain.value import Value

RAWDATA = "RAWDATA"
QUICKLOOKS = ("QUICKLOOK_SD", "QUICKLOOK_MD", "QUICKLOOK_HD")
ORDERABLE = (RAWDATA, *QUICKLOOKS)


class File(Value, frozen=True, kw_only=True):
    """`size` in bytes; a reference is not stored internally."""

    name: str
    type: str
    size: int
    reference: bool = False


class OrderedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was when it was ordered; `place` is what a page behind it begins with."""

    place: str
    dataset_id: str
    object_id: str
    file: File


class FilesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Files of an order, in their order; `next` when there are more."""

    files: tuple[OrderedFile, ...]
    next: str | None = None


class Box(Value, frozen=True, kw_only=True):
    """An envelope in degrees, edges included."""

    west: float
    south: float
    east: float
    north: float


class DataObject(Value, frozen=True, kw_only=True):
    """`datasets` are distinct; `terms` is what it is found by, as `search.terms` writes it."""

    provider_id: str
    datasets: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = {}
    box: Box | None = None
    created_at: datetime
    files: tuple[File, ...] = ()
    counts: Counts = Counts()
    terms: str = ""
    fields: tuple[str, ...] = ()  # the names that a query may ask it for, `terms` holds their values
