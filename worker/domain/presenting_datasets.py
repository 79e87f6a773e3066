"""From the datasets in a basket to what the world sees of them (REGARDS; contract, section 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from contracts.instants import iso_microseconds
from contracts.representation import (
    DatasetSelectionView,
    FileSelectionDescriptionView,
    ItemsSelectionView,
    ProcessDatasetDescriptionView,
    SearchParametersView,
    SelectionRequestView,
    present,
)

if TYPE_CHECKING:
    from worker.domain.datasets import DatasetSelection, DatedSelection, FileFilter, Processing


def view(dataset: DatasetSelection) -> DatasetSelectionView:
    counts = dataset.counts
    return DatasetSelectionView(
        id=dataset.id,
        dataset_ipid=dataset.dataset_id,
        dataset_label=dataset.label,
        objects_count=counts.objects,
        files_count=counts.files,
        files_size=counts.size,
        quota=counts.quota,
        items_selections=tuple(_selection(selection) for selection in dataset.selections),
        file_selection_description=_filter(dataset.filter),
        process_dataset_description=_processing(dataset.processing),
    )


def _selection(selection: DatedSelection) -> ItemsSelectionView:
    counts, request = selection.counts, selection.request
    at = iso_microseconds(selection.at)
    return ItemsSelectionView(
        date=at,
        objects_count=counts.objects,
        files_count=counts.files,
        files_size=counts.size,
        quota=counts.quota,
        selection_request=SelectionRequestView(
            engine_type=request.engine_type,
            dataset_urn=present(request.dataset_urn),
            search_parameters=_parameters(
                _uploaded(request.provider_ids) if request.provider_ids else request.q, request.g
            ),
            entity_ids_to_include=present(request.include),
            entity_ids_to_exclude=present(request.exclude),
            selection_date=at,
        ),
    )


def _uploaded(provider_ids: Sequence[str]) -> str:
    """Write an upload as the query that finds the same."""
    quoted = (re.sub(r'(["\\])', r"\\\1", id_) for id_ in provider_ids)
    return "providerId:(" + " OR ".join(f'"{id_}"' for id_ in quoted) + ")"


def _parameters(q: str | tuple[str, ...], g: str | tuple[str, ...]) -> SearchParametersView | UnsetType:
    if not q and not g:
        return UNSET
    return SearchParametersView(q=present(q), g=present(g))


def _filter(chosen: FileFilter | None) -> FileSelectionDescriptionView | UnsetType:
    if chosen is None:
        return UNSET
    return FileSelectionDescriptionView(
        file_types=present(chosen.types), file_name_pattern=present(chosen.name_pattern)
    )


def _processing(attached: Processing | None) -> ProcessDatasetDescriptionView | UnsetType:
    if attached is None:
        return UNSET
    return ProcessDatasetDescriptionView(
        process_business_id=attached.process_id,
        parameters=dict(attached.parameters) if attached.parameters else UNSET,
    )
