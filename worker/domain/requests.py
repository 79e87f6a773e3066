"""Searches that were sent: what they mean, or everything that is wrong with them (contract, section 4).

A search is kept as it was sent, and read anew whenever it is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from contracts.errors import ErrorKey, Problem
from contracts.instants import parse_instant
from worker.domain import ids
from worker.domain.datasets import MAX_ENTITIES, DatasetSelection, Request
from worker.domain.search import areas, lucene, terms
from worker.domain.search.lucene import Invalid
from worker.domain.search.predicates import AnyOf, Query, Term
from worker.domain.search.questions import Criteria

if TYPE_CHECKING:
    from contracts.dataset_commands import BasketSelectionAdd, BasketSelectionUpload, SearchParameters

MAX_PROVIDER_IDS = 1000
UPLOAD_ENGINE = "legacy"  # the original's own, which uploads are searched with

_PARAMETERS = "$.searchParameters"
_OTHER_GEOMETRY = ("bbox", "box", "geometry", "lat", "lon", "r", "radius")


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A search that can be run; `fields` are the attributes it names, with their places in the query."""

    criteria: Criteria
    fields: tuple[tuple[str, int], ...] = ()


def of_add(sent: BasketSelectionAdd) -> Request | list[Problem]:
    """Take a search over; a null is as good as nothing."""
    parameters = sent.search_parameters or None
    problems = _form_problems(sent, parameters)
    request = Request(
        engine_type=(sent.engine_type or "").strip(),
        dataset_urn=sent.dataset_urn or "",
        q=_given(parameters.q) if parameters is not None else "",
        g=_given(parameters.g) if parameters is not None else "",
        include=tuple(dict.fromkeys(sent.entity_ids_to_include or ())),
        exclude=tuple(dict.fromkeys(sent.entity_ids_to_exclude or ())),
    )
    if not request.engine_type:
        message = "engineType must not be blank"
        problems.append(Problem(code=ErrorKey.ENGINE_TYPE_REQUIRED, message=message, path="$.engineType"))
    read = criteria(request)
    problems.extend(read if isinstance(read, list) else [])
    return problems or request


def of_upload(sent: BasketSelectionUpload) -> Request | list[Problem]:
    if len(sent.provider_ids) > MAX_PROVIDER_IDS:
        message = f"at most {MAX_PROVIDER_IDS} provider ids are taken at once"
        return [Problem(code=ErrorKey.TOO_LARGE, message=message, path="$.providerIds")]
    return Request(engine_type=UPLOAD_ENGINE, provider_ids=tuple(dict.fromkeys(sent.provider_ids)))


def criteria(request: Request, before: datetime | None = None) -> Read | list[Problem]:
    """Read a search; `before` bounds the creation of what it finds."""
    if request.provider_ids:
        found = tuple(Term(terms.text_term("providerId", id_)) for id_ in request.provider_ids)
        return Read(criteria=Criteria(predicate=AnyOf(found), before=before))
    query = _parsed(_texts(request.q))
    boxes = [areas.of_wkt(text) for text in _texts(request.g) if text.strip()]
    problems = [_query_problem(query, request.q)] if isinstance(query, Invalid) else []
    problems += [
        Problem(code=ErrorKey.QUERY_INVALID, message=wrong, path=f"{_PARAMETERS}.g")
        for wrong in boxes
        if isinstance(wrong, str)
    ]
    if problems or isinstance(query, Invalid):
        return problems
    return Read(
        criteria=Criteria(
            predicate=query.predicate,
            boxes=tuple(box for box in boxes if not isinstance(box, str)),
            dataset_id=request.dataset_urn,
            include=request.include,
            exclude=request.exclude,
            before=before,
        ),
        fields=query.fields,
    )


def of_selections(dataset: DatasetSelection, *, is_bounded: bool = True) -> tuple[Criteria, ...]:
    """Read the selections of a dataset, which could be read when they were added.

    Raises ValueError for one that this release cannot read any more.
    """
    found = []
    for selection in dataset.selections:
        read = criteria(selection.request, selection.at if is_bounded else None)
        if isinstance(read, list):
            raise ValueError(  # noqa: TRY004 - it is what was stored, not its type
                f"a stored search cannot be read: {read[0].message}"
            )
        found.append(read.criteria)
    return tuple(found)


def unknown_field(name: str, read: Read) -> Problem:
    """Refuse a query for an attribute that no object has."""
    position = dict(read.fields).get(name, 0)
    message = f"there is no attribute {name[:100]!r}, at position {position}"
    return Problem(code=ErrorKey.QUERY_INVALID, message=message, path=f"{_PARAMETERS}.q")


def date(value: Any, path: str) -> datetime | Problem:
    """Read a selection's date; one without an offset is in UTC."""
    read = parse_instant(value)
    if read is None:
        message = "an ISO 8601 instant such as 2026-06-01T12:00:00.000001Z is expected"
        return Problem(code=ErrorKey.MALFORMED, message=message, path=path)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def _form_problems(sent: BasketSelectionAdd, parameters: SearchParameters | None) -> list[Problem]:
    """Check what can be wrong with a search besides its query."""
    included, excluded = sent.entity_ids_to_include or (), sent.entity_ids_to_exclude or ()
    named = [("$.datasetUrn", sent.dataset_urn)] if sent.dataset_urn else []
    for name, given in (("entityIdsToInclude", included), ("entityIdsToExclude", excluded)):
        named += [(f"$.{name}[{place}]", id_) for place, id_ in enumerate(given)]
    problems = [found for path, id_ in named if (found := ids.problem(id_, path)) is not None]
    if len(included) + len(excluded) > MAX_ENTITIES:
        message = f"at most {MAX_ENTITIES} entity ids are taken at once"
        path = "$.entityIdsToInclude" if included else "$.entityIdsToExclude"
        problems.append(Problem(code=ErrorKey.LIMIT_EXCEEDED, message=message, path=path))
    if parameters is not None:
        sent_in_vain = [name for name in _OTHER_GEOMETRY if getattr(parameters, name) not in (UNSET, None)]
        message = "areas are given by g alone, as a WKT POLYGON"
        problems += [
            Problem(code=ErrorKey.QUERY_INVALID, message=message, path=f"{_PARAMETERS}.{name}")
            for name in sent_in_vain
        ]
    return problems


def _given(value: Any) -> str | tuple[str, ...]:
    return "" if value in (UNSET, None) else value


@lru_cache(maxsize=32)
def _parsed(texts: tuple[str, ...]) -> Query | Invalid:
    """Parse a query once: a decision that asks is made twice, and reads what it asks for each time."""
    return lucene.parse(texts)


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _query_problem(wrong: Invalid, sent: str | tuple[str, ...]) -> Problem:
    place = f"{_PARAMETERS}.q" if isinstance(sent, str) else f"{_PARAMETERS}.q[{wrong.text}]"
    message = f"{wrong.message}, at position {wrong.position}"
    return Problem(code=ErrorKey.QUERY_INVALID, message=message, path=place)
