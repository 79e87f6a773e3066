"""What the structs cannot say of a command: what it does, its statuses, and the errors it may end in.

For readers and for the generated documents only: no decision is made by it. A command that is missing here is
described by its struct alone, and a test names it. Sources: contract sections 2.1, 2.3, 4, 5 and 6.6.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from contracts import answers, commands
from contracts.errors import ErrorKey as Key
from contracts.reference_data import PUTS

Own = tuple[str, tuple[int, ...], tuple[Key, ...]]  # does, statuses, error keys besides _ANY

NO_CONTENT = 204
_CREATED, _OK = 201, 200

# What any command may end in. That a type is unknown is no command's.
_ANY = (
    Key.TOO_LARGE, Key.UNSUPPORTED_CONTENT_TYPE, Key.MESSAGE_ID_REQUIRED, Key.BASKET_ID_REQUIRED,
    Key.REPLY_TO_FORBIDDEN, Key.MALFORMED, Key.UNAUTHORIZED, Key.CHANNEL_NOT_FOUND, Key.FORBIDDEN,
    Key.MESSAGE_ID_REUSED, Key.UNKNOWN_FIELD, Key.INTERNAL_ERROR,
)  # fmt: skip
_OWNED = (Key.LOGIN_REQUIRED, Key.WRONG_BASKET_ID, Key.VERSION_CONFLICT)
_BASKET = (Key.BASKET_NOT_FOUND, *_OWNED)
_CHANGE = (*_BASKET, Key.LIMIT_EXCEEDED)
_ADDRESS = (
    Key.ADDRESS_NOT_FOUND, Key.INVALID_ADDRESS, Key.STORE_ADDRESSES_NOT_ALLOWED, Key.ADDRESS_MISSING_FIELDS,
)  # fmt: skip
_METHOD = (Key.SHIPPING_METHOD_NOT_ALLOWED, Key.SHIPPING_METHOD_NOT_ELIGIBLE)
_RECURRENCE = (
    Key.RECURRING_DISABLED, Key.RECURRENCE_MISSING_INTERVAL, Key.RECURRENCE_MISSING_START_DATE,
    Key.RECURRENCE_INVALID,
)  # fmt: skip
_COST_CENTER = (Key.COST_CENTER_NO_CUSTOMER, Key.COST_CENTER_INVALID_CUSTOMER, Key.COST_CENTER_NOT_FOUND)
_PRODUCT = (Key.SKU_REQUIRED, Key.QUANTITY_INVALID, Key.PRODUCT_NOT_AVAILABLE, Key.PRODUCT_NOT_FOUND)
_QUOTE = (Key.RECURRING_NOT_ALLOWED, Key.QUOTE_NOT_FOUND, Key.QUOTE_EXPIRED, Key.QUOTE_REJECTED)
_STANDING = (*_BASKET, Key.RECURRENCE_NOT_FOUND)
_SEARCH = (Key.PROCESS_LIMIT_EXCEEDED, Key.SERVICE_UNAVAILABLE)
_IN_DATASET = (*_CHANGE, Key.DATASET_NOT_FOUND, Key.FILTERS_AND_PROCESSING)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a command does, in a sentence; its statuses, the usual one first; its error keys, in order."""

    does: str
    statuses: tuple[int, ...]
    error_keys: tuple[Key, ...]


def entry(type_: str) -> Entry:
    """Look a command up."""
    known = commands.BY_TYPE[type_]
    own = ENTRIES.get(type_, (" ".join((known.__doc__ or type_).split()), (), ()))
    does, statuses, extra = own
    keys = {*_ANY, *extra, *((Key.REPLY_TO_REQUIRED,) if known.is_read else ())}
    if type_.startswith("channel."):
        keys.discard(Key.CHANNEL_NOT_FOUND)
    return Entry(
        does=does,
        statuses=statuses or ((NO_CONTENT,) if answers.COMPLETED[type_] is None else (_OK,)),
        error_keys=in_rank(keys),
    )


