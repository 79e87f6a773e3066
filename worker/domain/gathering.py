"""What an order takes of the datasets in a basket: the question, and what is shown of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.orders import DatasetTaskView
from worker.domain import requests
from worker.domain.search.questions import Gather, Gathered, Task, Window

if TYPE_CHECKING:
    from worker.domain.basket import Basket
    from worker.domain.reference import Catalog


def question(basket: Basket, order_id: str, groups: tuple[str, ...], window: Window | None) -> Gather:
    """Ask for everything that the selections find now; a window bounds them instead of their dates.

    Raises ValueError for a stored search that cannot be read.
    """
    tasks = tuple(
        Task(
            dataset_id=dataset.dataset_id,
            selections=requests.of_selections(dataset, is_bounded=window is None),
            filter=dataset.filter,
        )
        for dataset in basket.content.datasets
    )
    return Gather(order_id=order_id, tasks=tasks, groups=groups, window=window)


def groups_of(basket: Basket, catalog: Catalog) -> tuple[str, ...]:
    """Give the owner's groups, as upstream systems say or else as in the owner's last command."""
    user = catalog.users.get(basket.owner)
    return user.groups if user is not None and user.groups is not None else basket.groups


def is_needed(basket: Basket) -> bool:
    return bool(basket.content.datasets)


def is_nothing(basket: Basket, gathered: Gathered) -> bool:
    """Whether there is nothing to be ordered: no product, and nothing left of any dataset."""
    return not gathered.datasets and not basket.content.items


def views(gathered: Gathered) -> tuple[DatasetTaskView, ...]:
    return tuple(
        DatasetTaskView(
            dataset_ipid=dataset_id,
            dataset_label=label,
            objects_count=counts.objects,
            files_count=counts.files,
            files_size=counts.size,
        )
        for dataset_id, label, counts in gathered.datasets
    )
