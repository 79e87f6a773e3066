"""`basket.item.add`: products into the basket. All elements or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, structs

from contracts.errors import ErrorKey, Problem
from worker.domain import creating, quantities, quoting
from worker.domain.basket import MAX_ELEMENTS_IN_ONE_ADD, MAX_ITEMS, Item
from worker.domain.decisions import Completed, Refused

if TYPE_CHECKING:
    from contracts import commands
    from worker.domain.basket import Basket
    from worker.domain.decisions import Context, Decision


def add_items(basket: Basket, command: commands.BasketItemAdd, context: Context) -> Decision:
    """Add every element; the same SKU again adds to its item. Or add a quote."""
    problems = _form_problems(command)
    if not problems and command.quote_id is not UNSET:
        return quoting.add(basket, command.quote_id, context)
    agreed = tuple(item for item in basket.content.items if item.quote_id)
    items = {item.sku: item for item in basket.content.items if not item.quote_id}
    position = max((item.position for item in basket.content.items), default=0)
    for index, element in enumerate(command.elements or ()):
        path = f"$.elements[{index}]"
        quantity = quantities.read(element.quantity)
        found = _element_problems(element, quantity, basket.content.currency, context, path)
        problems.extend(found)
        if found or quantity is None:
            continue
        item = items.get(element.sku)
        if item is None:
            position += 1
            item = Item(id=context.new_id(), sku=element.sku, quantity=0, position=position)
        if item.quantity + quantity > quantities.MAX_QUANTITY:
            problems.append(quantities.problem(f"{path}.quantity.value"))
        items[element.sku] = structs.replace(item, quantity=item.quantity + quantity)
    if len(agreed) + len(items) > MAX_ITEMS:
        message = f"a basket holds at most {MAX_ITEMS} items"
        problems.append(Problem(code=ErrorKey.LIMIT_EXCEEDED, message=message, path="$.elements"))
    if problems:
        return Refused(problems=tuple(problems))
    in_order = sorted((*agreed, *items.values()), key=lambda item: item.position)
    content = structs.replace(basket.content, items=tuple(in_order))
    return Completed(status=201, basket=creating.changed(basket, content, context))


def _form_problems(command: commands.BasketItemAdd) -> list[Problem]:
    has_elements, has_quote = command.elements is not UNSET, command.quote_id is not UNSET
    if has_elements == has_quote:
        message = "either elements or a quoteID is needed, and not both"
        return [Problem(code=ErrorKey.MALFORMED, message=message, path="$")]
    if not has_quote and not command.elements:
        message = "elements needs at least one element"
        return [Problem(code=ErrorKey.MALFORMED, message=message, path="$.elements")]
    if len(command.elements or ()) > MAX_ELEMENTS_IN_ONE_ADD:
        message = f"one command adds at most {MAX_ELEMENTS_IN_ONE_ADD} elements"
        return [Problem(code=ErrorKey.LIMIT_EXCEEDED, message=message, path="$.elements")]
    return []


def _element_problems(
    element: commands.ElementInput, quantity: int | None, currency: str, context: Context, path: str
) -> list[Problem]:
    problems = []
    product = context.catalog.products.get(element.sku)
    sku_path = f"{path}.sku"
    if not element.sku:
        problems.append(Problem(code=ErrorKey.SKU_REQUIRED, message="a sku is required", path=sku_path))
    elif product is None:
        message = f"there is no product {element.sku[:100]!r}"
        problems.append(Problem(code=ErrorKey.PRODUCT_NOT_FOUND, message=message, path=sku_path))
    elif not product.is_available:
        message = f"the product {element.sku!r} is not available"
        problems.append(Problem(code=ErrorKey.PRODUCT_NOT_AVAILABLE, message=message, path=sku_path))
    elif product.price.currency != currency:
        message = f"the product {element.sku!r} has no price in {currency}"
        problems.append(Problem(code=ErrorKey.PRODUCT_NOT_AVAILABLE, message=message, path=sku_path))
    if quantity is None:
        problems.append(quantities.problem(f"{path}.quantity.value"))
    return problems
