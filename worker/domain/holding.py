"""The datasets that a basket holds: found, replaced, and checked against their processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from contracts.errors import ErrorKey, Problem
from worker.domain import creating
from worker.domain.basket import Basket, Content
from worker.domain.datasets import DatasetSelection
from worker.domain.decisions import Completed
from worker.domain.reference import Catalog, LimitType
from worker.domain.search.questions import Window

if TYPE_CHECKING:
    from worker.domain.decisions import Context


def datasets(basket: Basket | None) -> tuple[DatasetSelection, ...]:
    return basket.content.datasets if basket is not None and basket.is_open else ()


def find(basket: Basket, dataset_selection_id: str) -> DatasetSelection | None:
    return next((one for one in basket.content.datasets if one.id == dataset_selection_id), None)


def with_dataset(basket: Basket, dataset: DatasetSelection, context: Context) -> Completed:
    """Put a dataset in the place of what the basket held of it."""
    changed = tuple(dataset if one.id == dataset.id else one for one in basket.content.datasets)
    return with_datasets(basket, changed, context)


def with_datasets(basket: Basket | None, held: tuple[DatasetSelection, ...], context: Context) -> Completed:
    """Let a basket hold these datasets; one that is not there is opened with them."""
    if basket is None or not basket.is_open:
        content = Content(currency=context.channel.currency, datasets=held)
        return Completed(status=200, basket=creating.opened(basket, content, context))
    content = structs.replace(basket.content, datasets=held)
    return Completed(status=200, basket=creating.changed(basket, content, context))


def without(basket: Basket, gone: DatasetSelection, context: Context) -> Completed:
    left = tuple(one for one in basket.content.datasets if one.id != gone.id)
    return with_datasets(basket, left, context)


def limit_problems(dataset: DatasetSelection, catalog: Catalog) -> list[Problem]:
    """Say whether a dataset holds more than its process takes; as much is taken."""
    process = None if dataset.processing is None else catalog.processes.get(dataset.processing.process_id)
    if process is None or process.limit_type is None:
        return []
    held = _held(dataset, process.limit_type)
    if held <= process.limit_value:
        return []
    message = (
        f"the process takes at most {process.limit_value} {process.limit_type.lower()} of a dataset, "
        f"{dataset.dataset_id!r} has {held}"
    )
    return [Problem(code=ErrorKey.PROCESS_LIMIT_EXCEEDED, message=message)]


def unknown_process(process_id: str, path: str | None = None) -> Problem:
    message = f"there is no process {process_id[:100]!r}"
    return Problem(code=ErrorKey.PROCESS_NOT_FOUND, message=message, path=path)


def too_costly() -> Problem:
    message = "the search takes too long: narrow it"
    return Problem(code=ErrorKey.SERVICE_UNAVAILABLE, message=message)


def nothing_left(window: Window | None) -> Problem:
    """Say that an order would be empty."""
    message = "nothing is left of the selected data"
    if window is not None:
        message = "there is no new data since the last order"
    return Problem(code=ErrorKey.BASKET_EMPTY, message=message)


def _held(dataset: DatasetSelection, limit: LimitType) -> int:
    counts = dataset.counts
    return {
        LimitType.FEATURES: counts.objects,
        LimitType.FILES: counts.files,
        LimitType.BYTES: counts.size,
    }[limit]
