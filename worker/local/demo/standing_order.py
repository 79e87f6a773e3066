"""The second half: missed orders caught up, one that falls due, the end of it, and missed orders skipped."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.table import Table

from worker.local.demo import story
from worker.local.demo.events import Event

if TYPE_CHECKING:
    from worker.local.demo.show import Stage

_WEEKS_AGO = 4
_TO_THE_SECOND = len("2026-01-01T00:00:00")
_FALLS_DUE_IN = timedelta(seconds=4)


def show(stage: Stage, basket_id: str) -> list[str]:
    """Play it on the basket of the first half and on a second one; give what was not as expected."""
    start = (datetime.now(UTC) + _FALLS_DUE_IN).replace(microsecond=0) - timedelta(weeks=_WEEKS_AGO)
    wrong = _tell(stage, [story.recurring_channel(), _set(basket_id, start, executes_missed=True)])
    stage.console.print(f"Weekly since {start:%Y-%m-%d %H:%M:%S} UTC, missed orders are to be placed.")
    missed = stage.events.wait_for(lambda found: _count(found, "order.placed") >= _WEEKS_AGO)
    _print_orders(stage, missed, "Missed orders, oldest first")
    stage.console.print(
        f"The next one falls due in some seconds, at {start + timedelta(weeks=4):%H:%M:%S} UTC …"
    )
    early = _count(missed, "order.placed") - _WEEKS_AGO
    due = stage.events.wait_for(lambda found: early + _count(found, "order.placed") >= 1)
    _print_orders(stage, due, "The order that fell due while you watched")
    wrong += _tell(stage, [_remove(basket_id)])
    stage.console.print("Removed with the interval P0D.")
    wrong += _show_skipping(stage, start)
    placed = [event.body for event in (*missed, *due) if event.type == "order.placed"]
    if [order["recurring"]["catchUp"] for order in placed] != [True] * _WEEKS_AGO + [False]:
        wrong.append(f"{_WEEKS_AGO} missed orders and one due order were expected")
    return wrong


def _show_skipping(stage: Stage, start: datetime) -> list[str]:
    """Do the same on a new basket with executeMissedOrders false: only a first recurrence looks back."""
    basket_id = f"basket-{uuid.uuid4().hex[:12]}"
    wrong = _tell(stage, [*story.commands(basket_id)[:2], _set(basket_id, start, executes_missed=False)])
    found = stage.events.wait_for(lambda seen: _count(seen, "occurrence.skipped") >= 1)
    table = Table("event", "count", "from", "to", "why", title="The same, missed orders skipped")
    for event in found:
        if event.type == "occurrence.skipped":
            first, last = event.body["first"], event.body["last"]
            count = str(event.body["count"])
            dates = (first["dueAt"][:_TO_THE_SECOND], last["dueAt"][:_TO_THE_SECOND])
            table.add_row(event.type, count, *dates, event.body["reason"])
    stage.console.print(table)
    get = story.Step(title="Get", type="recurrence.get", key=basket_id, body=None, status=200)
    (answer,) = stage.play([get])
    shown = json.loads(answer.body)
    stage.console.print(f"It is {shown['state']}; its next order is due at {shown['nextOrderDate']}.")
    wrong += _tell(stage, [_remove(basket_id)])
    return wrong if _count(found, "occurrence.skipped") == 1 else [*wrong, "one skipped range was expected"]


def _tell(stage: Stage, steps: list[story.Step]) -> list[str]:
    return story.unexpected_answers(steps, stage.play(steps))


def _set(basket_id: str, start: datetime, *, executes_missed: bool) -> story.Step:
    recurrence = {
        "startDate": start.isoformat(),
        "interval": "P1W",
        "executeMissedOrders": executes_missed,
    }
    return _update("Set recurrence information", basket_id, recurrence)


def _remove(basket_id: str) -> story.Step:
    return _update("Remove recurrence information", basket_id, {"interval": "P0D"})


def _update(title: str, basket_id: str, recurrence: dict[str, object]) -> story.Step:
    return story.Step(
        title=title, type="basket.update", key=basket_id, body={"recurrence": recurrence}, status=200
    )


def _count(found: list[Event], type_: str) -> int:
    return sum(event.type == type_ for event in found)


def _print_orders(stage: Stage, found: list[Event], title: str) -> None:
    table = Table("order", "n", "due at", "placed at", "catch-up", "total", title=title)
    for event in found:
        if event.type == "order.placed":
            order, recurring = event.body, event.body["recurring"]
            table.add_row(
                order["number"],
                str(recurring["occurrence"]),
                recurring["dueAt"][:_TO_THE_SECOND],
                order["placedAt"][:_TO_THE_SECOND],
                "yes" if recurring["catchUp"] else "no",
                str(order["totals"]["basketTotal"]["value"]),
            )
    stage.console.print(table)
