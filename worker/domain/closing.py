"""`basket.checkout`, `basket.empty`, and baskets that nobody touches: how a basket comes to its end.

A basket that is closed leaves a tombstone: channel, id, owner and version, one version on.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import structs

from contracts.errors import ErrorKey, Problem
from contracts.instants import iso
from contracts.orders import BasketExpiredView
from worker.domain import early, gathering, holding, noticing, orderable, ordering, reaching
from worker.domain import recurrence as recurrences
from worker.domain.basket import Content, Priced, Totals
from worker.domain.decisions import Asks, Completed, Refused
from worker.domain.money import ZERO
from worker.domain.noticing import Notice
from worker.domain.ordering import Order
from worker.domain.recurrence import State
from worker.domain.scheduling import Placement
from worker.domain.search.questions import Gathered, TooCostly, Window

if TYPE_CHECKING:
    from contracts import commands
    from worker.domain.basket import Basket
    from worker.domain.decisions import Context, Step
    from worker.domain.recurrence import Recurrence

_NOTHING = Priced(lines=(), totals=Totals(basket=ZERO, items=ZERO, shipping=ZERO, tax=ZERO))


def checkout(basket: Basket, _command: commands.BasketCheckout, context: Context) -> Step:
    """Place an order now. A basket without recurrence is closed by it; of a recurrent one it is the next."""
    problems = orderable.obstacles(basket, context.channel, context.catalog, context.now)
    if basket.content.recurrence is not None:
        return _order_now(basket, problems, context)
    if problems:
        return Refused(problems=tuple(problems))
    gathered = _gathered(basket, None, context)
    if isinstance(gathered, Asks | Refused):
        return gathered
    order = _ordered(basket, None, gathered, context)
    notice = structs.replace(noticing.of_order(order), version=basket.version)
    return Completed(
        status=201,
        basket=closed(basket),
        order=order,
        body=order.document,
        recurrence=past(context.recurrence),
        notices=(notice,),
    )


def empty(basket: Basket | None, _command: commands.BasketEmpty, context: Context) -> Step:
    """Throw the basket away, with its recurrence; there may be none."""
    if basket is None or not basket.is_open:
        return Completed(status=204)
    current = context.recurrence
    if current is None or current.state is State.REMOVED:
        return Completed(status=204, basket=closed(basket), recurrence=past(current))
    removed, notices = without_recurrence(current, context.message_id, context.traceparent)
    return Completed(status=204, basket=closed(basket), recurrence=removed, notices=notices)


def without_recurrence(
    current: Recurrence, causation_id: str | None = None, traceparent: str | None = None
) -> tuple[Recurrence, tuple[Notice, ...]]:
    """Remove the recurrence of a basket that is closed, and say so."""
    removed = structs.replace(
        recurrences.removed(current), reached=(), causation_id=causation_id, traceparent=traceparent
    )
    return removed, noticing.of_change("recurrence.removed", removed)


def past(removed: Recurrence | None) -> Recurrence | None:
    """Give a recurrence that was removed before as its basket's end leaves it; None when that is as it was.

    The next basket of this id may be another person's: what was new to this one says nothing there.
    """
    return structs.replace(removed, reached=()) if removed is not None and removed.reached else None


def closed(basket: Basket, *, owner: str | None = None) -> Basket:
    """Give the tombstone of a basket; nothing of what was in it is kept."""
    return structs.replace(
        basket,
        is_open=False,
        owner=basket.owner if owner is None else owner,
        customer=None,
        groups=(),
        version=basket.version + basket.is_open,
        content=Content(currency=basket.content.currency),
        priced=_NOTHING,
    )


def erased(
    basket: Basket, live: Recurrence | None, at: datetime, causation_id: str | None, traceparent: str | None
) -> tuple[Basket, Recurrence | None, tuple[Notice, ...]]:
    """Close a basket whose owner is to be forgotten; it has none any more, and may be created by anybody."""
    tombstone = closed(basket, owner="")
    if not basket.is_open:
        return tombstone, None, ()
    said = (expiry(basket, at, "user_erased"),)
    if live is None or live.state is State.REMOVED:
        return tombstone, None, said
    removed, notices = without_recurrence(live, causation_id, traceparent)
    return tombstone, removed, (*notices, *said)


def expiry(basket: Basket, changed_at: datetime, reason: str) -> Notice:
    """Say that a basket was closed without a command of its owner."""
    body = BasketExpiredView(basket_id=basket.id, changed=iso(changed_at), reason=reason)
    return Notice("basket.expired", body)


def _order_now(basket: Basket, problems: list[Problem], context: Context) -> Step:
    taken = early.order_now(context.recurrence, context.now) if context.recurrence is not None else None
    if taken is None:
        message = "the recurrence is suspended, expired, or has no order left"
        problems.append(Problem(code=ErrorKey.ORDER_NOT_POSSIBLE, message=message))
    if problems or taken is None:
        return Refused(problems=tuple(problems))
    recurrence, placement = taken
    window = reaching.window(recurrence, placement.due_at, context.now)
    gathered = _gathered(basket, window, context)
    if isinstance(gathered, Asks | Refused):
        return gathered
    order = _ordered(basket, placement, gathered, context)
    recurrence = reaching.extended(recurrence, gathered.reach if gathered is not None else None)
    notices = [noticing.of_order(order)]
    if recurrence.state is State.EXPIRED:
        notices.append(noticing.of_recurrence("recurrence.expired", recurrence))
    return Completed(
        status=201,
        basket=basket,
        order=order,
        body=order.document,
        recurrence=recurrence,
        notices=tuple(notices),
    )


def _ordered(
    basket: Basket, placement: Placement | None, gathered: Gathered | None, context: Context
) -> Order:
    """Make the order of now, at the prices of now; `placement` is the occurrence that it takes, if any."""
    return ordering.order(
        ordering.repriced(basket, context.channel, context.catalog, context.now),
        placement,
        order_id=context.new_id() if gathered is None else gathered.order_id,
        number=context.new_order_number(),
        placed_at=context.now,
        gathered=gathered,
    )


def _gathered(basket: Basket, window: Window | None, context: Context) -> Gathered | Asks | Refused | None:
    """Give what an order takes of data, once that was asked for; None when there is none in the basket."""
    if not gathering.is_needed(basket):
        return None
    match context.answer:
        case Gathered() as gathered if not gathering.is_nothing(basket, gathered):
            return gathered
        case Gathered():
            return Refused(problems=(holding.nothing_left(window),))
        case TooCostly():
            return Refused(problems=(holding.too_costly(),))
        case _:
            return Asks(gathering.question(basket, context.new_id(), context.caller.groups, window))
