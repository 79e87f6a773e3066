"""Listening to basket.events, as any consumer would: a queue of one's own, bound to everything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Self

import msgspec
import pika

_WITHIN_SECONDS = 15.0


class Event(msgspec.Struct, frozen=True):
    type: str
    headers: dict[str, Any]
    body: Any

    @property
    def is_result(self) -> bool:
        return self.type.startswith("command.")


class Events:
    """The events of the keys that are followed in one sales channel, from now on.

    Others may work in the channel, too: an interrupted run leaves standing orders that go on.
    """

    def __init__(self, broker_url: str, channel: str) -> None:
        self._sales_channel = channel
        self._keys: set[str] = set()
        self._connection = pika.BlockingConnection(pika.URLParameters(broker_url))
        self._channel = self._connection.channel()
        queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(queue, "basket.events", "#")
        self._channel.basic_consume(queue, self._on_event, auto_ack=True)
        self._found: list[Event] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def follow(self, key: str) -> None:
        self._keys.add(key)

    def wait_for(
        self, is_enough: Callable[[list[Event]], bool], within_seconds: float = _WITHIN_SECONDS
    ) -> list[Event]:
        """Give what has come since the last call, once it is enough or that much time has passed."""
        until = time.monotonic() + within_seconds
        while not is_enough(self._found) and time.monotonic() < until:
            self._connection.process_data_events(time_limit=0.1)
        found, self._found = self._found, []
        return found

    def _on_event(self, _channel: Any, _method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        headers = dict(properties.headers or {})
        if headers.get("channel") == self._sales_channel and headers.get("key") in self._keys:
            content = json.loads(body) if body else None
            self._found.append(Event(properties.type or "", headers, content))
