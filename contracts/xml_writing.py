"""XML out: any answer as an element, the way the seed's response examples are written (contract, section 3).

`name`, `type` and all fields of a recurrence are attributes, lists are wrappers with named items, everything
else is a child element. Amounts have the decimals of their currency and at least two, rates at least one.
Texts come from customers: all of them are escaped, and what XML 1.0 cannot hold becomes U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, structs

from contracts import instants
from contracts.errors import Problem
from contracts.orders import RuleView
from contracts.representation import (
    AttributeView,
    BucketView,
    MoneyView,
    PromotionView,
    RecurrenceView,
    ShippingMethodView,
)

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_ELEMENT_NAMES: dict[type, str] = {
    AttributeView: "ResourceAttribute",
    BucketView: "BasketShippingBucket",
    PromotionView: "PromotionLink",
    Problem: "Error",
    str: "String",
}
_RECURRENCES = (RecurrenceView, RuleView)
_ATTRIBUTES = ("name", "type")
_METHOD_OF_A_BASKET = "ShippingMethodRO"
_CURRENCIES_OF_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Line ends as references: a parser would turn them into blanks in attributes, and CR into LF everywhere.
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


def encode(value: msgspec.Struct) -> bytes:
    """Write an answer as a document of its own."""
    return (_DECLARATION + _element(_element_name(type(value)), value)).encode()


def _element_name(type_: type) -> str:
    return _ELEMENT_NAMES.get(type_) or type_.__name__.removesuffix("View")


def _element(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        content = "".join(_element(_element_name(type(item)), item) for item in value)
        return f"<{name}>{content}</{name}>"
    if isinstance(value, dict):
        # Names are the customer's, and not all of them could be an element's.
        content = "".join(
            f'<Parameter name="{_escaped(key)}">{_escaped(item)}</Parameter>' for key, item in value.items()
        )
        return f"<{name}>{content}</{name}>"
    if not isinstance(value, msgspec.Struct):
        return f"<{name}>{_escaped(value)}</{name}>"
    shown = list(_shown(value))
    attributes = "".join(
        f' {field}="{_escaped(item)}"' for field, item in shown if _is_attribute(value, field)
    )
    children = "".join(_element(field, item) for field, item in shown if _is_child(value, field))
    return f"<{name}{attributes}>{children}</{name}>"


def _shown(value: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    """List the fields that have a value, under their names on the wire."""
    for field, name in _names(type(value)):
        item = getattr(value, field)
        if item is UNSET or item is None:
            continue
        if isinstance(item, Decimal):
            item = _decimal(item, _decimals(value))
        elif isinstance(value, RecurrenceView) and name in ("startDate", "endDate"):
            item = instants.iso(instants.of_epoch_milliseconds(item))
        yield name, item


@cache
def _names(type_: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, field.encode_name) for field in structs.fields(type_))


def _is_attribute(value: msgspec.Struct, name: str) -> bool:
    return name in _ATTRIBUTES or isinstance(value, _RECURRENCES)


def _is_child(value: msgspec.Struct, name: str) -> bool:
    """Whether a field is a child element: the name of a basket's shipping method is both."""
    if name == "name" and isinstance(value, ShippingMethodView):
        return value.type == _METHOD_OF_A_BASKET
    return not _is_attribute(value, name)


def _decimals(owner: msgspec.Struct) -> int:
    if not isinstance(owner, MoneyView):
        return 1
    return 3 if owner.currency_mnemonic in _CURRENCIES_OF_THREE_DECIMALS else 2


def _decimal(value: Decimal, at_least: int) -> str:
    exponent = value.as_tuple().exponent
    decimals = max(at_least, -exponent if isinstance(exponent, int) else 0)
    return f"{value:.{decimals}f}"


def _escaped(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _NO_XML.sub("\ufffd", text).translate(_ESCAPES)
