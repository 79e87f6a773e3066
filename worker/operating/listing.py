"""What an operator lists: orders and recurrences, as Rich tables or as JSON lines of their wire forms."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from contracts import codec_json
from contracts.instants import iso
from worker import printing
from worker.domain import noticing
from worker.domain.ordering import Order
from worker.domain.recurrence import Recurrence, State, next_due_at
from worker.store import database, orders, recurrences

_ORDER = ("number", "channel", "basket", "n", "due at", "placed at", "catch-up", "total")
_RECURRENCE = ("channel", "basket", "state", "interval", "next due at", "orders", "last error")


def list_orders(database_url: str, limit: int, basket_id: str | None, *, as_json: bool) -> None:
    """Print the newest orders."""
    engine = database.engine(database_url, "basketry orders")
    with database.transaction(engine) as tx:
        found = orders.newest(tx, limit, basket_id, whole=as_json)
    engine.dispose()
    if as_json:
        _print_json([one.document for one in found])
        return
    printing.show(_ORDER, map(_order_row, found))


def list_recurrences(database_url: str, limit: int, state: str | None, *, as_json: bool) -> None:
    """Print recurrences, the next due first."""
    engine = database.engine(database_url, "basketry recurrences")
    with database.transaction(engine) as tx:
        found = recurrences.listed(tx, limit, state)
    engine.dispose()
    if as_json:
        _print_json([_recurrence_document(one) for one in found])
        return
    printing.show(_RECURRENCE, map(_recurrence_row, found))


def _order_row(order: Order) -> tuple[str, ...]:
    n = "" if order.occurrence is None else str(order.occurrence)
    due_at = "" if order.due_at is None else iso(order.due_at)
    catch_up = "yes" if order.is_catch_up else ""
    total = f"{order.total.value} {order.total.currency}"
    placed_at = iso(order.placed_at.replace(microsecond=0))
    return order.number, order.channel, order.basket_id, n, due_at, placed_at, catch_up, total


def _recurrence_row(one: Recurrence) -> tuple[str, ...]:
    error = one.last_error.message if one.last_error is not None else ""
    return one.channel, one.basket_id, one.state, one.rule.interval, _next(one), str(one.placed), error


def _recurrence_document(recurrence: Recurrence) -> dict[str, object]:
    status = msgspec.to_builtins(noticing.status_view(recurrence, ()))
    del status["lastOrders"]
    return {"channel": recurrence.channel, "basketId": recurrence.basket_id, **status}


def _next(recurrence: Recurrence) -> str:
    due_at = None if recurrence.state is State.REMOVED else next_due_at(recurrence)
    return iso(due_at) if due_at is not None else ""


def _print_json(documents: Sequence[object]) -> None:
    print(json.dumps([json.loads(codec_json.encode(one)) for one in documents], indent=2))  # noqa: T201
