"""Command type → function: the whole service on one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import UNSET

from worker.domain import adding, creating, recurring, reference, updating
from worker.domain.decisions import Context, Decision
from worker.store.reference import Kind

if TYPE_CHECKING:
    from contracts import commands

Lookup = tuple[Kind, str]
_LAST_ORDERS = 5


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a basket's orders, newest first, behind the order `before`."""

    limit: int
    before: str | None = None


def _no_lookups(_: Any) -> Iterator[Lookup]:
    return iter(())


def _skus(command: commands.BasketItemAdd) -> Iterator[Lookup]:
    return ((Kind.PRODUCT, element.sku) for element in command.elements or ())


def _method(command: commands.BasketUpdate) -> Iterator[Lookup]:
    if command.common_shipping_method is not UNSET:
        yield Kind.SHIPPING_METHOD, command.common_shipping_method.id


def _newest(_: Any) -> Page:
    return Page(limit=_LAST_ORDERS)


def _page(command: commands.BasketOrders) -> Page:
    """One more than is shown, to know whether there is more."""
    return Page(limit=command.limit + 1, before=command.before or None)


class Put(msgspec.Struct, frozen=True):
    """Reference data: `read` makes the value of a body."""

    kind: Kind
    read: Callable[[Any], Any]
    is_read: ClassVar[bool] = False


class OnOrder(msgspec.Struct, frozen=True):
    """A read of one order."""

    is_read: ClassVar[bool] = True


class OnBasket(msgspec.Struct, frozen=True):
    """A command about one basket.

    `lookups` names the reference data it needs besides what the basket holds already; `page` the orders.
    """

    decide: Callable[[Any, Any, Context], Decision]
    lookups: Callable[[Any], Iterator[Lookup]] = _no_lookups
    page: Callable[[Any], Page] | None = None
    may_be_absent: bool = False
    may_be_closed: bool = False
    is_read: bool = False
    is_for_operators: bool = False


ROUTES: dict[str, Put | OnBasket | OnOrder] = {
    "channel.put": Put(Kind.CHANNEL, reference.channel),
    "product.put": Put(Kind.PRODUCT, reference.product),
    "shipping-method.put": Put(Kind.SHIPPING_METHOD, reference.shipping_method),
    "basket.create": OnBasket(creating.create, may_be_absent=True),
    "basket.get": OnBasket(creating.get, is_read=True),
    "basket.update": OnBasket(updating.update, _method),
    "basket.item.add": OnBasket(adding.add_items, _skus),
    "basket.orders": OnBasket(recurring.orders, page=_page, may_be_closed=True, is_read=True),
    "order.get": OnOrder(),
    "recurrence.get": OnBasket(recurring.get, page=_newest, is_read=True),
    "recurrence.preview": OnBasket(recurring.preview, is_read=True),
    "recurrence.pause": OnBasket(recurring.pause, page=_newest, is_for_operators=True),
    "recurrence.resume": OnBasket(recurring.resume, page=_newest, is_for_operators=True),
}
