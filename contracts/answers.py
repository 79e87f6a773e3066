"""What each command is answered with, and what the body of each event is."""

from __future__ import annotations

from contracts import commands, orders
from contracts.errors import Errors
from contracts.representation import BasketPageView, BasketView, View

_NOT_A_BASKET: dict[str, type[View]] = {
    "basket.list": BasketPageView,
    "basket.checkout": orders.OrderView,
    "basket.orders": orders.OrderPageView,
    "order.get": orders.OrderView,
    "recurrence.get": orders.RecurrenceStatusView,
    "recurrence.preview": orders.PreviewView,
    "recurrence.pause": orders.RecurrenceStatusView,
    "recurrence.resume": orders.RecurrenceStatusView,
}
_EMPTY = {"basket.empty"}

#: Command type → body of its `command.completed`; None: always empty. Any other may be empty with status 204.
COMPLETED: dict[str, type[View] | None] = {
    type_: None if known.is_reference or type_ in _EMPTY else _NOT_A_BASKET.get(type_, BasketView)
    for type_, known in commands.BY_TYPE.items()
}

#: The body of every `command.rejected`.
REJECTED = Errors

#: Event type → body, of all events that are no results.
NOTICES: dict[str, type[View]] = {
    "order.placed": orders.OrderView,
    "order.failed": orders.OrderFailedView,
    "occurrence.skipped": orders.SkippedView,
    "recurrence.started": orders.RecurrenceNoticeView,
    "recurrence.changed": orders.RecurrenceNoticeView,
    "recurrence.removed": orders.RecurrenceNoticeView,
    "recurrence.paused": orders.RecurrenceNoticeView,
    "recurrence.resumed": orders.RecurrenceNoticeView,
    "recurrence.suspended": orders.SuspendedView,
    "recurrence.expired": orders.RecurrenceNoticeView,
    "basket.expired": orders.BasketExpiredView,
}
