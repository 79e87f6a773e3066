"""What an order of data takes: found once more when it is placed, and kept (contract, sections 4 and 6.8).

Access is that of this moment, file filters apply now. With a window only what is new is taken: created and
put in time for this order, and for none before.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    and_,
    any_,
    cast,
    collate,
    func,
    literal,
    not_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONPATH

from worker.domain.datasets import FileFilter
from worker.domain.objects import ORDERABLE, QUICKLOOKS, RAWDATA, File
from worker.domain.search import patterns
from worker.domain.search.patterns import Pattern
from worker.domain.search.questions import Gather, Gathered, Reach, Task, Window
from worker.store import eras, finding, matching, ordered_data
from worker.store.cutoff import Limited
from worker.store.data_tables import data_object
from worker.store.finding import Search
from worker.store.matching import Condition
from worker.store.ordered_data import Kept
from worker.store.tables import reference

_CHUNK = 1000  # objects
_TYPES = {"RAWDATA": (RAWDATA,), "QUICKLOOK": QUICKLOOKS}

_object = data_object.c


def gathered(statements: Limited, channel: str, question: Gather) -> Gathered:
    """Find what an order takes and keep its files under the order's id."""
    reach = None if question.window is None else _reach(statements, question.window)
    criteria = [one for task in question.tasks for one in task.selections]
    search = Search(statements, channel, criteria, question.groups)
    labels = _labels(search, question)
    kept = 0
    for task in sorted(question.tasks, key=lambda task: task.dataset_id):
        if task.dataset_id in labels:
            objects = _objects(search, task, _is_new(question.window, reach))
            kept += _keep(search, question.order_id, task, objects, kept)
    counted = ordered_data.counted(statements, channel, question.order_id)
    datasets = tuple((id_, labels[id_], counts) for id_, counts in counted.items())
    return Gathered(order_id=question.order_id, datasets=datasets, reach=reach)


def _reach(statements: Limited, window: Window) -> Reach:
    """Draw the line before the search: every transaction below the horizon has ended, and is seen."""
    era = eras.current(statements.hurried())
    xmin = func.pg_snapshot_xmin(func.pg_current_snapshot())
    horizon = statements.run(select(cast(cast(xmin, Text), BigInteger))).scalar_one()
    return Reach(until=window.until, era=era, horizon=horizon)


def _labels(search: Search, question: Gather) -> dict[str, str]:
    """Read the labels of those datasets that may be ordered of."""
    ids = [task.dataset_id for task in question.tasks]
    found = select(reference.c.id, reference.c.document["label"].astext.label("label")).where(
        reference.c.channel == search.channel,
        reference.c.id == any_(matching.texts(ids)),
        finding.may_be_ordered_of(question.groups),
    )
    return {row.id: row.label for row in search.statements.run(found)}


def _is_new(window: Window | None, reach: Reach | None) -> Condition:
    """Say that an object is in this order's reach, and was in none before."""
    if window is None or reach is None:
        return true()
    return and_(_is_in(reach), *(not_(_is_in(before)) for before in window.reached))


def _is_in(reach: Reach) -> Condition:
    put = tuple_(_object.put_era, _object.put_by)
    return and_(_object.created_at <= reach.until, put < tuple_(literal(reach.era), literal(reach.horizon)))


def _objects(search: Search, task: Task, is_new: Condition) -> Select[tuple[str, object]]:
    """Find the objects of a dataset with those of their files that the filter's types leave."""
    files = func.jsonb_path_query_array(_object.files, cast(_path(task.filter), JSONPATH)).label("files")
    selections = finding.within(task.selections, task.dataset_id)
    return select(_object.id, files).where(
        search.finds(selections), matching.in_datasets([task.dataset_id]), is_new
    )


def _path(filter_: FileFilter | None) -> str:
    chosen = filter_.types if filter_ is not None else ()
    types = [type_ for name in chosen for type_ in _TYPES[name]] or ORDERABLE
    return "$[*] ? (" + " || ".join(f'@.type == "{type_}"' for type_ in types) + ")"


def _keep(search: Search, order_id: str, task: Task, objects: Select[tuple[str, object]], kept: int) -> int:
    """Keep a dataset's objects behind the others, in the order of their ids; give their number."""
    if task.filter is not None and task.filter.name_pattern:
        return _keep_named(search, order_id, task, objects, kept)
    its = objects.subquery("its")
    place = kept + func.row_number().over(order_by=collate(its.c.id, "C"))
    found = select(
        literal(search.channel), literal(order_id), place, literal(task.dataset_id), its.c.id, its.c.files
    ).where(func.jsonb_array_length(its.c.files) > 0)
    return ordered_data.keep_found(search.statements, found)


def _keep_named(
    search: Search, order_id: str, task: Task, objects: Select[tuple[str, object]], kept: int
) -> int:
    """Keep only files whose names match, chunk by chunk: in bounded memory, however many there are."""
    pattern = patterns.compile_pattern(task.filter.name_pattern if task.filter is not None else "")
    its = objects.subquery("its")
    found = select(its.c.id, cast(its.c.files, Text).label("files")).order_by(collate(its.c.id, "C"))
    first = kept
    for rows in search.statements.stream(found, _CHUNK):
        chunk = [Kept(row.id, files) for row in rows if (files := _named(pattern, row.files))]
        ordered_data.keep(search.statements, search.channel, order_id, task.dataset_id, kept, chunk)
        kept += len(chunk)
    return kept - first


def _named(pattern: Pattern | str, document: str) -> tuple[File, ...]:
    """Leave the files whose whole names match; a pattern that is none (any more) matches nothing."""
    if isinstance(pattern, str):
        return ()
    return tuple(file for file in ordered_data.read_files(document) if pattern.does_match(file.name))
