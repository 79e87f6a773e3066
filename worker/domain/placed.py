"""Reading orders that were placed: `order.get`, `order.files`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from contracts.errors import ErrorKey, Problem
from contracts.orders import OrderFilesPageView
from worker.domain.decisions import Completed, Refused

if TYPE_CHECKING:
    from contracts import commands
    from worker.domain.decisions import Context, Decision, OrderedFile
    from worker.domain.ordering import Order

# An answer is at most 900 KB; a name may take a kilobyte, of which JSON may make six.
_MAX_PAGE_BYTES = 800 * 1024


def get(order_id: str, found: Order | None, _command: commands.OrderGet, context: Context) -> Decision:
    """Show an order to its owner, a service or an operator."""
    refused = _refused(order_id, found, context)
    return refused or Completed(status=200, body=found.document if found is not None else None)


def files(order_id: str, found: Order | None, command: commands.OrderFiles, context: Context) -> Decision:
    """Show a page of an order's files; it may be shorter than was asked for when names are long."""
    refused = _refused(order_id, found, context)
    if refused is not None:
        return refused
    if context.files is None:
        message = "after must be what next of the page before was"
        return Refused(problems=(Problem(code=ErrorKey.MALFORMED, message=message, path="$.after"),))
    shown = _that_fit(context.files[: command.limit])
    has_more = len(shown) < len(context.files)
    body = OrderFilesPageView(
        files=tuple(one.view for one in shown), next=shown[-1].place if has_more else UNSET
    )
    return Completed(status=200, body=body)


def _that_fit(found: Sequence[OrderedFile]) -> Sequence[OrderedFile]:
    size = 0
    for count, one in enumerate(found):
        size += len(msgspec.json.encode(one.view))
        if size > _MAX_PAGE_BYTES and count:
            return found[:count]
    return found


def _refused(order_id: str, found: Order | None, context: Context) -> Refused | None:
    caller = context.caller
    if found is None:
        message = f"there is no order {order_id!r}"
        return Refused(problems=(Problem(code=ErrorKey.ORDER_NOT_FOUND, message=message),))
    if found.owner != caller.user and not caller.is_service and not caller.is_operator:
        message = "the order belongs to another user"
        return Refused(problems=(Problem(code=ErrorKey.FORBIDDEN, message=message),))
    return None
