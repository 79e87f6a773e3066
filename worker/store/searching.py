"""Searches of the catalogue: what a decision asks for is answered, or cut off when it costs too much.

A search that is cut off leaves nothing behind, and the transaction goes on. Only objects with an orderable
file are found, and only in datasets that the caller's groups may order of at this moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Row, Select, and_, any_, collate, func, select, text, true

from worker.domain.datasets import Counts
from worker.domain.search.questions import (
    Answer,
    Criteria,
    Found,
    Gather,
    Measure,
    Measured,
    Question,
    Recount,
    Recounted,
    TooCostly,
    UnknownFields,
)
from worker.store import finding, gathering, matching
from worker.store.cutoff import CutOffError, Limited, limited
from worker.store.data_tables import data_object
from worker.store.database import Transaction
from worker.store.finding import Search
from worker.store.tables import reference

_MOST_DATASETS = 101  # whoever asks refuses more than 100

_UNKNOWN = text("""
SELECT asked.name FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS asked (name, place)
WHERE NOT EXISTS (SELECT FROM data_attribute WHERE channel = :channel AND data_attribute.name = asked.name)
ORDER BY asked.place
""")


def answer(tx: Transaction, channel: str, question: Question, deadline_seconds: float) -> Answer:
    """Answer a question about a channel's objects; TooCostly when it takes longer than it may."""
    try:
        with limited(tx, deadline_seconds) as statements:
            match question:
                case Measure():
                    return _measured(statements, channel, question)
                case Recount():
                    return _recounted(statements, channel, question)
                case Gather():
                    return gathering.gathered(statements, channel, question)
    except CutOffError:
        return TooCostly()


def _measured(statements: Limited, channel: str, question: Measure) -> Measured | UnknownFields:
    names = {"names": list(question.fields), "channel": channel}
    if question.fields and (unknown := statements.run(_UNKNOWN, names).scalars().all()):
        return UnknownFields(tuple(unknown))
    known = dict(question.known)
    criteria = [question.asked, *(one for ones in known.values() for one in ones)]
    search = Search(statements, channel, criteria, question.groups)
    asked_for = [question.asked.dataset_id] if question.asked.dataset_id else None
    found = _count(search, [question.asked], question.groups, asked_for)
    totals = {id_: counts for id_, _, counts in found}
    for selections, ids in _by_selections(known, totals).items():
        counted = _count(search, [question.asked, *selections], question.groups, ids)
        totals.update({id_: counts for id_, _, counts in counted})
    return Measured(
        tuple(
            Found(dataset_id=id_, label=label, counts=counts, total=totals[id_])
            for id_, label, counts in found
        )
    )


def _recounted(statements: Limited, channel: str, question: Recount) -> Recounted:
    selections = finding.within(question.selections, question.dataset_id)
    search = Search(statements, channel, selections, question.groups)
    counted = _count(search, selections, question.groups, [question.dataset_id])
    return Recounted(counted[0][2] if counted else Counts())


def _by_selections(
    known: Mapping[str, tuple[Criteria, ...]], found: Collection[str]
) -> dict[frozenset[Criteria], list[str]]:
    """Put datasets together that the same selections were made of: one statement counts them all."""
    together: dict[frozenset[Criteria], list[str]] = {}
    for id_ in found:
        if known.get(id_):
            together.setdefault(finding.within(known[id_], id_), []).append(id_)
    return together


def _count(
    search: Search, criteria: Iterable[Criteria], groups: Iterable[str], ids: list[str] | None
) -> list[tuple[str, str, Counts]]:
    """Count what criteria find, dataset by dataset, each with its label: in order, of all or of some."""
    rows = search.statements.run(_counting(search, criteria, groups, ids))
    return [(row.id, row.label, _counts(row)) for row in rows]


def _counting(
    search: Search, criteria: Iterable[Criteria], groups: Iterable[str], ids: list[str] | None
) -> Select[Any]:
    """Count objects by all their datasets together first: that is much faster than each by each of them."""
    its = data_object.c
    by_datasets = (
        select(
            its.datasets,
            func.count().label("objects"),
            func.sum(its.files_count).label("files"),
            func.sum(its.files_size).label("size"),
            func.sum(its.quota).label("quota"),
        )
        .where(search.finds(criteria), true() if ids is None else matching.in_datasets(ids))
        .group_by(its.datasets)
        .subquery("by_datasets")
    )
    dataset = func.unnest(by_datasets.c.datasets).table_valued("id").render_derived("dataset")
    sums = (func.sum(by_datasets.c[name]).label(name) for name in ("objects", "files", "size", "quota"))
    of = (
        select(dataset.c.id, *sums)
        .select_from(by_datasets.join(dataset, true()))
        .where(true() if ids is None else dataset.c.id == any_(matching.texts(ids)))
        .group_by(dataset.c.id)
        .subquery("counted")
    )
    is_its = and_(reference.c.channel == search.channel, reference.c.id == of.c.id)
    return (
        select(of, reference.c.document["label"].astext.label("label"))
        .select_from(of.join(reference, is_its))
        .where(finding.may_be_ordered_of(groups))
        .order_by(collate(of.c.id, "C"))
        .limit(_MOST_DATASETS)
    )


def _counts(row: Row[Any]) -> Counts:
    return Counts(objects=int(row.objects), files=int(row.files), size=int(row.size), quota=int(row.quota))
