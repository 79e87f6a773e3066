"""`basket.update`: the seed's call, field by field. All or nothing; only what is sent changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
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


class Draft(msgspec.Struct, frozen=True):
    """An update in the making: what it changes, and everything that is wrong with it so far."""

    basket: Basket
    command: commands.BasketUpdate
    context: Context
    changes: dict[str, Any] = {}
    problems: list[Problem] = []

    def refuse(self, code: ErrorKey, message: str, path: str) -> None:
        self.problems.append(Problem(code=code, message=message, path=path))


def update(basket: Basket, command: commands.BasketUpdate, context: Context) -> Decision:
    """Set what is sent, or say everything that is wrong with it."""
    draft = Draft(basket, command, context)
    _set_addresses(draft)
    currency = _set_currency(draft)
    _set_shipping_method(draft, currency)
    for name in _TEXTS:
        if (text := getattr(command, name)) is not UNSET:
            draft.changes[name] = text
    if command.tax_exempt is not UNSET:
        draft.changes["tax_exempt"] = command.tax_exempt
    _set_recurrence(draft)
    _set_cost_center(draft)
    _add_promotions(draft, currency)
    _check_new_owner(draft)
    if draft.problems:
        return Refused(problems=tuple(draft.problems))
    changed = creating.changed(basket, structs.replace(basket.content, **draft.changes), context)
    completed = Completed(status=200, basket=_handed_over(changed, basket, context))
    return recurring.follow(basket, completed, context)


def _set_addresses(draft: Draft) -> None:
    for name, shown, role, given in (
        ("ship_to", "$.commonShipToAddress", Role.SHIP_TO, draft.command.common_ship_to_address),
        ("invoice_to", "$.invoiceToAddress", Role.INVOICE_TO, draft.command.invoice_to_address),
    ):
        if given is UNSET:
            continue
        address = addresses.resolve(given, shown, role, draft.context)
        if isinstance(address, Address):
            draft.changes[name] = address
        else:
            draft.problems.extend(address)


def _set_currency(draft: Draft) -> str:
    """Set the currency, and give the one that holds from here on."""
    current, path = draft.basket.content.currency, "$.purchaseCurrency"
    currency = draft.command.purchase_currency or current
    if currency == current:
        return current
    if not money.is_currency(currency):
        draft.problems.append(creating.unknown_currency(currency))
        return current
    if draft.basket.content.items:
        message = "the currency is fixed while the basket has items"
        draft.refuse(ErrorKey.PURCHASE_CURRENCY_FIXED, message, path)
        return current
    draft.changes["currency"] = currency
    return currency


def _set_shipping_method(draft: Draft, currency: str) -> None:
    """Set the method; also when it is the currency that changes, the method needs a price in it."""
    content, sent = draft.basket.content, draft.command.common_shipping_method
    path = "$.commonShippingMethod"
    if sent is UNSET and currency == content.currency:
        return
    method_id = content.shipping_method_id if sent is UNSET else sent.id
    if draft.context.channel.supports_multiple_shipments:
        method_id = ""  # one from before the channel shipped in several parts
        if sent is not UNSET:
            message = "the channel ships in several parts: set it at the items"
            draft.problems.append(methods.not_allowed(message, path))
    elif not methods.is_eligible(method_id, currency, draft.context.catalog):
        place = "$.purchaseCurrency" if sent is UNSET else path
        draft.problems.append(methods.not_eligible(method_id, currency, place))
    draft.changes["shipping_method_id"] = method_id


def _set_recurrence(draft: Draft) -> None:
    if draft.command.recurrence is UNSET:
        return
    rule = recurring.read_rule(draft.command.recurrence, draft.context)
    if isinstance(rule, list):
        draft.problems.extend(rule)
        return
    if rule is not None and draft.basket.content.has_quote:
        draft.refuse(ErrorKey.RECURRING_NOT_ALLOWED, "a basket with a quote cannot recur", "$.recurrence")
    draft.changes["recurrence"] = rule


def _set_cost_center(draft: Draft) -> None:
    """Set the cost center, of the customer that the owner buys for from here on."""
    cost_center_id, path = draft.command.cost_center_id, "$.costCenterID"
    if cost_center_id is UNSET:
        return
    owner = draft.context.new_owner or draft.context.caller
    if cost_center_id:
        catalog = draft.context.catalog
        problem = agreements.cost_center_obstacle(cost_center_id, owner.customer, catalog, path)
        draft.problems.extend([problem] if problem is not None else [])
    draft.changes["cost_center_id"] = cost_center_id


def _add_promotions(draft: Draft, currency: str) -> None:
    """Add the codes that hold now; the others are kept out without a word, as in the seed."""
    content, context = draft.basket.content, draft.context
    sent = dict.fromkeys(promotion.code for promotion in draft.command.promotions)
    if not sent:
        return
    listed = pricing.list_lines(content, context.catalog, draft.basket)
    items_total = sum((line.total for line in listed), ZERO)
    promotions = context.catalog.promotions
    accepted = [
        code for code in sent if rebates.applies(promotions.get(code), currency, items_total, context.now)
    ]
    codes = tuple(dict.fromkeys((*content.promotions, *accepted)))
    if max(len(codes), len(sent)) > MAX_PROMOTIONS:
        message = f"a basket takes at most {MAX_PROMOTIONS} promotions"
        draft.refuse(ErrorKey.LIMIT_EXCEEDED, message, "$.promotions")
    draft.changes["promotions"] = codes


def _check_new_owner(draft: Draft) -> None:
    owner = draft.context.new_owner
    if not draft.command.new_owner_authentication_token or (owner is not None and not owner.is_anonymous):
        return
    message = "the token of a registered new owner is needed: a valid JWT that is not anonymous"
    draft.refuse(ErrorKey.MALFORMED, message, "$.newOwnerAuthenticationToken")


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
