"""The commands about recurrences: set with the basket, get, preview, pause, resume; and its orders."""

from __future__ import annotations

from datetime import UTC

from msgspec import UNSET, structs

from contracts import commands
from contracts.errors import ErrorKey, Problem
from contracts.instants import iso, parse_instant
from contracts.orders import OccurrenceView, OrderPageView, PreviewView
from worker.domain import halting, noticing, ordering, ruling
from worker.domain import recurrence as recurrences
from worker.domain.basket import Basket, Rule
from worker.domain.decisions import Completed, Context, Decision, Refused
from worker.domain.recurrence import Recurrence, State

_PATH = "$.recurrence"


def read_rule(sent: commands.RecurrenceInput, context: Context) -> Rule | list[Problem] | None:
    """Read a rule that was sent, if the channel has recurring orders at all; None removes."""
    if not context.channel.recurring_orders_enabled:
        message = "recurring orders are disabled in this channel"
        return [Problem(code=ErrorKey.RECURRING_DISABLED, message=message, path=_PATH)]
    rule, live = ruling.read(sent, _PATH), context.recurrence
    if isinstance(rule, Rule) and live is not None and live.state is not State.REMOVED:
        return rule.beside(live.rule)
    return rule


def follow(basket: Basket, completed: Completed, context: Context) -> Completed:
    """Let the recurrence follow what a command has made of the basket's rule."""
    after = completed.basket
    if after is None or after.content.recurrence == basket.content.recurrence:
        return completed
    current, rule = context.recurrence, after.content.recurrence
    if rule is None:
        if current is None:
            return completed
        changed, type_ = recurrences.removed(current), "recurrence.removed"
    else:
        is_live = current is not None and current.state is not State.REMOVED
        changed = _set(current, rule, context)
        type_ = "recurrence.changed" if is_live else "recurrence.started"
    changed = structs.replace(
        changed,
        causation_id=context.message_id,
        traceparent=context.traceparent,
        notice_seconds=context.channel.notice_seconds,
    )
    return structs.replace(completed, recurrence=changed, notices=noticing.of_change(type_, changed))


def get(basket: Basket, _command: commands.RecurrenceGet, context: Context) -> Decision:
    live = _live(context)
    if isinstance(live, Refused):
        return live
    return Completed(status=200, basket=basket, body=noticing.status_view(live, context.orders))


def preview(basket: Basket, command: commands.RecurrencePreview, context: Context) -> Decision:
    """List the next occurrences, of the basket's recurrence or of the one that was sent."""
    if command.recurrence is UNSET:
        live = _live(context)
        if isinstance(live, Refused):
            return live
    else:
        rule = read_rule(command.recurrence, context)
        if isinstance(rule, list):
            return Refused(problems=tuple(rule))
        if rule is None:
            return Completed(status=200, basket=basket, body=PreviewView(occurrences=()))
        live = _set(context.recurrence, rule, context)
    return Completed(status=200, basket=basket, body=_preview(live, command.count))


def pause(basket: Basket, command: commands.RecurrencePause, context: Context) -> Decision:
    """Place nothing until resumed; what does not run anyway stays as it is."""
    live = _live(context)
    if isinstance(live, Refused):
        return live
    until = None if command.until in (UNSET, "") else parse_instant(command.until)
    if until is not None and until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    if command.until not in (UNSET, "") and (until is None or until <= context.now):
        message = "until is an instant in the future, in ISO 8601"
        return Refused(problems=(Problem(code=ErrorKey.MALFORMED, message=message, path="$.until"),))
    if live.state not in (State.ACTIVE, State.PAUSED):
        return Completed(status=200, basket=basket, body=noticing.status_view(live, context.orders))
    paused = halting.paused(live, context.now, until)
    if paused == live:
        return Completed(status=200, basket=basket, body=noticing.status_view(live, context.orders))
    return Completed(
        status=200,
        basket=basket,
        body=noticing.status_view(paused, context.orders),
        recurrence=paused,
        notices=(noticing.of_recurrence("recurrence.paused", paused),),
    )


def resume(basket: Basket, command: commands.RecurrenceResume, context: Context) -> Decision:
    """Go on after a pause or a suspension, with what fell due meanwhile as `missed` says."""
    live = _live(context)
    if isinstance(live, Refused):
        return live
    if live.state is State.EXPIRED:
        message = "the recurrence has expired: set a later end or more repetitions"
        return Refused(problems=(Problem(code=ErrorKey.ENABLE_NOT_POSSIBLE, message=message),))
    if live.state is State.ACTIVE:
        return Completed(status=200, basket=basket, body=noticing.status_view(live, context.orders))
    keep = {"all": None, "none": 0}.get(str(command.missed), command.missed)
    resumed, skip = halting.resumed(live, context.now, keep_newest=keep if isinstance(keep, int) else None)
    skips = (skip,) if skip is not None else ()
    return Completed(
        status=200,
        basket=basket,
        body=noticing.status_view(resumed, context.orders),
        recurrence=resumed,
        skips=skips,
        notices=(
            *(noticing.of_skip(live.basket_id, one) for one in skips),
            *noticing.of_change("recurrence.resumed", resumed),
        ),
    )


def orders(basket: Basket, command: commands.BasketOrders, context: Context) -> Decision:
    """Show a page of the basket's orders, newest first."""
    page = context.orders[: command.limit]
    has_more = len(context.orders) > command.limit
    body = OrderPageView(
        orders=tuple(ordering.summary(order) for order in page), next=page[-1].id if has_more else UNSET
    )
    return Completed(status=200, basket=basket, body=body)


def _set(current: Recurrence | None, rule: Rule, context: Context) -> Recurrence:
    if current is None:
        return recurrences.first_set(context.channel_id, context.key, rule)
    return recurrences.set_again(current, rule, context.now)


def _live(context: Context) -> Recurrence | Refused:
    if context.recurrence is not None and context.recurrence.state is not State.REMOVED:
        return context.recurrence
    message = "the basket has no recurrence"
    return Refused(problems=(Problem(code=ErrorKey.RECURRENCE_NOT_FOUND, message=message),))


def _preview(recurrence: Recurrence, count: int) -> PreviewView:
    """Walk along the grid as if every occurrence were ordered."""
    shown: list[OccurrenceView] = []
    while len(shown) < count and (due_at := recurrences.next_due_at(recurrence)) is not None:
        shown.append(OccurrenceView(occurrence=recurrence.next_n, due_at=iso(due_at)))
        next_n = recurrences.past_early(recurrence, recurrence.next_n + 1)
        recurrence = structs.replace(recurrence, next_n=next_n, placed=recurrence.placed + 1)
    return PreviewView(occurrences=tuple(shown))
