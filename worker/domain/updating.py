"""`basket.update`: the seed's call, field by field. All or nothing; only what is sent changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, structs

from contracts.errors import ErrorKey, Problem
from worker.domain import (
    addresses,
    agreements,
    creating,
    methods,
    money,
    pricing,
    rebates,
    recurring,
)
from worker.domain.addresses import Role
from worker.domain.basket import MAX_PROMOTIONS, Address
from worker.domain.decisions import Completed, Refused
from worker.domain.money import ZERO

if TYPE_CHECKING:
    from contracts import commands
    from worker.domain.basket import Basket
    from worker.domain.decisions import Context, Decision

_TEXTS = ("department", "taxation_id", "external_order_reference_id")


def update(basket: Basket, command: commands.BasketUpdate, context: Context) -> Decision:
    """Set what is sent, or say everything that is wrong with it."""
    problems: list[Problem] = []
    changes: dict[str, Any] = {}
    _set_addresses(command, context, changes, problems)
    currency = _set_currency(basket, command, changes, problems)
    _set_shipping_method(basket, command, context, currency, changes, problems)
    for name in _TEXTS:
        if (text := getattr(command, name)) is not UNSET:
            changes[name] = text
    if command.tax_exempt is not UNSET:
        changes["tax_exempt"] = command.tax_exempt
    _set_recurrence(basket, command, context, changes, problems)
    _set_cost_center(command, context, changes, problems)
    _add_promotions(basket, command, context, currency, changes, problems)
    if command.new_owner_authentication_token:
        problems.extend(_new_owner_problems(context))
    if problems:
        return Refused(problems=tuple(problems))
    changed = creating.changed(basket, structs.replace(basket.content, **changes), context)
    completed = Completed(status=200, basket=_handed_over(changed, basket, context))
    return recurring.follow(basket, completed, context)


def _set_addresses(
    command: commands.BasketUpdate, context: Context, changes: dict[str, Any], problems: list[Problem]
) -> None:
    for name, shown, role, given in (
        ("ship_to", "$.commonShipToAddress", Role.SHIP_TO, command.common_ship_to_address),
        ("invoice_to", "$.invoiceToAddress", Role.INVOICE_TO, command.invoice_to_address),
    ):
        if given is UNSET:
            continue
        address = addresses.resolve(given, shown, role, context)
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
        return basket.content.currency
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
    sent, path = command.common_shipping_method, "$.commonShippingMethod"
    if sent is UNSET and currency == basket.content.currency:
        return
    method_id = basket.content.shipping_method_id if sent is UNSET else sent.id
    if context.channel.supports_multiple_shipments:
        method_id = ""  # one from before the channel shipped in several parts
        if sent is not UNSET:
            message = "the channel ships in several parts: set it at the items"
            problems.append(methods.not_allowed(message, path))
    elif not methods.is_eligible(method_id, currency, context.catalog):
        place = "$.purchaseCurrency" if sent is UNSET else path
        problems.append(methods.not_eligible(method_id, currency, place))
    changes["shipping_method_id"] = method_id


def _set_recurrence(
    basket: Basket,
    command: commands.BasketUpdate,
    context: Context,
    changes: dict[str, Any],
    problems: list[Problem],
) -> None:
    if command.recurrence is UNSET:
        return
    rule = recurring.read_rule(command.recurrence, context)
    if isinstance(rule, list):
        problems.extend(rule)
        return
    if rule is not None and basket.content.has_quote:
        message = "a basket with a quote cannot recur"
        problems.append(Problem(code=ErrorKey.RECURRING_NOT_ALLOWED, message=message, path="$.recurrence"))
    changes["recurrence"] = rule


def _set_cost_center(
    command: commands.BasketUpdate,
    context: Context,
    changes: dict[str, Any],
    problems: list[Problem],
) -> None:
    """Set the cost center, of the customer that the owner buys for from here on."""
    if command.cost_center_id is UNSET:
        return
    owner = context.new_owner or context.caller
    if command.cost_center_id:
        problem = agreements.cost_center_obstacle(
            command.cost_center_id, owner.customer, context.catalog, "$.costCenterID"
        )
        problems.extend([problem] if problem is not None else [])
    changes["cost_center_id"] = command.cost_center_id


def _add_promotions(
    basket: Basket,
    command: commands.BasketUpdate,
    context: Context,
    currency: str,
    changes: dict[str, Any],
    problems: list[Problem],
) -> None:
    """Add the codes that hold now; the others are kept out without a word, as in the seed."""
    if not command.promotions:
        return
    sent = dict.fromkeys(promotion.code for promotion in command.promotions)
    listed = pricing.list_lines(basket.content, context.catalog, basket)
    items_total = sum((line.total for line in listed), ZERO)
    accepted = [
        code
        for code in sent
        if rebates.applies(context.catalog.promotions.get(code), currency, items_total, context.now)
    ]
    codes = tuple(dict.fromkeys((*basket.content.promotions, *accepted)))
    if max(len(codes), len(sent)) > MAX_PROMOTIONS:
        message = f"a basket takes at most {MAX_PROMOTIONS} promotions"
        problems.append(Problem(code=ErrorKey.LIMIT_EXCEEDED, message=message, path="$.promotions"))
    changes["promotions"] = codes


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
