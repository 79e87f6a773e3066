"""Questions to the broker that change nothing there: no message is taken, none arrives, nothing is declared.

A right is asked for by an attempt that the broker checks first and then refuses for another reason: a publish
with an expiration that is no number, a basic.get on a queue with a single active consumer, the declaration of
an exchange that is there with another type. Tried with RabbitMQ 3.10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from types import TracebackType
from typing import Any, Self

import amqp
import msgspec
from kombu import Connection

from contracts import topology
from contracts.topology import Exchange, Queue
from worker import tls
from worker import topology as declaring
from worker.settings import Settings

_TIMEOUT_SECONDS = 4.0
_BLOCKED_IS_SAID_WITHIN_SECONDS = 0.3
_ALWAYS_THERE = "amq.topic"  # in every vhost
_ERRORS = (OSError, amqp.AMQPError)


class Away(Exception):  # noqa: N818 - it is a state, not a mistake
    """The broker does not answer, or lets nobody in; the message says why, never with a password."""


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue says of itself: messages that nobody has yet, and consumers that are given some."""

    ready: int
    consumers: int


class Broker:
    """One connection of an operator; each question has a channel of its own, since a refusal closes it."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Connect; raises Away."""
        url = settings.broker_url.get_secret_value()
        self._connection = Connection(
            url,
            ssl=tls.options(url, settings.broker_files),
            connect_timeout=_TIMEOUT_SECONDS,
            transport_options={
                "read_timeout": _TIMEOUT_SECONDS,
                "write_timeout": _TIMEOUT_SECONDS,
                "client_properties": {"connection_name": name},
            },
        )
        try:
            self._raw = self._connection.transport.establish_connection()
        except _ERRORS as error:
            raise Away(f"{self.address}: {_why(error)}") from None

    @property
    def address(self) -> str:
        """Name the broker and who we are there; never the password."""
        to = self._connection
        vhost = to.virtual_host or "/"
        return f"{to.userid} at {to.hostname}:{to.port or self._default_port}, vhost {vhost}"

    @property
    def _default_port(self) -> int:
        return 5671 if self._connection.ssl else 5672

    @property
    def user(self) -> str:
        return str(self._connection.userid)

    @property
    def is_encrypted(self) -> bool:
        return bool(self._connection.ssl)

    @property
    def version(self) -> str:
        return str(self._raw.server_properties.get("version", "unknown"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection; a broker in alarm would not take a polite end."""
        self._raw.collect()

    def depth(self, queue: str) -> Depth | None:
        """Count what waits in a queue; None when there is no such queue."""
        try:
            said = self._on_a_channel(lambda channel: channel.queue_declare(queue, passive=True))
        except amqp.NotFound:
            return None
        return Depth(ready=said.message_count, consumers=said.consumer_count)

    def has_exchange(self, name: str) -> bool:
        try:
            self._on_a_channel(lambda channel: channel.exchange_declare(name, "", passive=True))
        except amqp.NotFound:
            return False
        return True

    def difference(self, exchange: Exchange) -> str | None:
        """Say how an exchange that is there differs from ours, or ""; None when we may not compare."""

        def declare(channel: Any) -> None:
            channel.exchange_declare(exchange.name, exchange.type, durable=True, auto_delete=False)

        try:
            self._on_a_channel(declare)
        except amqp.AccessRefused:
            return None
        except amqp.PreconditionFailed as error:
            return _text(error)
        return ""

    def differences(self, queue: Queue) -> dict[str, str] | None:
        """Say by argument how a queue that is there differs from ours; None when we may not compare."""
        found: dict[str, str] = {}

        def ask(arguments: Mapping[str, Any]) -> None:
            self._on_a_channel(partial(_redeclare, queue.name, arguments))

        try:
            found.update(declaring.differences(queue, ask))
        except amqp.AccessRefused:
            return None
        except amqp.PreconditionFailed as error:
            found["its declaration"] = _text(error)
        return found

    def knows_exchange_type(self, type_: str) -> Answer:
        """Whether a plugin provides a type: an exchange that is there is asked for with it.

        The broker may end the connection when it does not, so this one is of no use afterwards.
        """
        there = topology.COMMANDS if self.has_exchange(topology.COMMANDS) else _ALWAYS_THERE
        try:
            self._on_a_channel(lambda channel: channel.exchange_declare(there, type_, durable=True))
        except (amqp.PreconditionFailed, amqp.InvalidCommand) as error:
            return Answer.NO if declaring.is_of_unknown_type(error) else Answer.YES
        except amqp.AccessRefused:
            return Answer.UNKNOWN
        return Answer.YES

    def may_configure(self, queue: Queue) -> bool:
        """Whether we may declare a queue that is there."""
        return self._is_permitted(partial(_redeclare, queue.name, queue.arguments))

    def may_consume(self, queue: str) -> bool:
        """Whether we may read from a queue; its single active consumer is why the attempt gets no message."""
        return self._is_permitted(lambda channel: channel.basic_get(queue))

    def may_publish(self, exchange: str) -> bool:
        """Whether we may publish to an exchange that is there."""

        def publish(channel: Any) -> None:
            message = amqp.Message(b"", expiration="never")
            channel.basic_publish(message, exchange=exchange, routing_key="basketry.doctor")
            channel.queue_declare(_ALWAYS_THERE, passive=True)  # a question, so that the refusal is read

        return self._is_permitted(publish)

    def is_blocked(self) -> bool:
        """Whether the broker is in alarm; it says so to whoever publishes, be it to nobody."""
        said: list[str] = []
        self._raw.on_blocked = said.append

        def publish(channel: Any) -> None:
            channel.basic_publish(amqp.Message(b""), exchange="", routing_key="basketry.doctor.nobody")
            try:
                self._raw.drain_events(timeout=_BLOCKED_IS_SAID_WITHIN_SECONDS)
            except TimeoutError:
                return

        try:
            self._on_a_channel(publish, closes=False)
        except amqp.AccessRefused:
            return False
        return bool(said)

    def _is_permitted(self, attempt: Callable[[Any], object]) -> bool:
        try:
            self._on_a_channel(attempt)
        except amqp.AccessRefused:
            return False
        except (amqp.PreconditionFailed, amqp.ResourceLocked, amqp.NotFound):
            return True
        return True

    def _on_a_channel(self, ask: Callable[[Any], Any], *, closes: bool = True) -> Any:
        """Ask on a channel of its own; raises what the broker says of it, or Away."""
        try:
            channel = self._raw.channel()
            said = ask(channel)
            if closes:
                channel.close()
        except (amqp.exceptions.ChannelError, amqp.InvalidCommand):
            raise
        except _ERRORS as error:
            raise Away(f"{self.address}: {_why(error)}") from None
        return said


def _redeclare(name: str, arguments: Mapping[str, Any], channel: Any) -> None:
    channel.queue_declare(name, durable=True, auto_delete=False, arguments=dict(arguments))


def _text(error: Any) -> str:
    return str(error.reply_text or error)


def _why(error: BaseException) -> str:
    """Say it in one line; a refused login, a missing vhost and a closed port differ in their words."""
    said = getattr(error, "reply_text", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(str(said or type(error).__name__).split())
