"""What each command is answered with, and what the body of each event is."""

from __future__ import annotations

import msgspec

from contracts import codec_xml, commands, events, orders
from contracts.errors import Errors
from contracts.representation import BasketPageView, BasketView, View

_NOT_A_BASKET: dict[str, type[View]] = {
    "basket.list": BasketPageView,
    "basket.checkout": orders.OrderView,
    "basket.orders": orders.OrderPageView,
    "order.get": orders.OrderView,
    "order.files": orders.OrderFilesPageView,
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
    "order.upcoming": orders.OrderUpcomingView,
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


def in_xml(type_: str, command: str, body: bytes) -> bytes | None:
    """Write the body of a result in XML; None when it is no answer that this release knows.

    The answer to a repeat may have been kept by an older release.
    """
    if not body:
        return body
    view = REJECTED if type_ == events.REJECTED else COMPLETED.get(command)
    if view is None:
        return None
    try:
        return codec_xml.encode(msgspec.json.decode(body, type=view))
    except msgspec.MsgspecError:
        return None
