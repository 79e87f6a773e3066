"""`basket.item.update`, `basket.item.remove`: one item at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, structs

from contracts.errors import ErrorKey, Problem
from worker.domain import addresses, creating, methods, quantities
from worker.domain.addresses import Role
from worker.domain.basket import Address
from worker.domain.decisions import Completed, Refused

if TYPE_CHECKING:
    from contracts import commands
    from worker.domain.basket import Basket, Item
    from worker.domain.decisions import Context, Decision


def update(basket: Basket, command: commands.BasketItemUpdate, context: Context) -> Decision:
    """Change an item; how many of one in a quote is agreed, how it travels is not."""
    item = _find(basket, command.item_id)
    problems: list[Problem] = []
    changes: dict[str, Any] = {}
    if item is None:
        problems.append(_not_found(command.item_id))
    elif item.quote_id and command.quantity is not UNSET:
        message = "an item of a quote cannot be changed, only removed"
        problems.append(Problem(code=ErrorKey.QUOTE_ITEM_FIXED, message=message, path="$.quantity"))
    if command.quantity is not UNSET:
        changes["quantity"] = quantities.read(command.quantity)
        if changes["quantity"] is None:
            problems.append(quantities.problem("$.quantity.value"))
    _set_shipment(basket, command, context, changes, problems)
    if problems or item is None:
        return Refused(problems=tuple(problems))
    changed = structs.replace(item, **changes)
    items = tuple(changed if one is item else one for one in basket.content.items)
    content = structs.replace(basket.content, items=items)
    return Completed(status=200, basket=creating.changed(basket, content, context))


def remove(basket: Basket, command: commands.BasketItemRemove, context: Context) -> Decision:
    item = _find(basket, command.item_id)
    if item is None:
        return Refused(problems=(_not_found(command.item_id),))
    items = tuple(one for one in basket.content.items if one is not item)
    content = structs.replace(basket.content, items=items)
    return Completed(status=200, basket=creating.changed(basket, content, context))


def _set_shipment(
    basket: Basket,
    command: commands.BasketItemUpdate,
    context: Context,
    changes: dict[str, Any],
    problems: list[Problem],
) -> None:
    """Set method and address, where items have their own."""
    is_multiple = context.channel.supports_multiple_shipments
    if command.shipping_method is not UNSET:
        path = "$.shippingMethod"
        if not is_multiple:
            problems.append(methods.not_allowed("the channel ships in one part: set the method", path))
        elif not methods.is_eligible(command.shipping_method.id, basket.content.currency, context.catalog):
            problems.append(methods.not_eligible(command.shipping_method.id, basket.content.currency, path))
        changes["shipping_method_id"] = command.shipping_method.id
    if command.ship_to_address is not UNSET:
        path = "$.shipToAddress"
        if not is_multiple:
            problems.append(methods.not_allowed("the channel ships in one part: set the address", path))
            return
        address = addresses.resolve(command.ship_to_address, path, Role.SHIP_TO, context)
        if isinstance(address, Address):
            changes["ship_to"] = address
        else:
            problems.extend(address)


def _find(basket: Basket, item_id: str) -> Item | None:
    return next((item for item in basket.content.items if item.id == item_id), None)


def _not_found(item_id: str) -> Problem:
    message = f"there is no item {item_id!r} in the basket"
    return Problem(code=ErrorKey.LINE_ITEM_NOT_FOUND, message=message, path="$.itemId")
