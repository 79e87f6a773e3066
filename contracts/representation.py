"""The basket as the world sees it (contract, section 3): Intershop's response, field for field.

Fields that are UNSET are left out. Amounts are decimals without trailing zeros, so that they encode as the
JSON numbers of the seed (193.08, 2.7, 0).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class MoneyView(View, frozen=True, kw_only=True):
    type: str = "Money"
    currency_mnemonic: str
    value: Decimal


class AddressView(View, frozen=True, kw_only=True):
    type: str = "Address"
    id: str
    title: str | UnsetType = UNSET
    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    company_name1: str | UnsetType = UNSET
    company_name2: str | UnsetType = UNSET
    address_line1: str | UnsetType = UNSET
    address_line2: str | UnsetType = UNSET
    address_line3: str | UnsetType = UNSET
    postal_code: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    main_division: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    country_code: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone_home: str | UnsetType = UNSET
    phone_mobile: str | UnsetType = UNSET
    phone_business: str | UnsetType = UNSET
    address_name: str | UnsetType = UNSET


class ShippingMethodView(View, frozen=True, kw_only=True):
    """`type` is ShippingMethodRO on the basket and BasketShippingMethod, without description, in a bucket."""

    type: str
    id: str
    name: str
    description: str | UnsetType = UNSET
    shipping_time_min: int | UnsetType = UNSET
    shipping_time_max: int | UnsetType = UNSET


class AppliedTaxView(View, frozen=True, kw_only=True):
    name: str = "name"
    type: str = "AppliedTax"
    amount: MoneyView
    rate: Decimal


class AttributeView(View, frozen=True, kw_only=True):
    name: str
    type: str
    value: int | str


class LinkView(View, frozen=True, kw_only=True):
    type: str = "Link"
    uri: str
    title: str
    attributes: tuple[AttributeView, ...]


class BucketView(View, frozen=True, kw_only=True):
    name: str = "basketShippingBucket"
    type: str = "BasketShippingBucket"
    shipping_method: ShippingMethodView | UnsetType = UNSET
    ship_to_address: AddressView | UnsetType = UNSET
    line_items: tuple[LinkView, ...]


class PromotionView(View, frozen=True, kw_only=True):
    type: str = "PromotionLink"
    code: str


class TotalsView(View, frozen=True, kw_only=True):
    name: str = "basketTotals"
    type: str = "BasketTotals"
    basket_total: MoneyView
    item_total: MoneyView
    shipping_total: MoneyView
    tax_total: MoneyView
    basket_value_rebates_total: MoneyView
    item_shipping_rebates_total: MoneyView
    bucket_shipping_rebates_total: MoneyView
    basket_shipping_rebates_total: MoneyView
    duties_and_surcharges_total: MoneyView


class RecurrenceView(View, frozen=True, kw_only=True):
    """Dates in epoch milliseconds, as the seed has them in JSON."""

    type: str = "Recurrence"
    start_date: int
    end_date: int | UnsetType = UNSET
    interval: str
    repetitions: int | UnsetType = UNSET
    execute_missed_orders: bool
    time_zone: str | UnsetType = UNSET
    new_data_only: bool | UnsetType = UNSET


class SearchParametersView(View, frozen=True, kw_only=True):
    """As it was sent: one text, or a list."""

    q: str | tuple[str, ...] | UnsetType = UNSET
    g: str | tuple[str, ...] | UnsetType = UNSET


class SelectionRequestView(View, frozen=True, kw_only=True):
    engine_type: str
    dataset_urn: str | UnsetType = UNSET
    search_parameters: SearchParametersView | UnsetType = UNSET
    entity_ids_to_include: tuple[str, ...] | UnsetType = UNSET
    entity_ids_to_exclude: tuple[str, ...] | UnsetType = UNSET
    selection_date: str


class ItemsSelectionView(View, frozen=True, kw_only=True):
    """What one search found when it was added; `filesSize` in bytes, `quota` in files."""

    date: str
    objects_count: int
    files_count: int
    files_size: int
    quota: int
    selection_request: SelectionRequestView


class FileSelectionDescriptionView(View, frozen=True, kw_only=True):
    file_types: tuple[str, ...] | UnsetType = UNSET
    file_name_pattern: str | UnsetType = UNSET


class ProcessDatasetDescriptionView(View, frozen=True, kw_only=True):
    process_business_id: str
    parameters: dict[str, str | int | float | bool] | UnsetType = UNSET


class DatasetSelectionView(View, frozen=True, kw_only=True):
    """A dataset in a basket; its counts are those of the union of its selections."""

    id: str
    dataset_ipid: str
    dataset_label: str
    objects_count: int
    files_count: int
    files_size: int
    quota: int
    items_selections: tuple[ItemsSelectionView, ...]
    file_selection_description: FileSelectionDescriptionView | UnsetType = UNSET
    process_dataset_description: ProcessDatasetDescriptionView | UnsetType = UNSET


class BasketView(View, frozen=True, kw_only=True):
    name: str = "basket"
    type: str = "Basket"
    id: str
    owner: str
    version: int
    purchase_currency: str
    # Two p: the seed spells it so, and its clients read it so.
    multiple_shipments_supported: bool = msgspec.field(name="multipleShippmentsSupported")
    cost_center_id: str | UnsetType = msgspec.field(default=UNSET, name="costCenterID")
    invoice_to_address: AddressView | UnsetType = UNSET
    common_ship_to_address: AddressView | UnsetType = UNSET
    common_shipping_method: ShippingMethodView | UnsetType = UNSET
    sales_tax_totals_by_tax_rate: tuple[AppliedTaxView, ...] | UnsetType = UNSET
    shipping_tax_totals_by_tax_rate: tuple[AppliedTaxView, ...] | UnsetType = UNSET
    shipping_buckets: tuple[BucketView, ...] | UnsetType = UNSET
    totals: TotalsView
    department: str | UnsetType = UNSET
    taxation_id: str | UnsetType = msgspec.field(default=UNSET, name="taxationID")
    external_order_reference_id: str | UnsetType = msgspec.field(
        default=UNSET, name="externalOrderReferenceID"
    )
    tax_exempt: bool | UnsetType = UNSET
    promotions: tuple[PromotionView, ...] | UnsetType = UNSET
    recurrence: RecurrenceView | UnsetType = UNSET
    dataset_selections: tuple[DatasetSelectionView, ...] | UnsetType = UNSET
    quota: int | UnsetType = UNSET  # RAWDATA files stored internally, of all datasets


class BasketSummaryView(View, frozen=True, kw_only=True):
    """`changed` is the instant of the last change, ISO 8601 in UTC; `total` the basket total."""

    id: str
    version: int
    changed: str
    total: MoneyView


class BasketPageView(View, frozen=True, kw_only=True):
    """A caller's open baskets by id; `next`, when there is more: what `after` must be for the next page."""

    baskets: tuple[BasketSummaryView, ...]
    next: str | UnsetType = UNSET


def plain(value: Decimal) -> Decimal:
    """Give the number without trailing zeros and without an exponent: 2.70 → 2.7, 100 → 100."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def present(value: Any) -> Any:
    """Give the value, or UNSET for what is absent: None, an empty text, an empty list."""
    return UNSET if value is None or value in ("", ()) else value
