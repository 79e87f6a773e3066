"""The basket: what its owner put into it, and what that costs.

`Content` is what counts for the version; `Priced` is computed from it and from reference data, and a change
in it alone is no change of the basket. Everything is frozen: a command makes a new basket.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import structs

from contracts.instants import epoch_milliseconds
from worker.domain.datasets import DatasetSelection
from worker.domain.value import Value

MAX_ITEMS = 500
MAX_ELEMENTS_IN_ONE_ADD = 200
MAX_PROMOTIONS = 50


class Address(Value, frozen=True, kw_only=True):
    """A copy of an address, as it was when it was set.

    `id` is that of the address or store it was copied from; of one that was sent in full it is derived from
    the other fields: the same address has the same id, whoever sets it and when. `origin` says where to look
    whether it is still there.
    """

    id: str
    origin: Literal["", "address", "store"] = ""
    title: str = ""
    first_name: str = ""
    last_name: str = ""
    company_name1: str = ""
    company_name2: str = ""
    address_line1: str = ""
    address_line2: str = ""
    address_line3: str = ""
    postal_code: str = ""
    city: str = ""
    main_division: str = ""
    country: str = ""
    country_code: str = ""
    email: str = ""
    phone_home: str = ""
    phone_mobile: str = ""
    phone_business: str = ""
    address_name: str = ""


class Item(Value, frozen=True, kw_only=True):
    """`position` counts from 1. Of a quote the price of one piece is agreed, and quantity and item are fixed.

    Method and address are the item's own where the channel ships in several parts.
    """

    id: str
    sku: str
    quantity: int
    position: int
    quote_id: str = ""
    agreed_price: Decimal | None = None
    shipping_method_id: str = ""
    ship_to: Address | None = None


class Rule(Value, frozen=True, kw_only=True):
    """A recurrence as its owner set it: `interval` in normal form, `offset_seconds` that of the start."""

    start_at: datetime
    offset_seconds: int = 0
    time_zone: str | None = None
    interval: str
    end_at: datetime | None = None
    repetitions: int | None = None
    executes_missed: bool = True
    new_data_only: bool = False

    @property
    def grid_key(self) -> tuple[object, ...]:
        """What makes the grid of occurrences: the same key, the same generation."""
        clock = self.time_zone or self.offset_seconds
        return self.start_at, self.interval, clock

    def beside(self, kept: Rule) -> Rule:
        """Give this rule with the start of a kept one, when it is that start as a basket shows it.

        A basket shows milliseconds, or UTC: without this, who sends back what they have read would move the
        wall clock, and begin another generation.
        """
        is_shown = self.offset_seconds == 0 and self.time_zone == kept.time_zone
        if not is_shown or epoch_milliseconds(self.start_at) != epoch_milliseconds(kept.start_at):
            return self
        return structs.replace(self, start_at=kept.start_at, offset_seconds=kept.offset_seconds)


class Content(Value, frozen=True, kw_only=True):
    currency: str
    items: tuple[Item, ...] = ()
    datasets: tuple[DatasetSelection, ...] = ()
    ship_to: Address | None = None
    invoice_to: Address | None = None
    shipping_method_id: str = ""
    department: str = ""
    taxation_id: str = ""
    external_order_reference_id: str = ""
    tax_exempt: bool | None = None
    promotions: tuple[str, ...] = ()
    cost_center_id: str = ""
    recurrence: Rule | None = None

    @property
    def has_quote(self) -> bool:
        return any(item.quote_id for item in self.items)


class Line(Value, frozen=True, kw_only=True):
    """An item's price in the basket's currency: of one piece, and in total; `tax_rate` in percent.

    `list_price` is that of one piece before promotions, when it is another.
    """

    name: str
    price: Decimal
    total: Decimal
    tax_rate: Decimal
    list_price: Decimal | None = None


class Shipping(Value, frozen=True, kw_only=True):
    """A chosen method as it was when the basket was priced; times in days."""

    id: str
    name: str
    price: Decimal
    description: str = ""
    time_min: int | None = None
    time_max: int | None = None


class Tax(Value, frozen=True, kw_only=True):
    rate: Decimal
    amount: Decimal


class Totals(Value, frozen=True, kw_only=True):
    """All in the basket's currency. Rebates are positive and subtracted."""

    basket: Decimal
    items: Decimal
    shipping: Decimal
    tax: Decimal
    basket_rebate: Decimal = Decimal(0)
    shipping_rebate: Decimal = Decimal(0)
    sales_taxes: tuple[Tax, ...] = ()
    shipping_taxes: tuple[Tax, ...] = ()


class Priced(Value, frozen=True, kw_only=True):
    """`lines` runs parallel to the items of the content; `methods` are those that are chosen."""

    lines: tuple[Line, ...]
    totals: Totals
    methods: tuple[Shipping, ...] = ()
    supports_multiple_shipments: bool = False


class Basket(Value, frozen=True, kw_only=True):
    """The aggregate. One that is not open is a tombstone: of it, only version and owner count."""

    channel: str
    id: str
    owner: str
    owner_is_anonymous: bool = False
    customer: str | None = None
    groups: tuple[str, ...] = ()
    version: int
    is_open: bool = True
    opened_at: datetime | None = None
    content: Content
    priced: Priced
