"""What the bodies of commands are made of: the base structs, and the types that several of them share.

Must not say what is true of a value beyond its type: a rule that has an error key of its own is the domain's.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta

# No control characters: each takes six bytes in JSON, and no title needs one.
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern="^[^\x00-\x1f]*$")]
Text = Annotated[str, Meta(max_length=256)]
Reference = Annotated[str, Meta(min_length=1, max_length=200)]
CurrencyCode = Annotated[str, Meta(pattern="^[A-Z]{3}$")]

# Values whose every mistake has an error key of its own, so that the struct takes anything. The schema is for
# readers and tells the XML reader what a text stands for.
Decoration = Annotated[Any, Meta(description="Taken and ignored.", extra_json_schema={})]
WholeNumber = Annotated[Any, Meta(extra_json_schema={"type": "integer", "minimum": 1})]
Instant = Annotated[
    Any,
    Meta(
        description="ISO 8601; in JSON also epoch milliseconds.",
        extra_json_schema={"type": ["string", "integer"]},
    ),
]
AnyText = Annotated[Any, Meta(extra_json_schema={"type": "string"})]

_HUGE = 10**12
_MAX_DECIMALS = 12


class Number(Decimal):
    """A JSON number, exactly as it was written."""

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "number",
        "exclusiveMinimum": -_HUGE,
        "exclusiveMaximum": _HUGE,
        "description": f"A decimal number, with at most {_MAX_DECIMALS} decimals.",
    }

    @classmethod
    def read(cls, value: Decimal) -> Number:
        """Take a value of a sane size; ValueError says what is wrong with it."""
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or not -_HUGE < value < _HUGE:
            raise ValueError("the number is out of range")
        if exponent < -_MAX_DECIMALS:
            raise ValueError(f"the number has more than {_MAX_DECIMALS} decimals: round it before it is sent")
        return cls(value or abs(value))  # JSON's -0 is shown to nobody


class Rate(Number):
    """A rate in percent, 0 to 100."""

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "number",
        "minimum": 0,
        "maximum": 100,
        "description": f"Percent, with at most {_MAX_DECIMALS} decimals.",
    }

    @classmethod
    def read(cls, value: Decimal) -> Rate:
        if not 0 <= value <= 100:  # noqa: PLR2004 - percent
            raise ValueError("a rate is between 0 and 100 percent")
        return cls(super().read(value))


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An object of a command. `type` is the seed's decoration and taken everywhere without a look.

    `xml_name` is the element that such an object is in a list; None: the struct's own name.
    """

    xml_name: ClassVar[str | None] = None

    type: Decoration = UNSET


class Command(Body, frozen=True, kw_only=True):
    """The body of a command; the class says what kind of command it is.

    `xml_name` is the name of the root element.
    """

    is_read: ClassVar[bool] = False
    may_be_empty: ClassVar[bool] = False
    is_reference: ClassVar[bool] = False  # section 5: puts what baskets need to know, role `service`


class Money(Body, frozen=True, kw_only=True):
    currency_mnemonic: CurrencyCode
    value: Number


class AddressFields(Body, frozen=True, kw_only=True):
    """An address as it is written, of a customer or a store; empty is the same as absent."""

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


class QuantityInput(Body, frozen=True, kw_only=True):
    value: WholeNumber = UNSET
    unit: Decoration = UNSET
