"""Reading what catalogues put: datasets, data objects, processes, and everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from contracts.errors import ErrorKey, Problem
from contracts.instants import parse_instant
from worker.domain import ids, objects
from worker.domain.datasets import Counts
from worker.domain.objects import Box, DataObject, File
from worker.domain.reference import Dataset, LimitType, Process
from worker.domain.search import areas, attributes, terms

if TYPE_CHECKING:
    from contracts import reference_data as sent


def dataset(put: sent.DatasetPut) -> Dataset:
    groups = None if put.groups is UNSET else put.groups
    return Dataset(label=put.label, groups=groups, terms=terms.of_label(put.label))


def process(put: sent.ProcessPut) -> Process:
    """Read a process: one that may split has no limit, whatever is said of it."""
    if put.limit is UNSET or not put.forbid_split:
        return Process()
    return Process(limit_type=LimitType(put.limit.type), limit_value=put.limit.value)


def data_object(put: sent.DataObjectPut) -> DataObject | list[Problem]:
    datasets, problems = _datasets(put.datasets)
    given = {} if put.attributes in (UNSET, None) else put.attributes
    problems += [_malformed(path, message) for path, message in attributes.mistakes_of(given)]
    box = _box(put.geometry, problems)
    created_at = _instant(put.created_at)
    if created_at is None:
        message = "an ISO 8601 instant such as 2026-06-01T12:00:00Z is expected, or epoch milliseconds"
        problems.append(_malformed("$.createdAt", message))
    if problems or created_at is None:
        return problems
    files = tuple(
        File(name=file.name, type=file.type, size=file.size, reference=file.reference) for file in put.files
    )
    found_by = terms.of_object(put.provider_id, datasets, created_at, given)
    return DataObject(
        provider_id=put.provider_id,
        datasets=datasets,
        attributes=given,
        box=box,
        created_at=created_at,
        files=files,
        counts=counts_of(files),
        terms=found_by.literal,
        fields=found_by.fields,
    )


def counts_of(files: Collection[File]) -> Counts:
    """Count the files of one object that can be ordered; without any it is no orderable object."""
    orderable = [file for file in files if file.type in objects.ORDERABLE]
    return Counts(
        objects=1 if orderable else 0,
        files=len(orderable),
        size=sum(file.size for file in orderable),
        quota=sum(file.type == objects.RAWDATA and not file.reference for file in orderable),
    )


def _datasets(given: Sequence[str]) -> tuple[tuple[str, ...], list[Problem]]:
    """Give each dataset once, and those that are no dataset's key."""
    found = [ids.problem(id_, f"$.datasets[{index}]") for index, id_ in enumerate(given)]
    return tuple(dict.fromkeys(given)), [problem for problem in found if problem is not None]


def _box(given: Any, problems: list[Problem]) -> Box | None:
    if given in (UNSET, None):  # GeoJSON has null for no geometry
        return None
    read = areas.of_geojson(given)
    if isinstance(read, str):
        problems.append(_malformed("$.geometry", read))
        return None
    return read


def _instant(given: Any) -> datetime | None:
    """Read an instant; one without an offset is in UTC."""
    # Of any year: what is said of baskets begins with 1970, observations do not.
    read = parse_instant(given) or (terms.instant_of(given) if isinstance(given, str) else None)
    if read is None:
        return None
    try:
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:  # at the ends of the calendar
        return None


def _malformed(path: str, message: str) -> Problem:
    return Problem(code=ErrorKey.MALFORMED, message=message, path=path)
