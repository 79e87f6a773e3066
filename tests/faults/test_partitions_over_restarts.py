"""A key has one command queue, whatever happens to the broker: else its commands overtake each other."""

from pathlib import Path

import pytest
from outside.connecting import connect
from outside.outages import killed, ours, stopped
from outside.processes import working
from outside.stage import COMMAND_QUEUES, Stage
from outside.upstream import COMMANDS
from outside.wire import unique

pytestmark = pytest.mark.faults

KEYS = 200
QUIET_SECONDS = 0.5


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
    """Publish something under each key, take it out again, and give the number of the queue it was in."""
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for key in keys:
            channel.basic_publish(COMMANDS, key, b"", mandatory=True)
        found: dict[str, int] = {}
        for number in range(COMMAND_QUEUES):
            queue = f"basket.commands.{number:02d}"
            for method, _, _ in channel.consume(queue, auto_ack=True, inactivity_timeout=QUIET_SECONDS):
                if method is None:
                    break
                found[method.routing_key] = number
            channel.cancel()
    assert len(found) == len(keys)
    return found
