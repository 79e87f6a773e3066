"""Command type → function: the whole service on one screen."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar

import msgspec

from contracts.body import Command
from worker import lookups
from worker.domain import (
    adding,
    cataloguing,
    closing,
    creating,
    items,
    placed,
    processing,
    putting,
    recurring,
    selecting,
    updating,
)
from worker.domain.callers import Caller
from worker.domain.decisions import Context, Decision, Step
from worker.domain.ordering import Order
from worker.lookups import Lookup, WantedFiles, WantedOrders
from worker.store.reference import Kind


class Put(msgspec.Struct, frozen=True):
    """Reference data: `read` makes the value of a body; without it the entry is removed."""

    kind: Kind
    read: Callable[[Any], Any] | None
    is_read: ClassVar[bool] = False


class Erase(msgspec.Struct, frozen=True):
    """Has what is kept of a person removed."""

    is_read: ClassVar[bool] = False


class OnOrder(msgspec.Struct, frozen=True):
    """A read of one order; `files`: which page of its files it shows, if it does."""

    decide: Callable[[str, Order | None, Any, Context], Decision]
    files: Callable[[Any], WantedFiles] | None = None
    is_read: ClassVar[bool] = True


class OnOwner(msgspec.Struct, frozen=True):
    """A read of all baskets of one owner, who is the key."""

    decide: Callable[[Any, Context], Decision]
    is_read: ClassVar[bool] = True


class OnBasket(msgspec.Struct, frozen=True):
    """A command about one basket.

    `lookups` names the reference data it needs besides what the basket holds already; `page` the orders.
    `orders_it`: it needs all that an order of the basket needs.
    """

    decide: Callable[[Any, Any, Context], Step]
    lookups: Callable[[Any], Collection[Lookup]] = lookups.nothing
    page: Callable[[Any, Caller], WantedOrders] | None = None
    may_be_absent: bool = False
    may_be_closed: bool = False
    is_read: bool = False
    is_for_operators: bool = False
    orders_it: bool = False


_PUTS: dict[Kind, Callable[[Any], Any]] = {
    Kind.CHANNEL: putting.channel,
    Kind.PRODUCT: putting.product,
    Kind.SHIPPING_METHOD: putting.shipping_method,
    Kind.PROMOTION: putting.promotion,
    Kind.USER: putting.user,
    Kind.CUSTOMER: putting.customer,
    Kind.ADDRESS: putting.address,
    Kind.STORE: putting.store,
    Kind.COST_CENTER: putting.cost_center,
    Kind.QUOTE: putting.quote,
    Kind.DATASET: cataloguing.dataset,
    Kind.DATA_OBJECT: cataloguing.data_object,
    Kind.PROCESS: cataloguing.process,
}

Route = Put | Erase | OnBasket | OnOrder | OnOwner

ROUTES: dict[str, Route] = {
    **{f"{kind}.put": Put(kind, read) for kind, read in _PUTS.items()},
    **{f"{kind}.delete": Put(kind, None) for kind in _PUTS},
    "user.erase": Erase(),
    "basket.create": OnBasket(creating.create, may_be_absent=True),
    "basket.get": OnBasket(creating.get, is_read=True),
    "basket.list": OnOwner(creating.listed),
    "basket.update": OnBasket(updating.update, lookups.of_update),
    "basket.item.add": OnBasket(adding.add_items, lookups.of_adding),
    "basket.item.update": OnBasket(items.update, lookups.of_item),
    "basket.item.remove": OnBasket(items.remove),
    "basket.selection.add": OnBasket(selecting.add, may_be_absent=True),
    "basket.selection.upload": OnBasket(selecting.upload, may_be_absent=True),
    "basket.selection.remove": OnBasket(selecting.remove),
    "basket.dataset.remove": OnBasket(selecting.remove_dataset),
    "basket.dataset.set-filters": OnBasket(processing.set_filters),
    "basket.dataset.set-processing": OnBasket(processing.set_processing, lookups.of_processing),
    "basket.checkout": OnBasket(closing.checkout, orders_it=True),
    "basket.empty": OnBasket(closing.empty, may_be_absent=True),
    "basket.orders": OnBasket(recurring.orders, page=lookups.page, may_be_closed=True, is_read=True),
    "order.get": OnOrder(placed.get),
    "order.files": OnOrder(placed.files, lookups.files),
    "recurrence.get": OnBasket(recurring.get, page=lookups.newest, is_read=True),
    "recurrence.preview": OnBasket(recurring.preview, is_read=True),
    "recurrence.pause": OnBasket(recurring.pause, page=lookups.newest, is_for_operators=True),
    "recurrence.resume": OnBasket(recurring.resume, page=lookups.newest, is_for_operators=True),
}


def searches(type_: str) -> bool:
    """Whether a command is one that searches; an order may have to, which its basket decides."""
    return type_ in ("basket.selection.add", "basket.selection.upload", "basket.selection.remove")


def hands_over(command: Command | None) -> bool:
    """Whether a command may give a basket to somebody else: what is answered after it is that person's."""
    return bool(getattr(command, "new_owner_authentication_token", None))


def begins_anew(type_: str, earlier: Collection[str]) -> bool:
    """Whether a command must not be in one transaction with the ones before it.

    It needs rows that these write, or an instant that is later than that of an erasure.
    """
    route = ROUTES.get(type_)
    if "user.erase" in earlier:
        return True
    if isinstance(route, OnOwner):
        return any(other in ROUTES and not ROUTES[other].is_read for other in earlier)
    reads_orders = isinstance(route, OnOrder) or (isinstance(route, OnBasket) and route.page is not None)
    return reads_orders and "basket.checkout" in earlier
