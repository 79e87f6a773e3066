"""Every command as a frozen struct: the JSON names and JSON types of its body.

The structs say what a body may contain, not what is true of it: a rule that has an error key of its own
(a quantity's range, a missing SKU) is the domain's. `codec_json` turns a body into one of these.
Sources: contract sections 2.1, 2.2 and 5; Intershop's "Set basket related information".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

# No control characters: each takes six bytes in JSON, and no title needs one.
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern="^[^\x00-\x1f]*$")]
Text = Annotated[str, Meta(max_length=256)]
Days = Annotated[int, Meta(ge=0, le=365)]
CurrencyCode = Annotated[str, Meta(pattern="^[A-Z]{3}$")]


_HUGE = 10**12
_MAX_DECIMALS = 12


class Number(Decimal):
    """A JSON number, exactly as it was written."""

    @classmethod
    def read(cls, value: Decimal) -> Number:
        """Take a value of a sane size; ValueError says what is wrong with it."""
        exponent = value.as_tuple().exponent
        if not (-_HUGE < value < _HUGE and isinstance(exponent, int) and exponent >= -_MAX_DECIMALS):
            raise ValueError("the number is out of range")
        return cls(value)


class Rate(Number):
    """A tax rate in percent, 0 to 100."""

    @classmethod
    def read(cls, value: Decimal) -> Rate:
        if not 0 <= value <= 100:  # noqa: PLR2004 - percent
            raise ValueError("a rate is between 0 and 100 percent")
        return cls(super().read(value))


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A JSON object of a command. `type` is the seed's decoration and taken everywhere without a look."""

    type: Any = UNSET


class Command(Body, frozen=True, kw_only=True):
    """The body of a command; the class says what kind of command it is."""

    is_read: ClassVar[bool] = False
    may_be_empty: ClassVar[bool] = False
    is_reference: ClassVar[bool] = False  # section 5: puts what baskets need to know, role `service`


class Money(Body, frozen=True, kw_only=True):
    currency_mnemonic: CurrencyCode
    value: Number


class ChannelPut(Command, frozen=True, kw_only=True):
    is_reference: ClassVar[bool] = True

    recurring_orders_enabled: bool = False
    multiple_shipments_supported: bool = False
    pickup_in_store: bool = False
    price_type: Literal["gross", "net"] = "gross"
    currency: CurrencyCode = "USD"
    shipping_tax_rate: Rate = Rate(0)
    missed_after: str = "PT1H"
    catch_up_limit: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    upcoming_notice: str | UnsetType = UNSET
    basket_lifetime: str = "P90D"


class ProductPut(Command, frozen=True, kw_only=True):
    is_reference: ClassVar[bool] = True

    name: Name
    price: Money
    tax_rate: Rate
    available: bool = True


class ShippingMethodPut(Command, frozen=True, kw_only=True):
    is_reference: ClassVar[bool] = True

    name: Name
    price: Money
    description: Annotated[str, Meta(max_length=1024)] = ""
    shipping_time_min: Days | UnsetType = UNSET
    shipping_time_max: Days | UnsetType = UNSET


class BasketCreate(Command, frozen=True, kw_only=True):
    may_be_empty: ClassVar[bool] = True

    purchase_currency: str | UnsetType = UNSET


class BasketGet(Command, frozen=True, kw_only=True):
    is_read: ClassVar[bool] = True
    may_be_empty: ClassVar[bool] = True


class RecurrenceInput(Body, frozen=True, kw_only=True):
    """Intershop's recurrence, and an IANA time zone. What is wrong with a value has error keys of its own."""

    start_date: Any = UNSET
    end_date: Any = UNSET
    interval: Any = UNSET
    repetitions: Any = UNSET
    execute_missed_orders: bool = True
    time_zone: Any = UNSET


class AddressInput(Body, frozen=True, kw_only=True):
    """A full address, or a reference to one that exists (`urn`, or the deprecated `id`)."""

    urn: Text | UnsetType = UNSET
    id: Text | UnsetType = UNSET
    title: Text = ""
    first_name: Text = ""
    last_name: Text = ""
    company_name1: Text = ""
    company_name2: Text = ""
    address_line1: Text = ""
    address_line2: Text = ""
    address_line3: Text = ""
    postal_code: Text = ""
    city: Text = ""
    main_division: Text = ""
    country: Text = ""
    country_code: Text = ""
    email: Text = ""
    phone_home: Text = ""
    phone_mobile: Text = ""
    phone_business: Text = ""
    address_name: Annotated[str, Meta(max_length=1024)] = ""


class ShippingMethodInput(Body, frozen=True, kw_only=True):
    id: Text
    name: Any = UNSET


class PromotionInput(Body, frozen=True, kw_only=True):
    code: Text
    name: Any = UNSET


class BasketUpdate(Command, frozen=True, kw_only=True):
    """The seed's body: only what is sent changes; an empty text removes."""

    name: Any = UNSET
    dynamic_messages: Any = UNSET
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


class QuantityInput(Body, frozen=True, kw_only=True):
    value: Any = UNSET  # a whole number; any other value has an error key of its own
    unit: Any = UNSET


class ElementInput(Body, frozen=True, kw_only=True):
    sku: str = ""
    quantity: QuantityInput = QuantityInput()


class BasketItemAdd(Command, frozen=True, kw_only=True):
    """Either elements or a quote, never both."""

    elements: tuple[ElementInput, ...] | UnsetType = UNSET
    quote_id: str | UnsetType = msgspec.field(default=UNSET, name="quoteID")


class BasketOrders(Command, frozen=True, kw_only=True):
    """A page of a basket's orders, newest first; `before` is the id of the last one seen."""

    is_read: ClassVar[bool] = True
    may_be_empty: ClassVar[bool] = True

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    before: Text | UnsetType = UNSET


class OrderGet(Command, frozen=True, kw_only=True):
    is_read: ClassVar[bool] = True
    may_be_empty: ClassVar[bool] = True


class RecurrenceGet(Command, frozen=True, kw_only=True):
    is_read: ClassVar[bool] = True
    may_be_empty: ClassVar[bool] = True


class RecurrencePreview(Command, frozen=True, kw_only=True):
    """The next dates, of the basket's recurrence or of one that is not stored."""

    is_read: ClassVar[bool] = True
    may_be_empty: ClassVar[bool] = True

    count: Annotated[int, Meta(ge=1, le=100)] = 10
    recurrence: RecurrenceInput | UnsetType = UNSET


class RecurrencePause(Command, frozen=True, kw_only=True):
    may_be_empty: ClassVar[bool] = True

    until: Any = UNSET


class RecurrenceResume(Command, frozen=True, kw_only=True):
    """`missed`: what to do with what fell due meanwhile: place "all", "none", or the newest so many."""

    may_be_empty: ClassVar[bool] = True

    missed: Literal["all", "none"] | Annotated[int, Meta(ge=1, le=1_000_000)] = "none"


BY_TYPE: dict[str, type[Command]] = {
    "channel.put": ChannelPut,
    "product.put": ProductPut,
    "shipping-method.put": ShippingMethodPut,
    "basket.create": BasketCreate,
    "basket.get": BasketGet,
    "basket.update": BasketUpdate,
    "basket.item.add": BasketItemAdd,
    "basket.orders": BasketOrders,
    "order.get": OrderGet,
    "recurrence.get": RecurrenceGet,
    "recurrence.preview": RecurrencePreview,
    "recurrence.pause": RecurrencePause,
    "recurrence.resume": RecurrenceResume,
}
