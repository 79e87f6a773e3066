"""Commands about datasets in a basket: selections, filters, processing (REGARDS; contract, section 4).

A null is the same as an absent field here: the original's clients send both.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from contracts.body import Body, Command, Instant, Reference, Text

QueryText = Annotated[str, Meta(max_length=65_536)]
OneOrMore = QueryText | tuple[QueryText, ...]
# Named by the original's search engines, and none of ours: each has an error of its own.
OtherGeometry = Annotated[Any, Meta(description="Refused with 422: only `g` is known.", extra_json_schema={})]
Parameters = Annotated[
    Any,
    Meta(
        description="Texts, numbers or truth values by name.",
        extra_json_schema={
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
    ),
]


class SearchParameters(Body, frozen=True, kw_only=True):
    """`q` in Lucene's syntax; `g` an area as WKT POLYGON. Of several all must match."""

    q: OneOrMore | UnsetType | None = UNSET
    g: OneOrMore | UnsetType | None = UNSET
    bbox: OtherGeometry = UNSET
    box: OtherGeometry = UNSET
    geometry: OtherGeometry = UNSET
    lat: OtherGeometry = UNSET
    lon: OtherGeometry = UNSET
    r: OtherGeometry = UNSET
    radius: OtherGeometry = UNSET


class BasketSelectionAdd(Command, frozen=True, kw_only=True):
    """Add what a search finds, of what was created before `selectionDate`, which names the selection."""

    engine_type: Text | None = None
    dataset_urn: str | UnsetType | None = UNSET
    search_parameters: SearchParameters | UnsetType | None = UNSET
    entity_ids_to_include: tuple[str, ...] | UnsetType | None = UNSET
    entity_ids_to_exclude: tuple[str, ...] | UnsetType | None = UNSET
    selection_date: Instant = UNSET


class BasketSelectionUpload(Command, frozen=True, kw_only=True):
    """Add the objects with these provider ids."""

    provider_ids: tuple[Reference, ...]


class BasketDatasetRemove(Command, frozen=True, kw_only=True):
    dataset_selection_id: Reference


class BasketSelectionRemove(Command, frozen=True, kw_only=True):
    """Remove one dated selection, by the date that the basket shows."""

    dataset_selection_id: Reference
    selection_date: Instant


class BasketDatasetSetFilters(Command, frozen=True, kw_only=True):
    """Order only some of a dataset's files; nothing but the id removes the filter."""

    dataset_selection_id: Reference
    file_types: tuple[Literal["RAWDATA", "QUICKLOOK"], ...] | UnsetType | None = UNSET
    file_name_pattern: str | UnsetType | None = UNSET


class BasketDatasetSetProcessing(Command, frozen=True, kw_only=True):
    """Have a dataset's objects processed; without a process it is removed."""

    dataset_selection_id: Reference
    process_business_id: str | UnsetType | None = UNSET
    parameters: Parameters = UNSET


DATASET_COMMANDS: dict[str, type[Command]] = {
    "basket.selection.add": BasketSelectionAdd,
    "basket.selection.upload": BasketSelectionUpload,
    "basket.selection.remove": BasketSelectionRemove,
    "basket.dataset.remove": BasketDatasetRemove,
    "basket.dataset.set-filters": BasketDatasetSetFilters,
    "basket.dataset.set-processing": BasketDatasetSetProcessing,
}
