"""Data objects: what catalogues tell us of a product of an observation, and what can be ordered of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

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
