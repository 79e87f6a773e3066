"""Orders, and what is said about recurrences (contract, 1.3, 6.6, 6.7, 7). Dates: ISO 8601, UTC, Z."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from contracts.representation import (
    AddressView,
    AppliedTaxView,
    BucketView,
    MoneyView,
    PromotionView,
    ShippingMethodView,
    TotalsView,
    View,
)


class RecurringView(View, frozen=True, kw_only=True):
    """Which occurrence an order is; `trigger` is "schedule", or "now" for one that was ordered early."""

    generation: int
    occurrence: int
    due_at: str
    catch_up: bool
    trigger: str


class OrderLineView(View, frozen=True, kw_only=True):
    sku: str
    name: str
    quantity: int
    price: MoneyView
    total: MoneyView


class DatasetTaskView(View, frozen=True, kw_only=True):
    """What is ordered of a dataset, after its filter; `filesSize` in bytes."""

    dataset_ipid: str
    dataset_label: str
    objects_count: int
    files_count: int
    files_size: int


class OrderView(View, frozen=True, kw_only=True):
    """An order: the basket as it stood, at the prices of the day. It is the body of `order.placed`."""

    type: str = "Order"
    id: str
    number: str
    basket_id: str
    channel: str
    owner: str
    recurring: RecurringView | UnsetType = UNSET
    placed_at: str
    purchase_currency: str
    cost_center_id: str | UnsetType = msgspec.field(default=UNSET, name="costCenterID")
    invoice_to_address: AddressView | UnsetType = UNSET
    common_ship_to_address: AddressView | UnsetType = UNSET
    common_shipping_method: ShippingMethodView | UnsetType = UNSET
    department: str | UnsetType = UNSET
    taxation_id: str | UnsetType = msgspec.field(default=UNSET, name="taxationID")
    external_order_reference_id: str | UnsetType = msgspec.field(
        default=UNSET, name="externalOrderReferenceID"
    )
    tax_exempt: bool | UnsetType = UNSET
    promotions: tuple[PromotionView, ...] | UnsetType = UNSET
    shipping_buckets: tuple[BucketView, ...] | UnsetType = UNSET  # with multiple shipments
    sales_tax_totals_by_tax_rate: tuple[AppliedTaxView, ...] | UnsetType = UNSET
    shipping_tax_totals_by_tax_rate: tuple[AppliedTaxView, ...] | UnsetType = UNSET
    totals: TotalsView
    line_items: tuple[OrderLineView, ...]
    dataset_tasks: tuple[DatasetTaskView, ...] | UnsetType = UNSET


class OrderFileView(View, frozen=True, kw_only=True):
    """A file as it was when it was ordered; `size` in bytes."""

    dataset_ipid: str
    object_urn: str
    name: str
    type: str
    size: int
    reference: bool


class OrderFilesPageView(View, frozen=True, kw_only=True):
    """`next`, when there is more: what `after` must be for the following page."""

    files: tuple[OrderFileView, ...]
    next: str | UnsetType = UNSET


class OrderSummaryView(View, frozen=True, kw_only=True):
    id: str
    number: str
    placed_at: str
    occurrence: int | UnsetType = UNSET
    due_at: str | UnsetType = UNSET
    basket_total: MoneyView


class OrderPageView(View, frozen=True, kw_only=True):
    """`next`, when there is more: what `before` must be for the following page."""

    orders: tuple[OrderSummaryView, ...]
    next: str | UnsetType = UNSET


class ReasonView(View, frozen=True, kw_only=True):
    code: str
    message: str


class RuleView(View, frozen=True, kw_only=True):
    """A recurrence as it was sent, in normal form."""

    start_date: str
    end_date: str | UnsetType = UNSET
    interval: str
    repetitions: int | UnsetType = UNSET
    execute_missed_orders: bool
    time_zone: str | UnsetType = UNSET
    new_data_only: bool | UnsetType = UNSET


class OccurrenceView(View, frozen=True, kw_only=True):
    occurrence: int
    due_at: str


class PreviewView(View, frozen=True, kw_only=True):
    occurrences: tuple[OccurrenceView, ...]


class RecurrenceStatusView(View, frozen=True, kw_only=True):
    """The body of `recurrence.get`, and of what pause and resume answer. Counts are of the generation."""

    state: str
    generation: int
    recurrence: RuleView
    next_order_date: str | UnsetType = UNSET
    last_order_date: str | UnsetType = UNSET
    paused_until: str | UnsetType = UNSET
    order_count: int
    last_orders: tuple[OrderSummaryView, ...]
    last_error: ReasonView | UnsetType = UNSET


class RecurrenceNoticeView(View, frozen=True, kw_only=True):
    """The body of recurrence.started, .changed, .removed, .paused, .resumed and .expired."""

    basket_id: str
    generation: int
    state: str
    recurrence: RuleView
    next_order_date: str | UnsetType = UNSET
    order_count: int
    paused_until: str | UnsetType = UNSET


class SuspendedView(View, frozen=True, kw_only=True):
    """The body of recurrence.suspended."""

    basket_id: str
    generation: int
    reason: ReasonView
    missed: int | UnsetType = UNSET
    occurrence: int | UnsetType = UNSET
    due_at: str | UnsetType = UNSET


class SkippedView(View, frozen=True, kw_only=True):
    """The body of occurrence.skipped: a range, both ends included."""

    basket_id: str
    generation: int
    first: OccurrenceView
    last: OccurrenceView
    count: int
    reason: str


class OrderFailedView(View, frozen=True, kw_only=True):
    """The body of order.failed; without `nextTryAt` nobody tries again by himself."""

    basket_id: str
    generation: int
    occurrence: int
    due_at: str
    catch_up: bool
    reason: ReasonView
    attempt: int
    next_try_at: str | UnsetType = UNSET


class OrderUpcomingView(View, frozen=True, kw_only=True):
    """The body of order.upcoming: what will be ordered then, unless somebody steps in."""

    basket_id: str
    generation: int
    occurrence: int
    due_at: str


class BasketExpiredView(View, frozen=True, kw_only=True):
    """The body of basket.expired; `reason` is "untouched", or "user_erased"."""

    basket_id: str
    changed: str
    reason: str
