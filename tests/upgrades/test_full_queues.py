"""Command queues that are full refuse, and whoever uses the client asks again until there is room."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kombu import Connection
from outside.claims import token
from outside.connecting import connect
from outside.in_vain import why_not
from outside.listener import Listener
from outside.numbered import numbered_command
from outside.processes import wait_for, working
from outside.stage import Management, Stage
from outside.wire import Message, unique
from pika.exceptions import NackError

from contracts.broker.words import Nacked
from contracts.client import Client
from worker import topology


@contextmanager
def full(stage: Stage) -> Iterator[None]:
    """Have every command queue hold one message, and no more than that."""
    management = Management.of(stage.servers)
    if management is None:
        pytest.skip("the broker is not ours to set limits at")
    with Connection(stage.broker_url) as connection:
        topology.declare(connection.default_channel)
    limit = {"pattern": r"^basket\.commands\.\d", "definition": {"max-length": 1}, "apply-to": "queues"}
    management.call("PUT", f"policies/{stage.vhost}/narrow", limit)
    wait_for(lambda: refuses(stage))
    try:
        yield
    finally:
        management.call("DELETE", f"policies/{stage.vhost}/narrow")


def refuses(stage: Stage) -> bool:
    """Whether all queues are full; else there is one message more in each of them."""
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        refused = 0
        for number in range(8):
            try:
                channel.basic_publish("", f"basket.commands.{number:02d}", b"{}")
            except NackError:
                refused += 1
    return refused == 8


def published(client: Client, message: Message, **options: float) -> str:
    return client.publish(
        str(message.properties.type),
        message.key,
        message.body,
        message_id=message.message_id,
        **options,
    )


@pytest.mark.slow
def test_the_client_asks_again_until_there_is_room_and_nothing_happens_twice(
    stage: Stage, folder: Path
) -> None:
    basket = unique("basket")
    part = [numbered_command(basket, number) for number in range(20)]
    with (
        Listener(stage.broker_url) as events,
        Client(stage.broker_url, token=token()) as client,
        full(stage),
    ):
        told = why_not(lambda seconds: published(client, part[0], timeout_seconds=seconds), seconds=0.6)
        assert told.message_id == part[0].message_id
        assert isinstance(told.__cause__, Nacked)
        told = why_not(
            lambda seconds: client.call("basket.get", basket, timeout_seconds=seconds), seconds=0.3
        )
        assert isinstance(told.__cause__, Nacked)

        def publish_all() -> None:
            for message in part:
                published(client, message, timeout_seconds=60)

        publishing = threading.Thread(target=publish_all)
        publishing.start()
        with working(stage, "empties", folder):
            assert events.until(lambda: len(events.by_key()[basket]) == 20, seconds=60)
        publishing.join()
    mine = [event for event in events.heard if event.key == basket]
    assert [event.causation_id for event in mine] == [message.message_id for message in part]
    assert [event.version for event in mine] == list(range(1, 21))
