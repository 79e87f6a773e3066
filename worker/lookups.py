"""What a command must be told besides its basket: reference data by kind and id, pages of orders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from worker.domain import addresses
from worker.store.reference import Kind

if TYPE_CHECKING:
    from contracts import commands, dataset_commands
    from worker.domain.callers import Caller

Lookup = tuple[Kind, str]
_LAST_ORDERS = 5


class WantedOrders(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a basket's orders, newest first, behind the order `before`; only `owner`'s, if named."""

    limit: int
    before: str | None = None
    owner: str | None = None


def newest(_command: Any, _caller: Caller) -> WantedOrders:
    return WantedOrders(limit=_LAST_ORDERS)


def page(command: commands.BasketOrders, caller: Caller) -> WantedOrders:
    """One more than is shown, to know whether there is more; a basket may have had other owners."""
    owner = None if caller.is_operator else caller.user
    return WantedOrders(limit=command.limit + 1, before=command.before or None, owner=owner)


class WantedFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A page of an order's files behind the place `after`."""

    limit: int
    after: str = ""


def files(command: commands.OrderFiles) -> WantedFiles:
    return WantedFiles(limit=command.limit, after=command.after or "")


def of_processing(command: dataset_commands.BasketDatasetSetProcessing) -> Collection[Lookup]:
    return [(Kind.PROCESS, command.process_business_id)] if command.process_business_id else ()


def nothing(_command: Any) -> Collection[Lookup]:
    return ()


def of_adding(command: commands.BasketItemAdd) -> Collection[Lookup]:
    if command.quote_id:
        return [(Kind.QUOTE, command.quote_id)]
    return [(Kind.PRODUCT, element.sku) for element in command.elements or ()]


def of_update(command: commands.BasketUpdate) -> Collection[Lookup]:
    found: list[Lookup] = [(Kind.PROMOTION, promotion.code) for promotion in command.promotions]
    found += _addresses((command.common_ship_to_address, command.invoice_to_address))
    if command.common_shipping_method is not UNSET:
        found.append((Kind.SHIPPING_METHOD, command.common_shipping_method.id))
    if command.cost_center_id:
        found.append((Kind.COST_CENTER, command.cost_center_id))
    return found


def of_item(command: commands.BasketItemUpdate) -> Collection[Lookup]:
    found = list(_addresses((command.ship_to_address,)))
    if command.shipping_method is not UNSET:
        found.append((Kind.SHIPPING_METHOD, command.shipping_method.id))
    return found


def _addresses(sent: Iterable[commands.AddressInput | UnsetType]) -> Iterator[Lookup]:
    for given in sent:
        reference = None if given is UNSET else addresses.named(given)
        if reference is not None:
            yield Kind.ADDRESS, reference.address_id
            yield from ((Kind.STORE, store_id) for store_id in reference.store_ids)
