"""Reference data: what upstream systems tell us and baskets must know (contract, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from contracts.durations import parse_duration
from worker.domain.basket import Address
from worker.domain.money import Money
from worker.domain.objects import DataObject
from worker.domain.value import Value


class Channel(Value, frozen=True, kw_only=True):
    """A sales channel's settings, with the contract's defaults; durations are ISO 8601 as sent."""

    recurring_orders_enabled: bool = False
    supports_multiple_shipments: bool = False
    pickup_in_store: bool = False
    price_type: Literal["gross", "net"] = "gross"
    currency: str = "USD"
    shipping_tax_rate: Decimal = Decimal(0)
    missed_after: str = "PT1H"
    catch_up_limit: int = 100
    upcoming_notice: str = ""
    basket_lifetime: str = "P90D"

    @property
    def notice_seconds(self) -> int:
        """How far ahead an order is announced; 0 for not at all."""
        notice = parse_duration(self.upcoming_notice)
        return round(notice.total_seconds()) if notice is not None else 0


class Product(Value, frozen=True, kw_only=True):
    name: str
    price: Money
    tax_rate: Decimal
    is_available: bool = True


class ShippingMethod(Value, frozen=True, kw_only=True):
    name: str
    price: Money
    description: str = ""
    time_min: int | None = None
    time_max: int | None = None


class Target(StrEnum):
    ITEM = "item"
    BASKET = "basket"
    SHIPPING = "shipping"


class Promotion(Value, frozen=True, kw_only=True):
    """Takes a percentage or an amount off its target; both ends of its validity are included."""

    target: Target
    percentage: Decimal | None = None
    amount: Money | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    minimum: Money | None = None


class User(Value, frozen=True, kw_only=True):
    """What is set here holds instead of the claims of the user's tokens."""

    groups: tuple[str, ...] | None = None
    customer: str | None = None


class Customer(Value, frozen=True, kw_only=True):
    is_business: bool


class KnownAddress(Value, frozen=True, kw_only=True):
    """An address of a user or a customer, and what it may be used for."""

    owner: str
    is_ship_to: bool = False
    is_invoice_to: bool = False
    address: Address


class Store(Value, frozen=True, kw_only=True):
    address: Address


class CostCenter(Value, frozen=True, kw_only=True):
    customer: str
    is_active: bool = True


class QuoteItem(Value, frozen=True, kw_only=True):
    sku: str
    quantity: int
    price: Money


class Quote(Value, frozen=True, kw_only=True):
    customer: str
    state: Literal["open", "accepted", "rejected"]
    valid_to: datetime
    items: tuple[QuoteItem, ...]


class Dataset(Value, frozen=True, kw_only=True):
    """`groups` that may order of it: None for everybody, empty for nobody.

    `terms` are the words of its label, as `search.terms` writes them.
    """

    label: str
    groups: tuple[str, ...] | None = None
    terms: str = ""


class LimitType(StrEnum):
    FEATURES = "FEATURES"
    FILES = "FILES"
    BYTES = "BYTES"


class Process(Value, frozen=True, kw_only=True):
    """What one dataset may hold for it: no more than `limit_value` of the limit's type, when there is one."""

    limit_type: LimitType | None = None
    limit_value: int = 0


Reference: TypeAlias = (
    Channel
    | Product
    | ShippingMethod
    | Promotion
    | User
    | Customer
    | KnownAddress
    | Store
    | CostCenter
    | Quote
    | Dataset
    | Process
    | DataObject
)


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """What a command may look up, of its own channel."""

    products: Mapping[str, Product] = {}
    shipping_methods: Mapping[str, ShippingMethod] = {}
    promotions: Mapping[str, Promotion] = {}
    users: Mapping[str, User] = {}
    customers: Mapping[str, Customer] = {}
    addresses: Mapping[str, KnownAddress] = {}
    stores: Mapping[str, Store] = {}
    cost_centers: Mapping[str, CostCenter] = {}
    quotes: Mapping[str, Quote] = {}
    processes: Mapping[str, Process] = {}