def in_rank(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Sort keys as the table has them."""
    chosen = set(keys)
    return tuple(key for key in Key if key in chosen)


def _put(kind: str) -> Own:
    return f"Set the {kind.replace('-', ' ')} of this key, as a whole. Role `service`.", (NO_CONTENT,), ()


def _delete(kind: str) -> Own:
    does = f"Remove the {kind.replace('-', ' ')} of this key; none is no error. Role `service`."
    return does, (NO_CONTENT,), ()


ENTRIES: dict[str, Own] = {
    **{f"{kind}.put": _put(kind) for kind in PUTS},
    **{f"{kind}.delete": _delete(kind) for kind in PUTS},
    "user.erase": (
        "Remove a person's data from baskets, orders, answers and dead letters. Role `service`.",
        (NO_CONTENT,),
        (),
    ),
    "basket.create": (
        "Create a basket; the caller owns it. Sent again by its owner: 200, unchanged.",
        (_CREATED, _OK),
        _OWNED,
    ),
    "basket.get": (
        "Read the basket as it is stored. 204 when there is none and the key is the caller's own `sub`.",
        (_OK, NO_CONTENT),
        _BASKET,
    ),
    "basket.list": ("List the caller's open baskets. The key is the caller's `sub`.", (_OK,), ()),
    "basket.update": (
        "Set what is sent, leave the rest; the answer is the whole recalculated basket.",
        (_OK,),
        (*_CHANGE, *_ADDRESS, *_METHOD, *_RECURRENCE, *_COST_CENTER, Key.PURCHASE_CURRENCY_FIXED,
         Key.RECURRING_NOT_ALLOWED),
    ),
    "basket.item.add": (
        "Add products, or all that a quote offers. The same SKU again adds to its item.",
        (_CREATED,),
        (*_CHANGE, *_PRODUCT, *_QUOTE),
    ),
    "basket.item.update": (
        "Change an item's quantity, or, with multiple shipments, its shipping method or address.",
        (_OK,),
        (*_CHANGE, *_ADDRESS, *_METHOD, Key.LINE_ITEM_NOT_FOUND, Key.QUANTITY_INVALID, Key.QUOTE_ITEM_FIXED),
    ),
    "basket.item.remove": ("Remove an item.", (_OK,), (*_CHANGE, Key.LINE_ITEM_NOT_FOUND)),
    "basket.selection.add": (
        "Add what a search finds: one dated selection for each dataset. 204 when nothing can be ordered.",
        (_OK, NO_CONTENT),
        (*_CHANGE, Key.ENGINE_TYPE_REQUIRED, Key.QUERY_INVALID, Key.SELECTION_DUPLICATE, *_SEARCH),
    ),
    "basket.selection.upload": (
        "Add the data objects with these provider ids, at most 1,000. Statuses are those of a search.",
        (_OK, NO_CONTENT),
        (*_CHANGE, *_SEARCH),
    ),
    "basket.selection.remove": (
        "Remove one dated selection; the last one takes its dataset along. None is no error.",
        (_OK,),
        (*_BASKET, Key.SERVICE_UNAVAILABLE),
    ),
    "basket.dataset.remove": (
        "Remove a dataset with all its selections; none is no error.",
        (_OK,),
        _BASKET,
    ),
    "basket.dataset.set-filters": (
        "Order only some of a dataset's files, by type and by name; without either all of them again.",
        (_OK,),
        (*_IN_DATASET, Key.FILTERS_INVALID),
    ),
    "basket.dataset.set-processing": (
        "Have a dataset's objects sent through a process; without a process none of it.",
        (_OK,),
        (*_IN_DATASET, Key.PROCESS_NOT_FOUND, Key.PROCESS_LIMIT_EXCEEDED),
    ),
    "basket.checkout": (
        "Place the order now. A basket without recurrence is closed by it.",
        (_CREATED,),
        (*_CHANGE, *_ADDRESS, *_METHOD, *_COST_CENTER, *_PRODUCT, *_QUOTE, Key.BASKET_EMPTY,
         Key.ORDER_NOT_POSSIBLE, Key.SERVICE_UNAVAILABLE),
    ),
    "basket.empty": (
        "Remove the basket; none is no error.",
        (NO_CONTENT,),
        _OWNED,
    ),
    "basket.orders": ("List a basket's orders, newest first; also after it is closed.", (_OK,), _BASKET),
    "order.get": (
        "Read an order. The key is its id; its owner, `service` and `operator` may.",
        (_OK,),
        (Key.ORDER_NOT_FOUND,),
    ),
    "order.files": (
        "Read the files of an order, page by page. The key is its id; who may read the order may read them.",
        (_OK,),
        (Key.ORDER_NOT_FOUND,),
    ),
    "recurrence.get": ("Read how a basket's recurrence stands.", (_OK,), _STANDING),
    "recurrence.preview": (
        "Show the next due instants, of the basket's recurrence or of one that is sent; nothing is stored.",
        (_OK,),
        (*_STANDING, *_RECURRENCE),
    ),
    "recurrence.pause": ("Pause a recurrence, until an instant or until resumed.", (_OK,), _STANDING),
    "recurrence.resume": (
        "Resume a recurrence, and say what becomes of what fell due meanwhile.",
        (_OK,),
        (*_STANDING, Key.ENABLE_NOT_POSSIBLE),
    ),
}  # fmt: skip

EVENTS: dict[str, str] = {
    "command.completed": "A command that may change something was applied.",
    "command.rejected": "A command was refused and changed nothing.",
    "order.placed": "An order was placed: the order itself.",
    "order.failed": "An order could not be placed: why, and when it is tried again.",
    "order.upcoming": "An order will be placed soon, as far ahead as the channel says.",
    "occurrence.skipped": "Occurrences were skipped: a range of them, and why.",
    "recurrence.started": "A basket has a recurrence that it had not before.",
    "recurrence.changed": "A basket's recurrence was replaced.",
    "recurrence.removed": "A basket's recurrence was removed.",
    "recurrence.paused": "A recurrence was paused.",
    "recurrence.resumed": "A recurrence goes on.",
    "recurrence.suspended": "A recurrence stopped by itself and waits for a person.",
    "recurrence.expired": "A recurrence came to its end.",
    "basket.expired": "A basket went because nobody touched it for too long, or its owner was erased.",
}
