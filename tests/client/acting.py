"""A test that plays the service: it takes commands off a queue of its own, and answers when it likes."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import pika
from outside.connecting import connect
from outside.wire import unique

COMMANDS = "basket.commands"


class Taken(NamedTuple):
    properties: pika.BasicProperties
    body: bytes


class Service:
    """One queue bound to every command; `arguments` are the queue's."""

    def __init__(self, broker_url: str, **arguments: object) -> None:
        self._connection = connect(broker_url)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(COMMANDS, "topic", durable=True)
        self._queue = unique("service")
        self._channel.queue_declare(self._queue, exclusive=True, arguments=arguments)
        self._channel.queue_bind(self._queue, COMMANDS, "#")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def take(self) -> Taken:
        """Wait for the next command."""
        found: list[Taken] = []
        wait_with(self._connection.process_data_events, lambda: bool(self._take_into(found)))
        return found[0]

    def answer(self, taken: Taken, **headers: object) -> None:
        """Answer as the service would, with the command's ids."""
        said = {"status": 200, "causation-id": taken.properties.message_id, **headers}
        properties = pika.BasicProperties(
            type="command.completed", correlation_id=taken.properties.correlation_id, headers=said
        )
        self._channel.basic_publish("", str(taken.properties.reply_to), b"{}", properties)

    def _take_into(self, found: list[Taken]) -> bool:
        method, properties, body = self._channel.basic_get(self._queue, auto_ack=True)
        if method is not None:
            found.append(Taken(properties, body or b""))
        return bool(found)


def wait_with(work: Callable[..., Any], condition: Callable[[], bool], *, tries: int = 1500) -> None:
    """Let a connection work until the condition holds, at most 15 s."""
    for _ in range(tries):
        if condition():
            return
        work(time_limit=0.01)
    raise AssertionError("still not so after 15 s")
