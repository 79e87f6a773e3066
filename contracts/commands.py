"""Every command as a frozen struct: the JSON names and JSON types of its body.

The structs say what a body may contain, not what is true of it: a rule that has an error key of its own
(a quantity's range, a missing SKU) is the domain's. `codec_json` and `codec_xml` read bodies.
Sources: contract sections 2.1, 2.2, 5 and 6.6; Intershop's "Set basket related information".
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from contracts.body import (
    AddressFields,
    AnyText,
    Body,
    Command,
    Decoration,
    Instant,
    QuantityInput,
    Text,
    WholeNumber,
)
from contracts.dataset_commands import DATASET_COMMANDS
from contracts.reference_data import PUTS, Delete, UserErase

Page = Annotated[int, Meta(ge=1, le=100)]
FilePage = Annotated[int, Meta(ge=1, le=1000)]


class Read(Command, frozen=True, kw_only=True):
    """Answered by its reply alone."""

    is_read: ClassVar[bool] = True
    may_be_empty: ClassVar[bool] = True


class BasketCreate(Command, frozen=True, kw_only=True):
    xml_name: ClassVar[str] = "Basket"
    may_be_empty: ClassVar[bool] = True

    name: Decoration = UNSET
    purchase_currency: str | UnsetType = UNSET


class BasketGet(Read, frozen=True, kw_only=True):
    pass


class BasketList(Read, frozen=True, kw_only=True):
    """A page of the caller's open baskets by id; `after` is the id of the last one seen."""

    limit: Page = 20
    after: Text | UnsetType = UNSET


class RecurrenceInput(Body, frozen=True, kw_only=True):
    """Intershop's recurrence, an IANA time zone, and whether orders of data take only what is new.

    What is wrong with a value has error keys of its own.
    """

    xml_name: ClassVar[str] = "recurrence"

    start_date: Instant = UNSET
    end_date: Instant = UNSET
    interval: AnyText = UNSET
    repetitions: WholeNumber = UNSET
    execute_missed_orders: bool = True
    time_zone: AnyText = UNSET
    new_data_only: bool = False


class AddressInput(AddressFields, frozen=True, kw_only=True):
    """A full address, or a reference to one that exists (`urn`, or the deprecated `id`)."""

    urn: Text | UnsetType = UNSET
    id: Text | UnsetType = UNSET


class ShippingMethodInput(Body, frozen=True, kw_only=True):
    id: Text
    name: Decoration = UNSET


class PromotionInput(Body, frozen=True, kw_only=True):
    xml_name: ClassVar[str] = "PromotionLink"

    code: Text
    name: Decoration = UNSET


class BasketUpdate(Command, frozen=True, kw_only=True):
    """The seed's body: only what is sent changes; an empty text removes."""

    xml_name: ClassVar[str] = "Basket"

    name: Decoration = UNSET
    dynamic_messages: Decoration = UNSET
    recurrence: RecurrenceInput | UnsetType = UNSET
    common_ship_to_address: AddressInput | UnsetType = UNSET
    invoice_to_address: AddressInput | UnsetType = UNSET
    common_shipping_method: ShippingMethodInput | UnsetType = UNSET
    promotions: tuple[PromotionInput, ...] = ()
    department: Text | UnsetType = UNSET
    taxation_id: Text | UnsetType = msgspec.field(default=UNSET, name="taxationID")
    external_order_reference_id: Text | UnsetType = msgspec.field(
        default=UNSET, name="externalOrderReferenceID"
    )
    tax_exempt: bool | UnsetType = UNSET
    purchase_currency: str | UnsetType = UNSET
    new_owner_authentication_token: str | UnsetType = UNSET
    cost_center_id: Text | UnsetType = msgspec.field(default=UNSET, name="costCenterID")


class ElementInput(Body, frozen=True, kw_only=True):
    xml_name: ClassVar[str] = "Element"

    sku: str = ""
    quantity: QuantityInput = QuantityInput()


class BasketItemAdd(Command, frozen=True, kw_only=True):
    """Either elements or a quote, never both."""

    elements: tuple[ElementInput, ...] | UnsetType = UNSET
    quote_id: str | UnsetType = msgspec.field(default=UNSET, name="quoteID")


class BasketItemUpdate(Command, frozen=True, kw_only=True):
    """Method and address only where the channel ships in several parts."""

    item_id: Text
    quantity: QuantityInput | UnsetType = UNSET
    shipping_method: ShippingMethodInput | UnsetType = UNSET
    ship_to_address: AddressInput | UnsetType = UNSET


class BasketItemRemove(Command, frozen=True, kw_only=True):
    item_id: Text


class BasketCheckout(Command, frozen=True, kw_only=True):
    """Order now. A basket without recurrence is closed by it."""

    may_be_empty: ClassVar[bool] = True


class BasketEmpty(Command, frozen=True, kw_only=True):
    may_be_empty: ClassVar[bool] = True


class BasketOrders(Read, frozen=True, kw_only=True):
    """A page of a basket's orders, newest first; `before` is the id of the last one seen."""

    limit: Page = 20
    before: Text | UnsetType = UNSET


class OrderGet(Read, frozen=True, kw_only=True):
    pass


class OrderFiles(Read, frozen=True, kw_only=True):
    """A page of an order's files; `after` is what `next` of the page before was."""

    limit: FilePage = 100
    after: Text | UnsetType = UNSET


class RecurrenceGet(Read, frozen=True, kw_only=True):
    pass


class RecurrencePreview(Read, frozen=True, kw_only=True):
    """The next dates, of the basket's recurrence or of one that is not stored."""

    count: Page = 10
    recurrence: RecurrenceInput | UnsetType = UNSET


class RecurrencePause(Command, frozen=True, kw_only=True):
    may_be_empty: ClassVar[bool] = True

    until: Instant = UNSET


class RecurrenceResume(Command, frozen=True, kw_only=True):
    """`missed`: what to do with what fell due meanwhile: place "all", "none", or the newest so many."""

    may_be_empty: ClassVar[bool] = True

    missed: Literal["all", "none"] | Annotated[int, Meta(ge=1, le=1_000_000)] = "none"


BY_TYPE: dict[str, type[Command]] = {
    **{f"{kind}.put": put for kind, put in PUTS.items()},
    **dict.fromkeys((f"{kind}.delete" for kind in PUTS), Delete),
    "user.erase": UserErase,
    "basket.create": BasketCreate,
    "basket.get": BasketGet,
    "basket.list": BasketList,
    "basket.update": BasketUpdate,
    "basket.item.add": BasketItemAdd,
    "basket.item.update": BasketItemUpdate,
    "basket.item.remove": BasketItemRemove,
    **DATASET_COMMANDS,
    "basket.checkout": BasketCheckout,
    "basket.empty": BasketEmpty,
    "basket.orders": BasketOrders,
    "order.get": OrderGet,
    "order.files": OrderFiles,
    "recurrence.get": RecurrenceGet,
    "recurrence.preview": RecurrencePreview,
    "recurrence.pause": RecurrencePause,
    "recurrence.resume": RecurrenceResume,
}
