"""A consumer of all events: what Basketry has said, in the order in which it said it."""

import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import pika

from outside.connecting import connect
from outside.wire import Message, Result, unique

EVENTS = "basket.events"
WITHIN_SECONDS = 40.0  # as long as a reply is waited for
_AT_ONCE = 2000  # what is not asked for stays at the broker


class Listener:
    """Reads only while it is asked something; the broker keeps the rest meanwhile."""

    def __init__(self, broker_url: str) -> None:
        self._connection = connect(broker_url)
        self._channel = self._connection.channel()
        self._channel.basic_qos(prefetch_count=_AT_ONCE)
        self._channel.exchange_declare(EVENTS, "topic", durable=True)
        self._queue = unique("tests.events")
        self._channel.queue_declare(self._queue, exclusive=True)
        self._channel.queue_bind(self._queue, EVENTS, "#")
        self._channel.basic_consume(self._queue, self._receive)
        self._unacked = 0
        self.heard: list[Result] = []
        self._first: dict[str, Result] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection.is_open:
            self._connection.close()

    def until(self, condition: Callable[[], bool], *, seconds: float = WITHIN_SECONDS) -> bool:
        """Listen until the condition holds; False when it did not within the time."""
        deadline = time.monotonic() + seconds
        while not condition():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            self._connection.process_data_events(time_limit=min(remaining, 0.1))
            if self._unacked:
                self._channel.basic_ack(multiple=True)
                self._unacked = 0
        return True

    def until_heard(self, count: int, *, seconds: float = WITHIN_SECONDS) -> list[Result]:
        """Listen until so many different events were heard; give those."""
        assert self.until(lambda: len(self._first) >= count, seconds=seconds), (
            f"{count} events were due, {len(self._first)} were heard"
        )
        return self.different()

    def answer(self, message: Message) -> Result:
        """Wait for the result event of a command, and give it."""
        assert self.until(lambda: bool(self.answers(message))), f"no event for {message.message_id}"
        return self.answers(message)[0]

    def answers(self, message: Message) -> list[Result]:
        """Give the events heard so far that a message has caused."""
        return [
            event
            for event in self.heard
            if event.causation_id == message.message_id and event.key == message.key
        ]

    def different(self) -> list[Result]:
        """Give the different events in the order in which each was heard first."""
        return list(self._first.values())

    def by_key(self) -> dict[str, list[Result]]:
        """Give the different events of each key, in order."""
        keyed: dict[str, list[Result]] = defaultdict(list)
        for event in self.different():
            keyed[event.key].append(event)
        return keyed

    def _receive(self, _channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        self._unacked += 1
        event = Result.received(method.routing_key, properties, body)
        self.heard.append(event)
        self._first.setdefault(event.message_id, event)
