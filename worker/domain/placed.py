"""Reading orders that were placed: `order.get`, `order.files`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from contracts.errors import ErrorKey, Problem
from contracts.orders import OrderFilesPageView, OrderFileView
from worker.domain.decisions import Completed, Refused

if TYPE_CHECKING:
    from contracts import commands
    from worker.domain.decisions import Context, Decision
    from worker.domain.objects import OrderedFile
    from worker.domain.ordering import Order

# An answer is at most 900 KB, and a name may be a kilobyte long.
_MAX_PAGE_BYTES = 800 * 1024


def get(order_id: str, found: Order | None, _command: commands.OrderGet, context: Context) -> Decision:
    """Show an order to its owner, a service or an operator."""
    refused = _refused(order_id, found, context)
    return refused or Completed(status=200, body=found.document if found is not None else None)


def files(order_id: str, found: Order | None, _command: commands.OrderFiles, context: Context) -> Decision:
    """Show a page of an order's files; it may be shorter than was asked for when names are long."""
    refused = _refused(order_id, found, context)
    if refused is not None:
        return refused
    if context.files is None:
        message = "after must be what next of the page before was"
        return Refused(problems=(Problem(code=ErrorKey.MALFORMED, message=message, path="$.after"),))
    views = _that_fit([_view(one) for one in context.files.files])
    is_whole = len(views) == len(context.files.files)
    following = context.files.next if is_whole else context.files.files[len(views) - 1].place
    return Completed(status=200, body=OrderFilesPageView(files=views, next=following or UNSET))


def _view(ordered: OrderedFile) -> OrderFileView:
    return OrderFileView(
        dataset_ipid=ordered.dataset_id,
        object_urn=ordered.object_id,
        name=ordered.file.name,
        type=ordered.file.type,
        size=ordered.file.size,
        reference=ordered.file.reference,
    )


def _that_fit(views: Sequence[OrderFileView]) -> tuple[OrderFileView, ...]:
    size = 0
    for count, one in enumerate(views):
        size += len(msgspec.json.encode(one))
        if size > _MAX_PAGE_BYTES and count:
            return tuple(views[:count])
    return tuple(views)


def _refused(order_id: str, found: Order | None, context: Context) -> Refused | None:
    caller = context.caller
    if found is None:
        message = f"there is no order {order_id!r}"
        return Refused(problems=(Problem(code=ErrorKey.ORDER_NOT_FOUND, message=message),))
    if found.owner != caller.user and not caller.is_service and not caller.is_operator:
        message = "the order belongs to another user"
        return Refused(problems=(Problem(code=ErrorKey.FORBIDDEN, message=message),))
    return None
