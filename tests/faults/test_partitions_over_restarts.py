"""A key has one command queue, whatever happens to the broker: else its commands overtake each other."""

from pathlib import Path
from typing import Any

import pytest
from outside.connecting import connect
from outside.outages import killed, ours, stopped
from outside.processes import wait_for, working
from outside.stage import COMMAND_QUEUES, Stage
from outside.upstream import COMMANDS
from outside.wire import unique

pytestmark = pytest.mark.faults

KEYS = 200


def test_every_key_keeps_its_queue_over_restarts_of_the_broker(stage: Stage, folder: Path) -> None:
    rabbitmq = ours(stage.servers.rabbitmq)
    with working(stage, "declares", folder):
        pass
    keys = [unique("key") for _ in range(KEYS)]
    before = queues_of(stage, keys)
    assert len(set(before.values())) == COMMAND_QUEUES
    for outage in (stopped, killed, stopped):
        with outage(rabbitmq):
            pass
        now = queues_of(stage, keys)
        assert {key: (before[key], now[key]) for key in keys if now[key] != before[key]} == {}


def queues_of(stage: Stage, keys: list[str]) -> dict[str, int]:
    """Publish something under each key, take all of it out again, and give the number of each one's queue."""
    found: dict[str, int] = {}
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for key in keys:
            channel.basic_publish(COMMANDS, key, b"", mandatory=True)

        def note(_channel: Any, method: Any, *_: object) -> None:
            found[method.routing_key] = int(method.consumer_tag.rpartition(".")[2])

        for number in range(COMMAND_QUEUES):
            queue = f"basket.commands.{number:02d}"
            channel.basic_consume(queue, note, auto_ack=True, consumer_tag=queue)
        # Not until nothing comes any more: a queue that has just started may be silent for a while.
        wait_for(lambda: connection.process_data_events(time_limit=0.1) or len(found) == len(keys))
    return found
