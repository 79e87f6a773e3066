"""The scheduler told to stop, and the database gone under it: nothing half-written, nothing needs a hand."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from outside.listener import Listener
from outside.processes import SchedulerProcess, scheduling, wait_for
from outside.stage import Stage

from tests.scheduler.standing import House, furnished

pytestmark = pytest.mark.faults

NUMBER = 8000  # seconds of work: the test must see the first before the last is placed
READY_WITHIN_SECONDS = 30.0
LAST_YEAR = {"startDate": "2025-11-01T10:00:00Z", "interval": "P10Y"}


@pytest.fixture
def house(stage: Stage) -> Iterator[House]:
    with furnished(stage) as house:
        yield house


def placed(house: House) -> int:
    return house.stage.count("customer_order")


def assert_whole(house: House, number: int) -> None:
    """As many orders as occurrences, as events, as recurrences that have gone on."""
    assert house.stage.rows(
        "select (select count(*) from customer_order), (select count(*) from occurrence),"
        " (select count(*) from outbox where type = 'order.placed'),"
        " (select count(*) from recurrence where next_due_at > now())"
    ) == [(number,) * 4]


def test_sigterm_in_the_middle_ends_it_between_two_transactions(
    house: House, stage: Stage, folder: Path
) -> None:
    house.recurs(house.basket(), **LAST_YEAR)
    house.copies("b", NUMBER - 1)
    first = SchedulerProcess(stage, "first", folder)
    try:
        wait_for(lambda: placed(house) > 0)
        assert first.stop() == 0
    finally:
        if first.is_alive:
            first.kill()
    done = placed(house)
    assert 0 < done < NUMBER, "it was to be stopped in the middle"
    assert_whole(house, done)
    with scheduling(stage, "second", folder):
        wait_for(lambda: placed(house) == NUMBER)
    assert_whole(house, NUMBER)


def test_an_idle_scheduler_stops_at_once(house: House, stage: Stage, folder: Path) -> None:
    with scheduling(stage, "idle", folder) as scheduler:
        assert scheduler.stop() == 0
    assert "Traceback" not in scheduler.log


def test_a_database_that_was_away_is_found_again_without_a_hand(
    house: House, stage: Stage, folder: Path
) -> None:
    postgres = stage.servers.postgres
    if postgres is None:
        pytest.skip("the server is not ours to stop")
    with Listener(stage.broker_url) as events, scheduling(stage, "scheduler", folder) as scheduler:
        postgres.stop()
        try:
            wait_for(lambda: "tick.postponed" in scheduler.log)
        finally:
            postgres.start()
            postgres.wait_ready(READY_WITHIN_SECONDS)
        house.engine.dispose()
        ((now,),) = stage.rows("select now()")
        soon = now.astimezone(UTC) + timedelta(seconds=0.5)
        house.recurs(house.basket("after"), startDate=soon.isoformat(), interval="P1D")
        wait_for(lambda: placed(house) == 1)
        assert events.until(lambda: any(event.type == "order.placed" for event in events.heard))
        assert scheduler.is_alive
    assert_whole(house, 1)
