"""Writes down every event of a house in a thread of its own, from a queue that outlives broker and listener.

What the recorder is given again because it had not acked before its connection was lost is no repeat.
"""

import threading
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from outside.connecting import connect
from outside.listener import EVENTS
from outside.wire import Result, unique

_LOOKS_EVERY_SECONDS = 0.1
_PAUSE_SECONDS = 0.2
_STOPS_WITHIN_SECONDS = 10.0
_AT_ONCE = 2000
_AWAY = (OSError, AMQPError, AMQPConnectorException)  # the last: a broker that accepts, and then says nothing


class Recorder(threading.Thread):
    """Hears everything from its start on; the queue is there when the constructor returns."""

    def __init__(self, broker_url: str) -> None:
        super().__init__(name="recorder", daemon=True)
        self._broker_url = broker_url
        self._over = threading.Event()
        self._has_unacked = False
        self.queue = unique("tests.record")
        self.first: dict[str, Result] = {}  # by event id, in the order in which each was heard first
        self.heard_at: dict[str, float] = {}  # event id: monotonic
        self.answers: dict[str, list[Result]] = defaultdict(list)  # the result events of each key, in order
        self.answer_to: dict[str, Result] = {}  # by the command's message id: the first
        self.answered_at: dict[str, float] = {}  # by the command's message id: monotonic
        self.repeats = 0
        self.unlike: list[str] = []  # event ids of repeats that say something else
        self._declare()

    def stop(self) -> None:
        """End the thread; what the broker does not answer in time is left to it."""
        self._over.set()
        self.join(_STOPS_WITHIN_SECONDS)
        with suppress(*_AWAY), connect(self._broker_url) as connection:
            connection.channel().queue_delete(self.queue)

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._listen()
            except _AWAY:  # the broker is away, and keeps what it has for us
                self._over.wait(_PAUSE_SECONDS)

    def _declare(self) -> None:
        with connect(self._broker_url) as connection:
            channel = connection.channel()
            channel.exchange_declare(EVENTS, "topic", durable=True)
            channel.queue_declare(self.queue, durable=True, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(self.queue, EVENTS, "#")

    def _listen(self) -> None:
        with connect(self._broker_url) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=_AT_ONCE)
            channel.basic_consume(self.queue, self._receive)
            while not self._over.is_set():
                connection.process_data_events(time_limit=_LOOKS_EVERY_SECONDS)
                if self._has_unacked:
                    channel.basic_ack(multiple=True)
                    self._has_unacked = False

    def _receive(self, _channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        event = Result.received(method.routing_key, properties, body)
        self._has_unacked = True
        known = self.first.setdefault(event.message_id, event)
        if known is not event:
            self.repeats += not method.redelivered
            if _as_published(known) != _as_published(event):
                self.unlike.append(event.message_id)
            return
        self.heard_at[event.message_id] = time.monotonic()
        if event.type in {"command.completed", "command.rejected"}:
            self.answers[event.key].append(event)
            self.answer_to.setdefault(str(event.causation_id), event)
            self.answered_at.setdefault(str(event.causation_id), time.monotonic())


def _as_published(event: Result) -> tuple[object, ...]:
    """Give what was said, without what the broker writes into a message that it gives once more."""
    headers = {name: value for name, value in event.headers.items() if name != "x-delivery-count"}
    return event.type, headers, event.body
