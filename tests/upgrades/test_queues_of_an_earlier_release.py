"""Queues that are there already with other arguments: used as they are, unless that would cost the order."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import earlier
import pytest
from earlier import NAMES
from kombu import Connection
from outside import release
from outside.connecting import connect
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import WorkerProcess, wait_for, working
from outside.stage import Management, Stage, fresh
from outside.wire import unique
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, NackError
from structlog.testing import capture_logs

from worker import topology
from worker.local.servers import Servers

RUNBOOK = Path(__file__).parents[2] / "deploy" / "RUNBOOK.md"
POLICY = re.compile(r"set_policy --apply-to queues (\S+) '([^']+)' \\\n +'([^']+)'")


@pytest.fixture
def channel(stage: Stage) -> Iterator[object]:
    with Connection(stage.broker_url) as connection:
        yield connection.default_channel
    with connect(stage.broker_url) as connection:
        for name in (earlier.DEAD, *NAMES):
            connection.channel().queue_delete(name)


def test_what_this_release_declares_it_finds_again_without_a_word(channel: object) -> None:
    with capture_logs() as logged:
        topology.declare(channel)
        topology.declare(channel)
    assert logged == []


def test_queues_of_the_release_before_are_used_and_one_line_says_what_differs(
    stage: Stage, channel: object
) -> None:
    earlier.declare(stage)
    with capture_logs() as logged:
        topology.declare(channel)
    (line,) = logged
    assert (line["event"], line["log_level"]) == ("queues.differ", "warning")
    bounds = "x-max-length is none and not 100000; x-max-length-bytes is none and not 1073741824"
    assert line["queues"] == {
        f"{bounds}; x-overflow is none and not reject-publish": ["basket.commands.dead"],
        bounds: NAMES,
    }
    assert "RUNBOOK" in line["see"]
    assert_takes_commands(stage)


def test_every_difference_is_named_that_does_not_cost_the_order(stage: Stage, channel: object) -> None:
    earlier.declare(stage, **{"x-max-length": 7, "x-delivery-limit": 20, "x-dead-letter-exchange": "other"})
    with capture_logs() as logged:
        topology.declare(channel)
    (said,) = [said for said, names in logged[0]["queues"].items() if names == NAMES]
    assert set(said.split("; ")) == {
        "x-max-length is 7 and not 100000",
        "x-max-length-bytes is none and not 1073741824",
        "x-delivery-limit is 20 and not 50",
        "x-dead-letter-exchange is other and not basket.commands.dead",
    }


@pytest.mark.parametrize(
    ("others", "name"),
    [
        ({"x-single-active-consumer": False}, "x-single-active-consumer"),
        (
            {"x-queue-type": "classic", "x-delivery-limit": None, "x-dead-letter-strategy": None},
            "x-queue-type",
        ),
    ],
)
def test_a_queue_that_would_cost_the_order_is_refused_by_name(
    stage: Stage, channel: object, others: dict[str, object], name: str
) -> None:
    with connect(stage.broker_url) as connection:
        arguments = {key: value for key, value in (earlier.ARGUMENTS | others).items() if value is not None}
        connection.channel().queue_declare(NAMES[3], durable=True, arguments=arguments)
    with pytest.raises(topology.TopologyError, match=rf"basket\.commands\.03 cannot be used: .*{name}"):
        topology.declare(channel)


def test_the_runbooks_policy_bounds_them_all_and_drops_nothing(stage: Stage, channel: object) -> None:
    management = Management.of(stage.servers)
    if management is None:
        pytest.skip("the broker is not ours to set up")
    ((name, pattern, definition),) = POLICY.findall(RUNBOOK.read_text(encoding="utf-8"))
    policy = {
        "pattern": pattern,
        "definition": json.loads(definition) | {"max-length": 3},
        "apply-to": "queues",
    }
    management.call("PUT", f"policies/{stage.vhost}/{name}", policy)
    earlier.declare(stage)
    with connect(stage.broker_url) as connection:
        asking = connection.channel()
        asking.confirm_delivery()
        for queue in (earlier.DEAD, NAMES[0]):
            taken = sum(is_taken(asking, queue) for _ in range(20))
            assert 3 <= taken < 20, queue
            kept = asking.queue_declare(queue, passive=True).method.message_count
            assert kept == taken, f"{queue} has dropped what it had confirmed"
    management.call("DELETE", f"policies/{stage.vhost}/{name}")


def is_taken(channel: BlockingChannel, queue: str) -> bool:
    try:
        channel.basic_publish("", queue, b"{}")
    except NackError:
        return False
    return True


@pytest.mark.slow
def test_a_worker_that_finds_such_a_queue_ends_and_says_so(servers: Servers, folder: Path) -> None:
    with fresh(servers) as stage:
        earlier.declare(stage, **{"x-single-active-consumer": False})
        worker = WorkerProcess(stage, "refuses", folder)
        try:
            wait_for(lambda: not worker.is_alive)
        finally:
            worker.dismiss()
        said = [json.loads(line) for line in worker.log.splitlines() if '"queue.unusable"' in line]
    assert [(line["level"], line["why"].partition(":")[0]) for line in said] == [
        ("error", "basket.commands.00 cannot be used")
    ]


@pytest.mark.slow
def test_they_are_recreated_while_a_worker_works_as_the_runbook_says(servers: Servers, folder: Path) -> None:
    """By way of another number of queues; that of the dead is unbound, seen empty, and deleted."""
    (part,) = numbered(40, 30)
    with fresh(servers) as stage:
        earlier.declare(stage)
        with Listener(stage.broker_url) as events, working(stage, "worker", folder) as worker:
            publish(stage.broker_url, part[:600])
            for partitions in ("9", "8"):
                release.basketry(stage.environment, "partitions", partitions)
            with connect(stage.broker_url) as connection:
                channel = connection.channel()
                channel.queue_unbind(earlier.DEAD, earlier.DEAD, "")
                assert channel.queue_declare(earlier.DEAD, passive=True).method.message_count == 0
                channel.queue_delete(earlier.DEAD)
            publish(stage.broker_url, part[600:])
            events.until_heard(1200, seconds=60)
            wait_for(lambda: is_there(stage, earlier.DEAD))
            assert differences(stage) == []
            assert_each_once_and_in_order(events, stage, [part])
        assert worker.log.count("queues.differ") == 3, "once for each time that it declared that of the dead"


def is_there(stage: Stage, queue: str) -> bool:
    with connect(stage.broker_url) as connection:
        try:
            connection.channel().queue_declare(queue, passive=True)
        except ChannelClosedByBroker:
            return False
        return True


def differences(stage: Stage) -> list[object]:
    with Connection(stage.broker_url) as connection, capture_logs() as logged:
        topology.declare(connection.default_channel)
    return [*logged]


def assert_takes_commands(stage: Stage) -> None:
    """Publish as anybody does; it arrives in one of the eight."""
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("basket.commands", unique("key"), b"{}", mandatory=True)
        counts = [channel.queue_declare(name, passive=True).method.message_count for name in NAMES]
    assert sum(counts) == 1
