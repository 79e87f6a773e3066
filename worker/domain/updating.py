"""`basket.update`: the seed's call, field by field. All or nothing; only what is sent changes.

Fields whose reference data this service does not know yet are answered as if there were none of it: no
address resolves, no promotion applies, no customer is a business customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, structs

from contracts.errors import ErrorKey, Problem
from worker.domain import addresses, creating, money, recurring
from worker.domain.basket import MAX_PROMOTIONS, Address
from worker.domain.decisions import Completed, Refused

if TYPE_CHECKING:
    from contracts import commands
    from worker.domain.basket import Basket
    from worker.domain.decisions import Context, Decision

_TEXTS = ("department", "taxation_id", "external_order_reference_id")


def update(basket: Basket, command: commands.BasketUpdate, context: Context) -> Decision:
    """Set what is sent, or say everything that is wrong with it."""
    problems: list[Problem] = []
    changes: dict[str, Any] = {}
    _set_addresses(command, changes, problems)
    currency = _set_currency(basket, command, changes, problems)
    _set_shipping_method(basket, command, context, currency, changes, problems)
    for name in _TEXTS:
        if (text := getattr(command, name)) is not UNSET:
            changes[name] = text
    if command.tax_exempt is not UNSET:
        changes["tax_exempt"] = command.tax_exempt
    if command.recurrence is not UNSET:
        rule = recurring.read_rule(command.recurrence, context)
        if isinstance(rule, list):
            problems.extend(rule)
        else:
            changes["recurrence"] = rule
    problems.extend(_unmet(basket, command, context))
    if problems:
        return Refused(problems=tuple(problems))
    changed = creating.changed(basket, structs.replace(basket.content, **changes), context)
    completed = Completed(status=200, basket=_handed_over(changed, basket, context))
    return recurring.follow(basket, completed, context)


def _set_addresses(command: commands.BasketUpdate, changes: dict[str, Any], problems: list[Problem]) -> None:
    for name, shown, given in (
        ("ship_to", "$.commonShipToAddress", command.common_ship_to_address),
        ("invoice_to", "$.invoiceToAddress", command.invoice_to_address),
    ):
        if given is UNSET:
            continue
        address = addresses.resolve(given, shown)
        if isinstance(address, Address):
            changes[name] = address
        else:
            problems.extend(address)


def _set_currency(
    basket: Basket, command: commands.BasketUpdate, changes: dict[str, Any], problems: list[Problem]
) -> str:
    """Set the currency, and give the one that holds from here on."""
    currency = command.purchase_currency or basket.content.currency
    if currency == basket.content.currency:
        return currency
    if not money.is_currency(currency):
        problems.append(creating.unknown_currency(currency))
        return basket.content.currency
    if basket.content.items:
        message = "the currency is fixed while the basket has items"
        problems.append(
            Problem(code=ErrorKey.PURCHASE_CURRENCY_FIXED, message=message, path="$.purchaseCurrency")
        )
    changes["currency"] = currency
    return currency


def _set_shipping_method(
    basket: Basket,
    command: commands.BasketUpdate,
    context: Context,
    currency: str,
    changes: dict[str, Any],
    problems: list[Problem],
) -> None:
    """Set the method; also when it is the currency that changes, the method needs a price in it."""
    sent = command.common_shipping_method
    path = "$.commonShippingMethod"
    if sent is not UNSET and context.channel.supports_multiple_shipments:
        message = "the channel ships in several parts: set the method at the items"
        problems.append(Problem(code=ErrorKey.SHIPPING_METHOD_NOT_ALLOWED, message=message, path=path))
        return
    if sent is UNSET and currency == basket.content.currency:
        return
    method_id = basket.content.shipping_method_id if sent is UNSET else sent.id
    method = context.catalog.shipping_methods.get(method_id)
    if method_id and (method is None or method.price.currency != currency):
        message = f"there is no shipping method {method_id!r} with a price in {currency}"
        problems.append(Problem(code=ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE, message=message, path=path))
    changes["shipping_method_id"] = method_id


def _unmet(basket: Basket, command: commands.BasketUpdate, context: Context) -> list[Problem]:
    """Name what is asked for and cannot be given."""
    problems = []
    if len(command.promotions) > MAX_PROMOTIONS:
        message = f"a basket takes at most {MAX_PROMOTIONS} promotions"
        problems.append(Problem(code=ErrorKey.LIMIT_EXCEEDED, message=message, path="$.promotions"))
    if command.cost_center_id:
        problems.append(_cost_center_problem(basket.customer or context.caller.customer))
    if command.new_owner_authentication_token:
        problems.extend(_new_owner_problems(context))
    return problems


def _cost_center_problem(customer: str | None) -> Problem:
    if customer is None:
        code, message = ErrorKey.COST_CENTER_NO_CUSTOMER, "the basket's owner buys for no customer"
    else:
        code, message = ErrorKey.COST_CENTER_INVALID_CUSTOMER, f"{customer!r} is no business customer"
    return Problem(code=code, message=message, path="$.costCenterID")


def _new_owner_problems(context: Context) -> list[Problem]:
    if context.new_owner is not None and not context.new_owner.is_anonymous:
        return []
    message = "the token of a registered new owner is needed: a valid JWT that is not anonymous"
    return [Problem(code=ErrorKey.MALFORMED, message=message, path="$.newOwnerAuthenticationToken")]


def _handed_over(basket: Basket, before: Basket, context: Context) -> Basket:
    """Give the basket to its new owner; that is a change, once, however much else has changed with it."""
    owner = context.new_owner
    if owner is None or owner.user == basket.owner:
        return basket
    return structs.replace(
        basket,
        owner=owner.user,
        owner_is_anonymous=owner.is_anonymous,
        customer=owner.customer,
        groups=owner.groups,
        version=before.version + 1,
    )
