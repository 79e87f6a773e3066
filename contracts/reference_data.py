"""Reference data: what upstream systems publish and baskets must know (contract, section 5).

Each put replaces the entry of its key as a whole; each delete removes it, and is no error when there is none.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from contracts.body import (
    AddressFields,
    Body,
    Command,
    CurrencyCode,
    Instant,
    Money,
    Name,
    QuantityInput,
    Rate,
    Reference,
    WholeNumber,
)

Days = Annotated[int, Meta(ge=0, le=365)]
FileType = Literal[
    "RAWDATA",
    "QUICKLOOK_SD",
    "QUICKLOOK_MD",
    "QUICKLOOK_HD",
    "DOCUMENT",
    "THUMBNAIL",
    "OTHER",
    "AIP",
    "DESCRIPTION",
]
Attributes = Annotated[
    Any,
    Meta(
        description="Texts, numbers, truth values, lists of these, and objects of them, by name.",
        extra_json_schema={"type": "object"},
    ),
]
Geometry = Annotated[
    Any,
    Meta(description="GeoJSON Point or Polygon, kept as its envelope.", extra_json_schema={"type": "object"}),
]


class Put(Command, frozen=True, kw_only=True):
    is_reference: ClassVar[bool] = True


class Delete(Command, frozen=True, kw_only=True):
    is_reference: ClassVar[bool] = True
    may_be_empty: ClassVar[bool] = True


class ChannelPut(Put, frozen=True, kw_only=True):
    """The settings of a sales channel; the key is the channel's name. Durations are ISO 8601."""

    recurring_orders_enabled: bool = False
    multiple_shipments_supported: bool = False
    pickup_in_store: bool = False
    price_type: Literal["gross", "net"] = "gross"
    currency: CurrencyCode = "USD"
    # A factory: msgspec cannot write a default of this type into a schema.
    shipping_tax_rate: Annotated[Rate, Meta(extra_json_schema={"default": 0})] = msgspec.field(
        default_factory=lambda: Rate(0)
    )
    missed_after: str = "PT1H"
    catch_up_limit: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    upcoming_notice: str | UnsetType = UNSET
    basket_lifetime: str = "P90D"


class ProductPut(Put, frozen=True, kw_only=True):
    """A product; the key is its SKU, `taxRate` is in percent."""

    name: Name
    price: Money
    tax_rate: Rate
    available: bool = True


class ShippingMethodPut(Put, frozen=True, kw_only=True):
    """A shipping method; the price is for one shipping bucket, the times are in days."""

    name: Name
    price: Money
    description: Annotated[str, Meta(max_length=1024)] = ""
    shipping_time_min: Days | UnsetType = UNSET
    shipping_time_max: Days | UnsetType = UNSET


class PromotionPut(Put, frozen=True, kw_only=True):
    """A promotion; the key is its code. Either a percentage or an amount is taken off the target."""

    target: Literal["item", "basket", "shipping"]
    percentage: Rate | UnsetType = UNSET
    amount: Money | UnsetType = UNSET
    valid_from: Instant = UNSET
    valid_to: Instant = UNSET
    minimum: Money | UnsetType = UNSET


class UserPut(Put, frozen=True, kw_only=True):
    """A user; the key is the `sub` of the user's tokens. What is sent here overrides the token's claims."""

    groups: tuple[Reference, ...] | UnsetType = UNSET
    customer: Reference | UnsetType = UNSET


class CustomerPut(Put, frozen=True, kw_only=True):
    business: bool


class AddressPut(Put, AddressFields, frozen=True, kw_only=True):
    """An address that baskets can name; the key is its id, `owner` a user's `sub` or a customer's id."""

    owner: Reference
    ship_to: bool = False
    invoice_to: bool = False


class StorePut(Put, frozen=True, kw_only=True):
    """A store where baskets can be picked up; the key is its id."""

    address: AddressFields


class CostCenterPut(Put, frozen=True, kw_only=True):
    """A cost center of a business customer; the key is its business number."""

    customer: Reference
    active: bool = True


class QuoteItemInput(Body, frozen=True, kw_only=True):
    """`price` is that of one piece."""

    xml_name: ClassVar[str] = "QuoteItem"

    sku: Reference
    quantity: WholeNumber | QuantityInput
    price: Money


class QuotePut(Put, frozen=True, kw_only=True):
    """Items at prices and quantities agreed with a customer, until `validTo`."""

    customer: Reference
    state: Literal["open", "accepted", "rejected"]
    valid_to: Instant
    items: Annotated[tuple[QuoteItemInput, ...], Meta(min_length=1, max_length=500)]


class DatasetPut(Put, frozen=True, kw_only=True):
    """A dataset; the key is its URN. Without `groups` everybody may order of it, with none nobody."""

    label: Name
    groups: tuple[Reference, ...] | UnsetType = UNSET


class FileInput(Body, frozen=True, kw_only=True):
    """A file of a data object, `size` in bytes; a `reference` is not stored internally."""

    xml_name: ClassVar[str] = "File"

    name: Annotated[str, Meta(min_length=1, max_length=1024)]
    type: FileType
    size: Annotated[int, Meta(ge=0, le=2**53)]
    reference: bool = False


class DataObjectPut(Put, frozen=True, kw_only=True):
    """A data object; the key is its URN. `geometry` is a GeoJSON Point or Polygon."""

    provider_id: Reference
    datasets: Annotated[tuple[Reference, ...], Meta(max_length=100)] = ()
    attributes: Attributes = UNSET
    geometry: Geometry = UNSET
    created_at: Instant
    files: Annotated[tuple[FileInput, ...], Meta(max_length=1000)] = ()


class ProcessLimitInput(Body, frozen=True, kw_only=True):
    type: Literal["FEATURES", "FILES", "BYTES"]
    value: Annotated[int, Meta(ge=1, le=2**53)]


class ProcessPut(Put, frozen=True, kw_only=True):
    """A process that datasets can be sent through; the limit is of one that forbids splitting."""

    forbid_split: bool = False
    limit: ProcessLimitInput | UnsetType = UNSET


class UserErase(Delete, frozen=True, kw_only=True):
    """Remove what is kept of a person; the key is the user's `sub`. Counts and sums stay."""


PUTS: dict[str, type[Put]] = {
    "channel": ChannelPut,
    "product": ProductPut,
    "shipping-method": ShippingMethodPut,
    "promotion": PromotionPut,
    "user": UserPut,
    "customer": CustomerPut,
    "address": AddressPut,
    "store": StorePut,
    "cost-center": CostCenterPut,
    "quote": QuotePut,
    "dataset": DatasetPut,
    "data-object": DataObjectPut,
    "process": ProcessPut,
}
