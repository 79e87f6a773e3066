"""Worker commands and ticks on the same baskets at once: no deadlock, and no order of a state that never was.

The ticks run on a clock of their own, a day further each: every basket has an order with each of them.
"""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from outside.flood import publish
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.wire import Message, command

from scheduler import tick
from tests.scheduler.standing import MOUSE, House, at, furnished

pytestmark = pytest.mark.slow

BASKETS, ROUNDS = 50, 30
START = "2030-01-01T10:00"
_BETWEEN_TICKS_SECONDS = 0.05  # else the worker is busy with nothing but relaying orders
_BETWEEN_LOOKS_SECONDS = 0.05


def edits(keys: Sequence[str], rounds: int) -> list[Message]:
    """Change every basket in turn: what is in it, what stands on it, whether it recurs at all."""
    messages = []
    for number in range(rounds):
        for key in keys:
            if number % 3 == 0:
                body: dict[str, Any] = {"elements": [{"sku": MOUSE, "quantity": {"value": 1 + number % 5}}]}
                messages.append(command("basket.item.add", key, body))
            elif number % 3 == 1:
                messages.append(command("basket.update", key, {"department": f"D{number}"}))
            else:
                type_ = "recurrence.pause" if number % 2 else "recurrence.resume"
                body = {} if number % 2 else {"missed": "all"}
                messages.append(command(type_, key, body))
    return messages


def shown(document: dict[str, Any]) -> tuple[Any, ...]:
    """What an order and the answer to a command have in common."""
    totals = document["totals"]
    return document.get("department"), totals["basketTotal"]["value"], totals["taxTotal"]["value"]


def deadlocks(stage: Stage) -> int:
    ((number,),) = stage.rows("select deadlocks from pg_stat_database where datname = current_database()")
    return int(number)


def tick_until(house: House, is_over: threading.Event) -> int:
    """Tick again and again, a day later each time; give the number of days."""
    day = 0
    while not is_over.is_set():
        tick.tick(house.engine, at=at(START) + timedelta(days=day))
        day += 1
        is_over.wait(_BETWEEN_TICKS_SECONDS)
    return day


def send(house: House, messages: Sequence[Message], is_over: threading.Event) -> None:
    """Publish all, and be over when all are answered."""
    publish(house.stage.broker_url, messages)
    while house.stage.count("inbox") < len(messages):
        is_over.wait(_BETWEEN_LOOKS_SECONDS)
    is_over.set()


def edited_and_ordered(house: House, rounds: int) -> int:
    """Let a worker and a scheduler at the same baskets; give the number of days that went by."""
    messages, is_over = edits([f"b-{number}" for number in range(BASKETS)], rounds), threading.Event()
    with ThreadPoolExecutor(1) as publisher:
        sent = publisher.submit(send, house, messages, is_over)
        days = tick_until(house, is_over)
        sent.result()
    return days


def recurrent_baskets(house: House) -> list[str]:
    """Make baskets that are ordered every day, and are at version 3."""
    house.channel(catchUpLimit=1_000_000)
    keys = [house.basket(f"b-{number}") for number in range(BASKETS)]
    for key in keys:
        house.recurs(key, startDate=f"{START}:00Z", interval="P1D")
    return keys


def catch_up(house: House, keys: Sequence[str], days: int) -> None:
    """Have ordered what fell due while a basket's recurrence was paused."""
    for key in keys:
        house.say("recurrence.resume", key, {"missed": "all"}, now="2030-01-01T00:00")
    house.ticks(at(START) + timedelta(days=days))


def assert_no_order_is_stale(stage: Stage, first: dict[str, tuple[Any, ...]], days: int) -> None:
    """Check that each order shows its basket as the answer of that version did, or as it was at `first`."""
    known = {(key, 3): as_it_was for key, as_it_was in first.items()}
    for key, headers, body in stage.rows(
        "select key, headers, body from outbox where type = 'command.completed'"
        " and headers ->> 'command' in ('basket.update', 'basket.item.add')"
    ):
        known[key, headers["version"]] = shown(json.loads(body))
    orders = stage.rows("select key, headers, body from outbox where type = 'order.placed' order by seq")
    assert [
        key for key, headers, body in orders if known[key, headers["version"]] != shown(json.loads(body))
    ] == []
    for key in first:
        placed = [json.loads(body)["recurring"]["occurrence"] for its, _, body in orders if its == key]
        assert placed == list(range(days + 1))
    assert len({headers["version"] for _, headers, _ in orders}) > 3, "the orders were to meet the edits"


def test_every_order_shows_a_state_that_the_basket_had(stage: Stage, worker: WorkerProcess) -> None:
    with furnished(stage) as house:
        keys = recurrent_baskets(house)
        first = {key: shown(house.say("basket.get", key)) for key in keys}
        before = deadlocks(stage)
        days = edited_and_ordered(house, ROUNDS)
        catch_up(house, keys, days)
    assert_no_order_is_stale(stage, first, days)
    assert stage.rows("select count(*) from outbox where type = 'command.rejected'") == [(0,)]
    assert deadlocks(stage) == before
    assert "deadlock" not in worker.log
