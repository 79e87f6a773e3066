"""RabbitMQ restarted, killed and frozen, connections closed by force: consuming again, at full prefetch."""

from contextlib import suppress
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
from outside.expected import mixed
from outside.holding import commands_held
from outside.ledger import Ledger
from outside.outages import frozen, killed, lasts, ours, seconds_until, stopped
from outside.processes import WorkerProcess, wait_for
from outside.shop import open_shop
from outside.stage import COMMAND_QUEUES, Management, Stage
from outside.upstream import Upstream

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]  # two of them take two minutes

CONSUMING_AGAIN_WITHIN_SECONDS = 30.0
PREFETCH = 50  # of each queue, the default
TIMES = 20
FROZEN_SECONDS = 90.0
STATISTICS_WITHIN_SECONDS = 20.0  # the management API looks every five seconds


@pytest.fixture
def management(stage: Stage) -> Management:
    ours(stage.servers.rabbitmq)
    management = Management.of(stage.servers)
    assert management is not None
    return management


@pytest.fixture(scope="module")
def shop(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream)


def test_a_broker_that_is_restarted_and_then_killed_finds_its_worker_again(
    stage: Stage, worker: WorkerProcess, shop: None, management: Management
) -> None:
    rabbitmq, pid = ours(stage.servers.rabbitmq), worker.pid
    with Ledger(
        stage, "5. RabbitMQ restarted, then killed", mixed(seed=5), rate=400, is_careful=True
    ) as ledger:
        ledger.wait_answered(500)
        with stopped(rabbitmq):
            assert worker.is_alive
        after_stop = back(ledger)
        ledger.wait_answered(500)
        with killed(rabbitmq):
            assert worker.is_alive
        after_kill = back(ledger)
        ledger.note = f"consuming {after_stop:.1f} s and {after_kill:.1f} s after it was ready"
        assert_at_full_prefetch(stage, management)
        ledger.settle()
    assert (worker.is_alive, worker.pid) == (True, pid)


def test_a_worker_whose_connections_are_closed_twenty_times_consumes_again(
    stage: Stage, worker: WorkerProcess, shop: None, management: Management
) -> None:
    pid = worker.pid
    fault = f"5. connections closed by force {TIMES} times"
    with Ledger(stage, fault, mixed(seed=55), rate=200) as ledger:
        ledger.wait_answered(300)
        closed, slowest = set[str](), 0.0
        for _ in range(TIMES):
            close_all(stage, management, closed)
            slowest = max(slowest, back(ledger))
        ledger.note = f"{len(closed)} closed, consuming again after {slowest:.1f} s at most"
        assert len(closed) >= TIMES
        assert_at_full_prefetch(stage, management)
        ledger.settle()
    assert (worker.is_alive, worker.pid) == (True, pid)


def test_a_broker_that_stands_still_for_ninety_seconds_goes_on_where_it_was(
    stage: Stage, worker: WorkerProcess, shop: None, management: Management
) -> None:
    rabbitmq, pid = ours(stage.servers.rabbitmq), worker.pid
    fault = f"6. RabbitMQ frozen for {FROZEN_SECONDS:.0f} s"
    with Ledger(stage, fault, mixed(seed=6), rate=200) as ledger:
        ledger.wait_answered(500)
        with frozen(rabbitmq):
            lasts(FROZEN_SECONDS, lambda: worker.is_alive)
        ledger.note = f"consuming {back(ledger):.1f} s after it went on"
        assert_at_full_prefetch(stage, management)
        ledger.settle()
    assert (worker.is_alive, worker.pid) == (True, pid)


def back(ledger: Ledger) -> float:
    """Measure from now to the next hundred answers of commands: one may have been on its way already."""
    answered = ledger.answered
    return seconds_until(lambda: ledger.answered > answered + 100, within=CONSUMING_AGAIN_WITHIN_SECONDS)


def close_all(stage: Stage, management: Management, closed: set[str]) -> None:
    """Close all that the worker has connected since the last time, by force and as an operator does.

    The one that it consumes on is among them: it bears the worker's name and nothing more.
    """

    def opened() -> dict[str, str]:
        listed = management.connections(stage.vhost).items()
        ours = {name: given for name, given in listed if given.startswith("basketry worker")}
        return {name: given for name, given in ours.items() if name not in closed}

    wait_for(lambda: "basketry worker" in opened().values())
    for name in opened():
        with suppress(HTTPError):  # the list is late: it may be gone by itself
            management.call("DELETE", f"connections/{quote(name)}")
            closed.add(name)


def assert_at_full_prefetch(stage: Stage, management: Management) -> None:
    """Let no command be handled for a while: then as many are out as a fresh worker takes, and no more."""
    with commands_held(stage):
        wait_for(lambda: unacked(stage, management) == {PREFETCH}, seconds=STATISTICS_WITHIN_SECONDS)


def unacked(stage: Stage, management: Management) -> set[int]:
    """Give how many messages of each command queue are out."""
    queues = management.call("GET", f"queues/{quote(stage.vhost)}")
    counts = [
        int(queue.get("messages_unacknowledged", 0))
        for queue in queues
        if queue["name"].startswith("basket.commands.") and queue["name"] != "basket.commands.dead"
    ]
    assert len(counts) == COMMAND_QUEUES
    return set(counts)
