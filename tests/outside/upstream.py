"""An upstream service: publishes commands with confirms, one after the other, and waits for replies."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import pika
from pika.exceptions import AMQPError

from outside.connecting import connect
from outside.wire import Message, Result, command, unique

COMMANDS = "basket.commands"
WITHIN_SECONDS = 40.0  # so that one that never comes fails the test; sixty large ones beside others take 20
_DIRECTLY = "amq.rabbitmq.reply-to"


class Upstream:
    """One connection, one channel, one queue for replies: a name of its own, or the direct reply-to."""

    def __init__(self, broker_url: str, *, directly: bool = False) -> None:
        self._connection = connect(broker_url)
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()
        self._take_replies(_DIRECTLY if directly else unique("basket.replies.tests"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._connection.is_open:
            self._connection.close()

    def send(self, message: Message) -> Message:
        """Publish and wait for the broker's confirm; raises when there is none."""
        self._channel.basic_publish(COMMANDS, message.key, message.body, message.properties)
        return message

    def tell(self, type_: str, key: str, body: object = None, **options: Any) -> Message:
        """Send a command that asks for no reply."""
        return self.send(command(type_, key, body, **options))

    def ask(self, type_: str, key: str, body: object = None, **options: Any) -> Result:
        """Send a command and wait for its reply."""
        return self.ask_for(command(type_, key, body, **{"reply_to": self.reply_to, **options}))

    def ask_for(self, message: Message) -> Result:
        """Send a message that names our reply queue and wait for the next reply."""
        (reply,) = self.ask_all([message])
        return reply

    def ask_all(self, messages: list[Message]) -> list[Result]:
        """Send all, then wait for as many replies; give them in the order of their arrival."""
        before = len(self.replies)
        for message in messages:
            self.send(self.expecting(message))
        return self.wait_for(before + len(messages))[before:]

    def expecting(self, message: Message) -> Message:
        """Give the same message with our reply queue in it, unless it names one itself."""
        if message.properties.reply_to:
            return message
        wanted = {**vars(message.properties), "reply_to": self.reply_to}
        return replace(message, properties=pika.BasicProperties(**wanted))

    def wait_for(self, count: int) -> list[Result]:
        """Wait until so many replies have come in all; give all."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while len(self.replies) < count:
            self._connection.process_data_events(time_limit=max(0.0, deadline - time.monotonic()))
            assert time.monotonic() < deadline, f"{count} replies were due, {len(self.replies)} have come"
        return self.replies

    def answer_to(self, message: Message) -> Result:
        """Wait for the reply to a message that was sent before; the first, if there are more."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while not self.answers_to(message):
            assert time.monotonic() < deadline, f"no reply to {message.properties.type}"
            self._connection.process_data_events(time_limit=0.1)
        return self.answers_to(message)[0]

    def answers_to(self, message: Message) -> list[Result]:
        """Give the replies to a message that have come so far."""
        self._connection.process_data_events(time_limit=0)
        correlation_id = message.properties.correlation_id or message.message_id
        return [one for one in self.replies if one.correlation_id == correlation_id]

    def starts_over(self) -> bool:
        """Be like a new one: what is still said to the former queue is lost. False when it is closed."""
        try:
            self._channel.queue_delete(self.reply_to)
            self._take_replies(unique("basket.replies.tests"))
        except AMQPError:
            return False
        return True

    def _take_replies(self, queue: str) -> None:
        replies: list[Result] = []

        def receive(_channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
            """Keep it with those of its own queue: one to the former queue may be on its way still."""
            replies.append(Result.received(method.routing_key, properties, body))

        self.replies = replies
        self.reply_to = queue
        if queue != _DIRECTLY:
            self._channel.queue_declare(queue, exclusive=True)
        self._channel.basic_consume(queue, receive, auto_ack=True)


@contextmanager
def lent(idle: list[Upstream], broker_url: str) -> Iterator[Upstream]:
    """Have one whose connection is an earlier test's: to connect takes longer than most commands."""
    upstream = idle.pop() if idle else Upstream(broker_url)
    try:
        yield upstream
    finally:
        if upstream.starts_over():
            idle.append(upstream)
        else:
            upstream.close()


@contextmanager
def connections() -> Iterator[list[Upstream]]:
    """Keep what is lent, and close it at last."""
    idle: list[Upstream] = []
    yield idle
    for upstream in idle:
        upstream.close()
