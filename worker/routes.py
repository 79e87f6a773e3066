"""Command type → function: the whole service on one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import UNSET

from worker.domain import adding, creating, reference, updating
from worker.domain.decisions import Context, Decision
from worker.store.reference import Kind

if TYPE_CHECKING:
    from contracts import commands

Lookup = tuple[Kind, str]


def _no_lookups(_: Any) -> Iterator[Lookup]:
    return iter(())


def _skus(command: commands.BasketItemAdd) -> Iterator[Lookup]:
    return ((Kind.PRODUCT, element.sku) for element in command.elements or ())


def _method(command: commands.BasketUpdate) -> Iterator[Lookup]:
    if command.common_shipping_method is not UNSET:
        yield Kind.SHIPPING_METHOD, command.common_shipping_method.id


class Put(msgspec.Struct, frozen=True):
    """Reference data: `read` makes the value of a body."""

    kind: Kind
    read: Callable[[Any], Any]
    is_read: ClassVar[bool] = False


class OnBasket(msgspec.Struct, frozen=True):
    """A command about one basket; `lookups` names what it needs besides what the basket holds already."""

    decide: Callable[[Any, Any, Context], Decision]
    lookups: Callable[[Any], Iterator[Lookup]] = _no_lookups
    may_be_absent: bool = False
    is_read: bool = False


ROUTES: dict[str, Put | OnBasket] = {
    "channel.put": Put(Kind.CHANNEL, reference.channel),
    "product.put": Put(Kind.PRODUCT, reference.product),
    "shipping-method.put": Put(Kind.SHIPPING_METHOD, reference.shipping_method),
    "basket.create": OnBasket(creating.create, may_be_absent=True),
    "basket.get": OnBasket(creating.get, is_read=True),
    "basket.update": OnBasket(updating.update, _method),
    "basket.item.add": OnBasket(adding.add_items, _skus),
}
