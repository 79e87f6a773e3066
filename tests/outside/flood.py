"""Publishing as fast as the broker takes it: confirms are awaited all together, not one by one."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import Any

import pika

from outside.connecting import parameters
from outside.upstream import COMMANDS
from outside.wire import Message

WITHIN_SECONDS = 60.0


class Flood:
    """One publisher with one channel: its messages arrive in the order in which they are given."""

    def __init__(self, broker_url: str, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._open = dict.fromkeys(range(1, len(messages) + 1))  # tags without a confirm, in order
        self._refused = 0
        self._connection = pika.SelectConnection(parameters(broker_url), on_open_callback=self._on_open)

    def publish(self) -> None:
        """Publish all; returns when the broker has confirmed every one of them."""
        ioloop = self._connection.ioloop
        ioloop.call_later(WITHIN_SECONDS, ioloop.stop)
        ioloop.start()
        ioloop.close()
        assert (len(self._open), self._refused) == (0, 0), "not everything was confirmed"

    def _on_open(self, connection: Any) -> None:
        connection.add_on_close_callback(lambda *_: connection.ioloop.stop())
        connection.channel(on_open_callback=self._publish)

    def _publish(self, channel: Any) -> None:
        channel.confirm_delivery(self._settle)
        for message in self._messages:
            channel.basic_publish(COMMANDS, message.key, message.body, message.properties)

    def _settle(self, frame: Any) -> None:
        """Note a confirm; those of several queues come in any order, and one may cover many."""
        tag = frame.method.delivery_tag
        settled = list(takewhile(lambda one: one <= tag, self._open)) if frame.method.multiple else [tag]
        for one in settled:
            del self._open[one]
        if not isinstance(frame.method, pika.spec.Basic.Ack):
            self._refused += len(settled)
        if not self._open:
            self._connection.close()


def publish(broker_url: str, messages: Sequence[Message]) -> None:
    """Publish in order and wait until the broker has taken every message."""
    Flood(broker_url, messages).publish()


def publish_side_by_side(broker_url: str, parts: Sequence[Sequence[Message]]) -> None:
    """Publish each part in its own order, all parts at once, each over a connection of its own."""
    with ThreadPoolExecutor(max_workers=len(parts)) as publishers:
        for done in [publishers.submit(publish, broker_url, part) for part in parts]:
            done.result()
