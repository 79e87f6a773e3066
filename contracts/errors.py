"""The one table of error keys: their HTTP statuses and their order.

A refused command lists every problem of its body; its `error-key` header is the first of them in the order
of this table. Nothing else in the project knows a status or an order.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class ErrorKey(StrEnum):
    """An error key with its HTTP status, in the order in which one wins over the next."""

    status: int

    def __new__(cls, key: str, status: int) -> Self:
        member = str.__new__(cls, key)
        member._value_ = key
        member.status = status
        return member

    TOO_LARGE = "command.too_large.error", 413
    UNSUPPORTED_CONTENT_TYPE = "command.unsupported_content_type.error", 415
    UNKNOWN_TYPE = "command.unknown_type.error", 400
    MESSAGE_ID_REQUIRED = "command.message_id_required.error", 400
    BASKET_ID_REQUIRED = "basket.basket_id_required.error", 400
    REPLY_TO_REQUIRED = "command.reply_to_required.error", 400
    REPLY_TO_FORBIDDEN = "command.reply_to_forbidden.error", 400
    MALFORMED = "command.malformed.error", 400
    UNAUTHORIZED = "command.unauthorized.error", 401
    CHANNEL_NOT_FOUND = "channel.not_found.error", 404
    BASKET_NOT_FOUND = "basket.basket_not_found.error", 404
    LOGIN_REQUIRED = "basket.login_required.error", 403
    WRONG_BASKET_ID = "basket.wrong_basket_id.error", 403
    FORBIDDEN = "command.forbidden.error", 403
    VERSION_CONFLICT = "basket.version_conflict.error", 412
    RECURRING_DISABLED = "error.recurring_orders.disabled", 501
    MESSAGE_ID_REUSED = "command.message_id_reused.error", 409
    UNKNOWN_FIELD = "command.unknown_field.error", 400
    LIMIT_EXCEEDED = "basket.limit_exceeded.error", 400
    ADDRESS_NOT_FOUND = "basket.address_not_found.error", 400
    INVALID_ADDRESS = "basket.invalid_address.error", 400
    STORE_ADDRESSES_NOT_ALLOWED = "basket.store_addresses_not_allowed.error", 400
    ADDRESS_MISSING_FIELDS = "customer.address.missing_fields.error", 400
    SHIPPING_METHOD_NOT_ALLOWED = "basket.shipping_method_not_allowed.error", 400
    SHIPPING_METHOD_NOT_ELIGIBLE = "basket.shipping_method_not_eligible.error", 400
    PURCHASE_CURRENCY_FIXED = "basket.purchase_currency_fixed.error", 400
    RECURRENCE_MISSING_INTERVAL = "basket.recurrence_missing_interval.error", 400
    RECURRENCE_MISSING_START_DATE = "basket.recurrence_missing_start_date.error", 400
    RECURRENCE_INVALID = "basket.recurrence_invalid.error", 400
    RECURRING_NOT_ALLOWED = "basket.recurring_not_allowed.error", 400
    COST_CENTER_NO_CUSTOMER = "basket.cost_center.no_customer.error", 400
    COST_CENTER_INVALID_CUSTOMER = "basket.cost_center.invalid_customer.error", 400
    COST_CENTER_NOT_FOUND = "basket.cost_center.not_found.error", 400
    SKU_REQUIRED = "basket.product.sku_required.error", 400
    QUANTITY_INVALID = "basket.product.quantity_invalid.error", 400
    PRODUCT_NOT_AVAILABLE = "basket.product.not_available.error", 400
    PRODUCT_NOT_FOUND = "product.not_found.error", 404
    LINE_ITEM_NOT_FOUND = "basket.lineitem.not_found.error", 404
    ORDER_NOT_FOUND = "order.not_found.error", 404
    RECURRENCE_NOT_FOUND = "recurrence.not_found.error", 404
    QUOTE_NOT_FOUND = "quote.not_found.error", 404
    DATASET_NOT_FOUND = "basket.dataset.not_found.error", 404
    PROCESS_NOT_FOUND = "process.not_found.error", 404
    QUOTE_EXPIRED = "quote.expired.error", 403
    QUOTE_REJECTED = "quote.rejected.error", 403
    QUOTE_ITEM_FIXED = "basket.quote_item_fixed.error", 400
    BASKET_EMPTY = "basket.empty.error", 400
    FILTERS_INVALID = "basket.dataset.filters_invalid.error", 400
    FILTERS_AND_PROCESSING = "basket.dataset.filters_and_processing.error", 400
    ENGINE_TYPE_REQUIRED = "basket.selection.engine_type_required.error", 422
    QUERY_INVALID = "basket.selection.query_invalid.error", 422
    SELECTION_DUPLICATE = "basket.selection.duplicate.error", 409
    PROCESS_LIMIT_EXCEEDED = "basket.dataset.process_limit_exceeded.error", 409
    ENABLE_NOT_POSSIBLE = "error.recurring_orders.enable-not-possible", 409
    ORDER_NOT_POSSIBLE = "error.recurring_orders.order_not_possible", 409
    SERVICE_UNAVAILABLE = "error.service_unavailable", 503
    INTERNAL_ERROR = "command.internal_error", 500


_RANK = {key: rank for rank, key in enumerate(ErrorKey)}

# A body of 256 KiB can be wrong in 40,000 places; the answer must stay small enough to be sent.
MAX_LISTED = 100

# RFC 9535: what may follow a point, and what stands in single quotes only when it is escaped.
_PLAIN_NAME = re.compile("[A-Za-z_\x80-\U0010ffff][0-9A-Za-z_\x80-\U0010ffff]*")
_TO_ESCAPE = re.compile(r"[\x00-\x1f'\\]")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong with a command: the key, a sentence, and the JSONPath of the place if it has one."""

    code: ErrorKey
    message: str
    path: str | None = None


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every `command.rejected`."""

    errors: tuple[Problem, ...]


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort problems so that the one which names the answer comes first; equals keep their order.

    At most `MAX_LISTED` are kept.
    """
    return tuple(sorted(problems, key=lambda problem: _RANK[problem.code])[:MAX_LISTED])


def is_before(key: ErrorKey, other: ErrorKey) -> bool:
    """Whether `key` wins over `other`."""
    return _RANK[key] < _RANK[other]


def below(path: str, name: str) -> str:
    """Give the JSONPath of a field whose name the sender has chosen: in brackets unless it is plain."""
    if _PLAIN_NAME.fullmatch(name):
        return f"{path}.{name}"
    quoted = _TO_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", name)
    return f"{path}['{quoted}']"
