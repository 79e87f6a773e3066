"""Somebody's session idle in a transaction for a whole run: what that costs is printed, and no gate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from statistics import median

import psycopg
import pytest
from outside.figures import Figures
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import numbered
from outside.processes import WorkerProcess
from outside.stage import Stage

pytestmark = pytest.mark.faults

ROUNDS = 3
BASKETS, COMMANDS = 25, 160  # few baskets: an old snapshot keeps every version of their rows


def test_a_session_idle_in_a_transaction_costs_hardly_any_throughput(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    began = time.monotonic()
    rates: dict[bool, list[float]] = {True: [], False: []}
    run(stage, events)  # warm
    for _ in range(ROUNDS):
        for is_beside in (False, True):
            with a_session_idle_in_a_transaction(stage) if is_beside else nullcontext():
                rates[is_beside].append(run(stage, events))
    ratio = median(rates[True]) / median(rates[False])
    number = len(events.different())
    Figures(
        fault="14. a session idle in a transaction for the whole run",
        published=number,
        completed=number,
        duplicates=len(events.heard) - number,
        took_seconds=time.monotonic() - began,
        note=f"{ratio:.2f} of the throughput without (goal 0.90; {ROUNDS} rounds of each, interleaved)",
    ).show()
    assert worker.is_alive


def run(stage: Stage, events: Listener) -> float:
    """Have some commands handled as fast as may be; give how many that was in a second."""
    (part,) = numbered(BASKETS, COMMANDS)
    before, began = len(events.different()), time.monotonic()
    publish(stage.broker_url, part)
    events.until_heard(before + len(part), seconds=60)
    rate = len(part) / (time.monotonic() - began)
    assert_in_order(events, before)
    return rate


def assert_in_order(events: Listener, before: int) -> None:
    versions: dict[str, int] = {}
    for event in events.different()[before:]:
        assert event.version == versions.get(event.key, 0) + 1
        versions[event.key] = event.version
    assert set(versions.values()) == {COMMANDS}


@contextmanager
def a_session_idle_in_a_transaction(stage: Stage) -> Iterator[None]:
    """Hold a snapshot and a transaction id, as a forgotten psql does: nothing newer can be vacuumed."""
    with psycopg.connect(stage.database_url) as connection:
        connection.execute("set transaction isolation level repeatable read")
        connection.execute("select pg_current_xact_id(), count(*) from basket")
        yield
        connection.rollback()
