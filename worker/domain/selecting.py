"""Selections of data objects in a basket: add, upload, remove (REGARDS; contract, section 4).

What a search finds is asked for, and the decision made anew with the answer. Every change is atomic: a search
that finds nothing changes nothing, and creates nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, structs

from contracts.errors import ErrorKey, Problem
from worker.domain import holding, requests
from worker.domain.datasets import MAX_SELECTIONS, Counts, DatasetSelection, DatedSelection, Request
from worker.domain.decisions import Asks, Completed, Refused
from worker.domain.search.questions import (
    Found,
    Measure,
    Measured,
    Recount,
    Recounted,
    TooCostly,
    UnknownFields,
)

if TYPE_CHECKING:
    from contracts import dataset_commands as commands
    from worker.domain.basket import Basket
    from worker.domain.decisions import Context, Step

_DATE = "$.selectionDate"
_CLOSEST = timedelta(microseconds=1)


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A selection that is to be added."""

    request: Request
    at: datetime


def add(basket: Basket | None, command: commands.BasketSelectionAdd, context: Context) -> Step:
    """Add what a search finds to every dataset it finds something in."""
    absence = _absence(basket, context)
    if absence is not None:
        return absence
    at = None if command.selection_date in (UNSET, None, "") else requests.date(command.selection_date, _DATE)
    request = requests.of_add(command)
    problems = [*(request if isinstance(request, list) else []), *([at] if isinstance(at, Problem) else [])]
    if isinstance(request, list) or isinstance(at, Problem):
        return Refused(problems=tuple(problems))
    return _added(basket, _Wish(request=request, at=at or _free(basket, context.now)), context)


def upload(basket: Basket | None, command: commands.BasketSelectionUpload, context: Context) -> Step:
    """Add the objects with these provider ids."""
    absence = _absence(basket, context)
    if absence is not None:
        return absence
    request = requests.of_upload(command)
    if isinstance(request, list):
        return Refused(problems=tuple(request))
    if not request.provider_ids:
        return _nothing(basket)
    return _added(basket, _Wish(request=request, at=_free(basket, context.now)), context)


def remove(basket: Basket, command: commands.BasketSelectionRemove, context: Context) -> Step:
    """Remove one dated selection; the last one takes its dataset along."""
    at = requests.date(command.selection_date, _DATE)
    if isinstance(at, Problem):
        return Refused(problems=(at,))
    dataset = holding.find(basket, command.dataset_selection_id)
    left = tuple(one for one in dataset.selections if one.at != at) if dataset is not None else ()
    if dataset is None or len(left) == len(dataset.selections):
        return Completed(status=200, basket=basket)
    if not left:
        return holding.without(basket, dataset, context)
    dataset = structs.replace(dataset, selections=left)
    match context.answer:
        case Recounted(total):
            return holding.with_dataset(basket, structs.replace(dataset, counts=total), context)
        case TooCostly():
            return Refused(problems=(holding.too_costly(),))
        case _:
            criteria = requests.of_selections(dataset)
            groups = context.caller.groups
            return Asks(Recount(dataset_id=dataset.dataset_id, selections=criteria, groups=groups))


def remove_dataset(basket: Basket, command: commands.BasketDatasetRemove, context: Context) -> Step:
    dataset = holding.find(basket, command.dataset_selection_id)
    if dataset is None:
        return Completed(status=200, basket=basket)
    return holding.without(basket, dataset, context)


def _absence(basket: Basket | None, context: Context) -> Refused | None:
    """Refuse a basket that is not there, unless it is the caller's own, which is created by what it finds."""
    if (basket is not None and basket.is_open) or context.key == context.caller.user:
        return None
    message = f"there is no open basket {context.key!r}"
    return Refused(problems=(Problem(code=ErrorKey.BASKET_NOT_FOUND, message=message),), is_final=True)


def _added(basket: Basket | None, wish: _Wish, context: Context) -> Step:
    read = requests.criteria(wish.request, wish.at)
    if isinstance(read, list):
        return Refused(problems=tuple(read))
    match context.answer:
        case Measured(()):
            return _nothing(basket)
        case Measured(found):
            return _with_found(basket, wish, found, context)
        case UnknownFields(names):
            return Refused(problems=tuple(requests.unknown_field(name, read) for name in names))
        case TooCostly():
            return Refused(problems=(holding.too_costly(),))
        case _:
            known = tuple((one.dataset_id, requests.of_selections(one)) for one in holding.datasets(basket))
            fields = tuple(name for name, _ in read.fields)
            asked = Measure(asked=read.criteria, known=known, fields=fields, groups=context.caller.groups)
            return Asks(asked)


def _with_found(basket: Basket | None, wish: _Wish, found: tuple[Found, ...], context: Context) -> Step:
    known = {dataset.dataset_id: dataset for dataset in holding.datasets(basket)}
    problems: list[Problem] = []
    if sum(len(one.selections) for one in known.values()) + len(found) > MAX_SELECTIONS:
        message = f"a basket holds at most {MAX_SELECTIONS} dated selections"
        problems.append(Problem(code=ErrorKey.LIMIT_EXCEEDED, message=message))
    for one in found:
        dataset = known.get(one.dataset_id)
        if dataset is not None and any(selection.at == wish.at for selection in dataset.selections):
            message = f"the dataset {one.dataset_id!r} has a selection of this date already"
            problems.append(Problem(code=ErrorKey.SELECTION_DUPLICATE, message=message, path=_DATE))
        known[one.dataset_id] = _grown(dataset, wish, one, context.new_id)
        problems += holding.limit_problems(known[one.dataset_id], context.catalog)
    if problems:
        return Refused(problems=tuple(problems))
    return holding.with_datasets(basket, tuple(known.values()), context)


def _grown(
    dataset: DatasetSelection | None, wish: _Wish, found: Found, new_id: Callable[[], str]
) -> DatasetSelection:
    selection = DatedSelection(at=wish.at, request=wish.request, counts=found.counts)
    if dataset is None:
        dataset = DatasetSelection(
            id=new_id(), dataset_id=found.dataset_id, label=found.label, counts=Counts(), selections=()
        )
    selections = (*dataset.selections, selection)
    return structs.replace(dataset, label=found.label, counts=found.total, selections=selections)


def _nothing(basket: Basket | None) -> Completed:
    return Completed(status=204, basket=basket if basket is not None and basket.is_open else None)


def _free(basket: Basket | None, now: datetime) -> datetime:
    """Give now, or the next instant at which no dataset of the basket has a selection."""
    taken = {selection.at for dataset in holding.datasets(basket) for selection in dataset.selections}
    at = now
    while at in taken:
        at += _CLOSEST
    return at
