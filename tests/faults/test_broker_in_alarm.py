"""The broker out of memory: commands wait, events wait, orders are placed on time; afterwards all go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from outside.expected import mixed
from outside.ledger import Ledger
from outside.outages import lasts, ours, seconds_until
from outside.processes import WorkerProcess, scheduling, wait_for
from outside.shop import open_shop
from outside.stage import Stage
from outside.upstream import Upstream

from tests.scheduler.standing import House, furnished
from worker.local import waiting
from worker.local.rabbitmq import RabbitMQ

pytestmark = pytest.mark.faults

ORDERS = 200
ALARM_SECONDS = 15.0
LATE = timedelta(seconds=2)
PREPARED_WITHIN = timedelta(
    seconds=3
)  # what is written after it was due is late, and not the scheduler's fault
PLACED = "select placed_at from customer_order where basket_id like %s"
GOES_ON_WITHIN_SECONDS = 10.0


@pytest.fixture
def house(stage: Stage) -> Iterator[House]:
    with furnished(stage) as house:
        yield house


def test_in_a_memory_alarm_commands_and_events_wait_and_orders_do_not(
    house: House, stage: Stage, worker: WorkerProcess, upstream: Upstream, folder: Path
) -> None:
    rabbitmq = ours(stage.servers.rabbitmq)
    open_shop(upstream, recurringOrdersEnabled=True)
    standing = house.basket("standing")
    with (
        scheduling(stage, "scheduler", folder) as scheduler,
        Ledger(stage, "10. memory alarm on the broker", mixed(seed=10), rate=300) as ledger,
    ):
        ledger.wait_answered(300)
        with in_alarm(rabbitmq):
            wait_for(lambda: not grows(ledger))
            due_at = falls_due_soon(house, standing)
            wait_for(lambda: stage.count("customer_order") >= ORDERS)
            placed_at = [at for (at,) in stage.rows(PLACED, f"{standing}%")]
            answered = ledger.answered
            lasts(ALARM_SECONDS, lambda: worker.is_alive and scheduler.is_alive)
            assert ledger.answered == answered
            kept = pending(stage)
            assert kept >= ORDERS
        went_on = seconds_until(lambda: grows(ledger), within=GOES_ON_WITHIN_SECONDS)
        wait_for(lambda: pending(stage) < ORDERS)
        ledger.note = f"{kept} events waited, commands taken again after {went_on:.1f} s"
        ledger.wait_answered(300)
        ledger.settle()
        assert (worker.is_alive, scheduler.is_alive) == (True, True)
    assert len(placed_at) == ORDERS
    assert timedelta(0) <= min(placed_at) - due_at
    assert max(placed_at) - due_at < LATE


@contextmanager
def in_alarm(rabbitmq: RabbitMQ) -> Iterator[None]:
    """Have no memory left: whoever publishes is blocked, whoever consumes is not."""
    rabbitmq.rabbitmqctl("set_vm_memory_high_watermark", "0.000001")
    try:
        yield
    finally:
        rabbitmq.rabbitmqctl("set_vm_memory_high_watermark", "0.4")


def falls_due_soon(house: House, key: str) -> datetime:
    ((now,),) = house.stage.rows("select now()")
    due_at: datetime = now.astimezone(UTC) + PREPARED_WITHIN
    house.recurs(key, startDate=due_at.isoformat(), interval="P1Y")
    house.copies(key, ORDERS - 1)
    return due_at


def grows(ledger: Ledger) -> bool:
    """Whether the broker takes commands, within a second."""
    confirmed = ledger.confirmed
    return waiting.until(lambda: ledger.confirmed > confirmed, seconds=1.0)


def pending(stage: Stage) -> int:
    ((number,),) = stage.rows("select count(*) from outbox where published_at is null")
    return int(number)
