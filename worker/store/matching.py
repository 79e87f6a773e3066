"""Conditions on data objects: what predicates and criteria mean in SQL.

Whatever a person wrote is a bound value, never part of a statement. The largest possible parts of a predicate
are one tsquery each, for the inverted index; only what asks for the inside of a term (`Like`, a `Between` of
texts) looks at an object's terms one by one, of those objects that the index leaves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import cast

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Text, all_, and_, any_, bindparam, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY

from worker.domain.objects import Box
from worker.domain.search.predicates import AllOf, AnyOf, InLabel, Like, Not, Predicate
from worker.domain.search.questions import Criteria
from worker.store import tsqueries
from worker.store.data_tables import data_object
from worker.store.tsqueries import Every, InDatasets, LabelPart, Labels, Never, Node, Query, Some

Condition = ColumnElement[bool]

_object = data_object.c

_MATCHES = "(data_object.terms @@ CAST(:query AS tsquery))"
_IS_IN_ONE = "(data_object.datasets && CAST(:ids AS text[]))"
_HAS_TERM_LIKE = """(EXISTS (
    SELECT FROM unnest(tsvector_to_array(data_object.terms)) AS term WHERE term COLLATE "C" LIKE :pattern))"""
_HAS_TERM_BETWEEN = """(EXISTS (
    SELECT FROM unnest(tsvector_to_array(data_object.terms)) AS term
    WHERE starts_with(term, :prefix)
      AND (term COLLATE "C" > :low OR :includes_low AND term = :low)
      AND (term COLLATE "C" < :high OR :includes_high AND term = :high)))"""


def label_parts(predicate: Predicate) -> Iterator[LabelPart]:
    """Name what a predicate asks of the labels of datasets."""
    match predicate:
        case InLabel(part):
            yield part
        case Not(inner):
            yield from label_parts(inner)
        case AllOf(parts) | AnyOf(parts):
            for one in parts:
                yield from label_parts(one)


def prefixes(predicate: Predicate, labels: Labels) -> int:
    """Count the terms that a predicate asks for by their beginning."""
    return tsqueries.prefixes(tsqueries.folded(predicate, labels))


def in_datasets(ids: Collection[str]) -> Condition:
    """Say that an object is in one of these datasets.

    First in words of the index, for which ids that differ by case only are one, then exactly.
    """
    return and_(_condition(tsqueries.in_datasets(ids)), bound(_IS_IN_ONE, ids=list(ids)))


def meets(criteria: Criteria, labels: Labels) -> Condition:
    """Say that an object meets all criteria; `labels` answers the predicate's label parts."""
    conditions = [matches(criteria.predicate, labels), *map(_overlaps, criteria.boxes)]
    if criteria.dataset_id:
        conditions.append(in_datasets([criteria.dataset_id]))
    if criteria.include:
        conditions.append(_object.id == any_(texts(criteria.include)))
    if criteria.exclude:
        conditions.append(_object.id != all_(texts(criteria.exclude)))
    if criteria.before is not None:
        conditions.append(_object.created_at < criteria.before)
    return and_(*conditions)


def matches(predicate: Predicate, labels: Labels) -> Condition:
    """Say that an object's terms are as a predicate asks."""
    node = tsqueries.folded(predicate, labels)
    narrowed = tsqueries.narrowed(node)
    if isinstance(node, Query) or not isinstance(narrowed, Query):
        return _condition(node)
    return and_(_condition(narrowed), _condition(node))


def _condition(node: Node) -> Condition:
    values: dict[str, object] = {}
    return bound(_written(node, values), **values)


def bound(condition: str, **values: object) -> Condition:
    """Bind values to a condition, which holds nothing but what this package has written."""
    named: list[BindParameter[object]] = [
        bindparam(name, value, None, unique=True) for name, value in values.items()
    ]
    # A text is a condition to SQLAlchemy, but not to its types.
    return cast("Condition", text(condition).bindparams(*named))


def _written(node: Node, values: dict[str, object]) -> str:
    """Write a node with names for its values; a step deep for each of its own, which SQLAlchemy is not."""
    match node:
        case Query(query):
            return _named(_MATCHES, values, query=query)
        case Every(nodes):
            return f"({' AND '.join(_written(part, values) for part in nodes) or 'true'})"
        case Some(nodes):
            return f"({' OR '.join(_written(part, values) for part in nodes) or 'false'})"
        case Never(inner):
            return f"(NOT {_written(inner, values)})"
        case InDatasets(ids):
            return _named(_IS_IN_ONE, values, ids=list(ids))
    found = _HAS_TERM_LIKE if isinstance(node, Like) else _HAS_TERM_BETWEEN
    within = _written(tsqueries.narrowed(node), values)
    return f"({within} AND {_named(found, values, **msgspec.structs.asdict(node))})"


def _named(condition: str, values: dict[str, object], **named: object) -> str:
    """Give the values of a condition names of their own."""
    number = len(values)
    values.update({f"{name}_{number}": value for name, value in named.items() if f":{name}" in condition})
    return re.sub(r":([a-z_]+)", rf":\1_{number}", condition)


def _overlaps(box: Box) -> Condition:
    """Say that an object's envelope has a point of the box; one without any has none."""
    return and_(
        _object.west <= box.east,
        _object.east >= box.west,
        _object.south <= box.north,
        _object.north >= box.south,
    )


def texts(values: Collection[str]) -> ColumnElement[Sequence[str]]:
    return sql_cast(list(values), ARRAY(Text))
