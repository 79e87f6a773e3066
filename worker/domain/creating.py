"""`basket.create`, `basket.get`, `basket.list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, structs

from contracts.errors import ErrorKey, Problem
from contracts.instants import iso
from contracts.representation import BasketPageView, BasketSummaryView
from worker.domain import money, presenting, pricing
from worker.domain.basket import Basket, Content
from worker.domain.decisions import Completed, Refused

if TYPE_CHECKING:
    from contracts import commands
    from worker.domain.decisions import Context, Decision


def create(basket: Basket | None, command: commands.BasketCreate, context: Context) -> Decision:
    """Open a basket for the caller; one that is open already stays as it is."""
    currency = command.purchase_currency or context.channel.currency
    if not money.is_currency(currency):
        return Refused(problems=(unknown_currency(currency),))
    if basket is not None and basket.is_open:
        return Completed(status=200, basket=basket)
    return Completed(status=201, basket=opened(basket, Content(currency=currency), context))


def opened(before: Basket | None, content: Content, context: Context) -> Basket:
    """Give the caller's new basket, one version on when there is a tombstone."""
    return Basket(
        channel=context.channel_id,
        id=context.key,
        owner=context.caller.user,
        owner_is_anonymous=context.caller.is_anonymous,
        customer=context.caller.customer,
        groups=context.caller.groups,
        version=1 if before is None else before.version + 1,
        opened_at=context.now,
        content=content,
        priced=pricing.price(content, context.channel, context.catalog, context.now),
    )


def get(basket: Basket, _command: commands.BasketGet, _context: Context) -> Decision:
    return Completed(status=200, basket=basket)


def listed(command: commands.BasketList, context: Context) -> Decision:
    """Show a page of the caller's open baskets, by id."""
    page = context.baskets[: command.limit]
    has_more = len(context.baskets) > command.limit
    body = BasketPageView(
        baskets=tuple(
            BasketSummaryView(
                id=one.id,
                version=one.version,
                changed=iso(one.changed_at),
                total=presenting.money(one.total.value, one.total.currency),
            )
            for one in page
        ),
        next=page[-1].id if has_more else UNSET,
    )
    return Completed(status=200, body=body)


def unknown_currency(currency: str) -> Problem:
    message = f"{currency[:20]!r} is no ISO 4217 currency"
    return Problem(code=ErrorKey.MALFORMED, message=message, path="$.purchaseCurrency")


def changed(basket: Basket, content: Content, context: Context) -> Basket:
    """Give the basket with this content at the prices of now, one version on if the content is another.

    New prices alone are no new version.
    """
    priced = pricing.price(content, context.channel, context.catalog, context.now, before=basket)
    if (content, priced) == (basket.content, basket.priced):
        return basket
    version = basket.version + (content != basket.content)
    return structs.replace(basket, content=content, priced=priced, version=version)
