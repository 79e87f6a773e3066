"""The scheduler needs Postgres alone: without the broker orders are placed on time, events leave later."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from outside.listener import Listener
from outside.processes import scheduling, wait_for
from outside.stage import Stage

from tests.scheduler.door import Door
from tests.scheduler.standing import House, furnished

pytestmark = pytest.mark.faults

NUMBER = 100
LATE = timedelta(seconds=2)
PREPARED_WITHIN = timedelta(
    seconds=3
)  # what is written after it was due is late, and not the scheduler's fault
READY_WITHIN_SECONDS = 60.0


@pytest.fixture
def house(stage: Stage) -> Iterator[House]:
    with furnished(stage) as house:
        yield house


def falls_due_soon(house: House, key: str) -> datetime:
    """Have a hundred baskets fall due at one instant, soon."""
    ((now,),) = house.stage.rows("select now()")
    due_at: datetime = now.astimezone(UTC) + PREPARED_WITHIN
    house.recurs(house.basket(key), startDate=due_at.isoformat(), interval="P1Y")
    house.copies(key, NUMBER - 1)
    return due_at


def assert_placed_on_time(house: House, key: str, due_at: datetime) -> None:
    ours = "select placed_at from customer_order where basket_id like %s"
    wait_for(lambda: len(house.stage.rows(ours, f"{key}%")) == NUMBER)
    instants = [placed_at for (placed_at,) in house.stage.rows(ours, f"{key}%")]
    assert timedelta(0) <= min(instants) - due_at
    assert max(instants) - due_at < LATE


def heard_orders(events: Listener, key: str) -> int:
    return sum(event.type == "order.placed" and event.key.startswith(key) for event in events.different())


@pytest.mark.parametrize("key", ["never-there", pytest.param("gone-again", marks=pytest.mark.faults)])
def test_orders_are_placed_on_time_and_their_events_leave_when_the_broker_is_back(
    house: House, stage: Stage, folder: Path, key: str
) -> None:
    broker = urlsplit(stage.broker_url)
    with Door(broker.hostname or "", broker.port or 0) as door, Listener(stage.broker_url) as events:
        user, _, _ = broker.netloc.rpartition("@")
        behind = broker._replace(netloc=f"{user}@127.0.0.1:{door.port}").geturl()
        with scheduling(stage, "scheduler", folder, BASKETRY_BROKER_URL=behind) as scheduler:
            if key == "gone-again":
                has_met_the_broker(house, door, events)
                door.shut()
            due_at = falls_due_soon(house, key)
            assert_placed_on_time(house, key, due_at)
            assert heard_orders(events, key) == 0
            door.open()
            assert events.until(lambda: heard_orders(events, key) == NUMBER)
            wait_for(lambda: nothing_waits(stage))
            assert scheduler.is_alive


def has_met_the_broker(house: House, door: Door, events: Listener) -> None:
    """Let the scheduler publish something first, so that it has a connection to lose."""
    door.open()
    falls_due_soon(house, "before")
    assert events.until(lambda: heard_orders(events, "before") == NUMBER)


def nothing_waits(stage: Stage) -> bool:
    return stage.rows("select count(*) from outbox where published_at is null") == [(0,)]


@pytest.mark.faults
def test_the_same_with_a_broker_that_is_stopped_in_earnest(house: House, stage: Stage, folder: Path) -> None:
    rabbitmq = stage.servers.rabbitmq
    if rabbitmq is None:
        pytest.skip("the server is not ours to stop")
    with Listener(stage.broker_url):
        pass  # whoever listens declares the exchange
    with scheduling(stage, "scheduler", folder) as scheduler:
        rabbitmq.stop()
        try:
            due_at = falls_due_soon(house, "stopped")
            assert_placed_on_time(house, "stopped", due_at)
            assert stage.rows("select count(*) from outbox where published_at is not null") == [(0,)]
        finally:
            rabbitmq.start()
            rabbitmq.wait_ready(READY_WITHIN_SECONDS)
        wait_for(lambda: nothing_waits(stage))
        assert scheduler.is_alive
