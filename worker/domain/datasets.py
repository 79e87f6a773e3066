"""Datasets in a basket: what was selected of each, and what is to become of it (contract, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from worker.domain.value import Value

MAX_SELECTIONS = 100  # dated ones, in one basket
MAX_ENTITIES = 1000  # named in one add

Parameter = str | int | float | bool  # not Decimal: msgspec decodes no union of it and text


class Counts(Value, frozen=True, kw_only=True):
    """Orderable objects and files; `size` in bytes, `quota` counts RAWDATA files stored internally."""

    objects: int = 0
    files: int = 0
    size: int = 0
    quota: int = 0


class Request(Value, frozen=True, kw_only=True):
    """A search as it was sent: `q` and `g` are one text or several, all of which must match."""

    engine_type: str
    dataset_urn: str = ""
    q: str | tuple[str, ...] = ""
    g: str | tuple[str, ...] = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    provider_ids: tuple[str, ...] = ()  # of an upload, which has no query


class DatedSelection(Value, frozen=True, kw_only=True):
    """One search: it finds objects created before `at`. `counts` are those of when it was added."""

    at: datetime
    request: Request
    counts: Counts


class FileFilter(Value, frozen=True, kw_only=True):
    """Which files of a dataset are ordered: RAWDATA or QUICKLOOK, and names that match in full."""

    types: tuple[str, ...] = ()
    name_pattern: str = ""


class Processing(Value, frozen=True, kw_only=True):
    process_id: str
    parameters: Mapping[str, Parameter] = {}


class DatasetSelection(Value, frozen=True, kw_only=True):
    """What a basket holds of one dataset; `counts` are those of the union of its selections."""

    id: str
    dataset_id: str
    label: str
    counts: Counts
    selections: tuple[DatedSelection, ...]
    filter: FileFilter | None = None
    processing: Processing | None = None
