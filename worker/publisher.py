"""Publishing with confirms, pipelined: a window goes out at once and every message of it is waited for.

A connection of its own, never the consumer's: a broker in alarm blocks connections that publish. Reads and
writes time out. After any doubt the connection is closed: what was in flight may or may not have arrived,
and is published again under the same message id by whoever still has it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import amqp
import msgspec
from kombu import Connection
from kombu.exceptions import OperationalError

from worker import logs, tls, topology
from worker.ops import relaying
from worker.plain_amqp import bound_waits

_TIMEOUT_SECONDS = 4.0  # below the 5 s that a relay may hold its partition
_PAUSE_SECONDS = 1.0
_A_MOMENT_SECONDS = 0.001
_BLOCKED_SECONDS = 60.0
_WINDOW = 500
_WINDOW_BYTES = 4 * 1024 * 1024
_PERSISTENT = 2
# What RabbitMQ answers to one message and not to the connection: a forged direct reply-to (541), and one that
# is larger than its max_message_size (406).
_BROKEN_BY_A_MESSAGE = (amqp.InternalError, amqp.PreconditionFailed)
_CONNECTION_ERRORS = (OSError, amqp.AMQPError, OperationalError)

log = logs.get(__name__)


class Unavailable(Exception):  # noqa: N818 - it is a state, not a mistake
    """The broker did not confirm; nothing is known about what was sent since."""


class Broken(Unavailable):
    """The broker broke on one of the messages; without that one, the others would have gone."""


class TooLarge(Broken):
    """One of the messages is larger than the broker takes."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    exchange: str
    routing_key: str
    properties: dict[str, Any]
    headers: dict[str, Any]
    body: bytes
    is_mandatory: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a window: `nacked` are the places of messages that a full queue has refused."""

    unrouted: int = 0
    nacked: frozenset[int] = frozenset()


class Publisher:
    """One connection for one thread; connects when needed, and leaves a broken broker alone for a second."""

    def __init__(
        self, broker_url: str, name: str, purpose: str = "events", files: tls.Files = tls.SYSTEM
    ) -> None:
        self._url = broker_url
        self._name = f"{name} {purpose}"
        self._files = files
        self._is_blocked = self._is_blocked_here = False
        self._tried_at = 0.0
        relaying.BLOCKED.labels(purpose).set_function(lambda: float(self.is_blocked))
        self._connection: Connection | None = None
        self._channel: Any = None
        self._confirms = _Confirms()
        self._not_before = 0.0

    def publish(self, messages: Sequence[Outgoing]) -> Outcome:
        """Publish in order and wait until the broker has answered for every message.

        Raises Unavailable, as Broken or TooLarge when a message is the reason.
        """
        if not messages:
            return Outcome()
        self._tried_at = time.monotonic()
        if time.monotonic() < self._not_before:
            raise Unavailable("the broker failed a moment ago")
        if self._is_still_blocked():
            raise Unavailable("the broker takes no messages for now: it is short of memory or disk")
        may_be_stale = self._channel is not None
        try:
            try:
                return self._publish(messages)
            except _BROKEN_BY_A_MESSAGE:
                raise
            except _CONNECTION_ERRORS:
                # A connection that was idle may have been closed meanwhile: once more on a new one.
                if not may_be_stale:
                    raise
                self.close()
                return self._publish(messages)
        except _BROKEN_BY_A_MESSAGE as error:
            self.close()
            kind = TooLarge if isinstance(error, amqp.PreconditionFailed) else Broken
            raise kind(str(error)) from error
        except (*_CONNECTION_ERRORS, Unavailable) as error:
            self.close()
            self._not_before = time.monotonic() + _PAUSE_SECONDS
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    def _is_still_blocked(self) -> bool:
        """Hear whether an alarm is over, on the connection that was told of it.

        A new connection would be let through with its first message, alarm or not, and the next ones not.
        """
        if self._connection is None or not self._is_blocked_here:
            return False
        try:
            while True:
                self._connection.drain_events(timeout=_A_MOMENT_SECONDS)
        except TimeoutError:
            return self._is_blocked_here
        except _CONNECTION_ERRORS:
            self.close()
            return False

    def close(self) -> None:
        """Drop the connection; the broker forgets what it had not confirmed, or keeps it."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.collect(socket_timeout=_TIMEOUT_SECONDS)

    def _connect(self) -> None:
        self._connection = Connection(
            self._url,
            ssl=tls.options(self._url, self._files),
            connect_timeout=_TIMEOUT_SECONDS,
            transport_options={
                "read_timeout": _TIMEOUT_SECONDS,
                "write_timeout": _TIMEOUT_SECONDS,
                "client_properties": {"connection_name": self._name},
                "on_blocked": self._on_blocked,
                "on_unblocked": self._on_unblocked,
            },
        )
        self._is_blocked_here = False
        self._connection.ensure_connection(max_retries=0)  # `connect` would try twice, and rest in between
        bound_waits(self._connection.connection)
        self._channel = self._connection.channel()
        topology.declare_events(self._channel)
        self._confirms = _Confirms()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._confirms.on_ack)
        self._channel.events["basic_nack"].add(self._confirms.on_nack)
        self._channel.events["basic_return"].add(self._confirms.on_return)

    def _publish(self, messages: Sequence[Outgoing]) -> Outcome:
        if self._channel is None:
            self._connect()
        self._confirms.begin()
        for window in _windows(messages):
            self._publish_window(window)
        if self._is_blocked and not self._is_blocked_here:  # an earlier connection was, and is closed
            self._on_unblocked()
        return Outcome(unrouted=self._confirms.returned, nacked=frozenset(self._confirms.nacked))

    def _publish_window(self, messages: Sequence[Outgoing]) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        for message in messages:
            self._confirms.expect_one()
            self._channel.basic_publish(
                amqp.Message(
                    message.body,
                    application_headers=message.headers,
                    delivery_mode=_PERSISTENT,
                    **{name: value for name, value in message.properties.items() if value is not None},
                ),
                exchange=message.exchange,
                routing_key=message.routing_key,
                mandatory=message.is_mandatory,
                timeout=_TIMEOUT_SECONDS,
            )
        while self._confirms.open:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise Unavailable(f"{len(self._confirms.open)} messages were not confirmed in time")
            self._connection.drain_events(timeout=remaining)  # type: ignore[union-attr]

    @property
    def is_blocked(self) -> bool:
        """Tell whether the broker blocks what is published here; for a minute after the last try.

        The end of it is heard when something is published, and not by who has nothing to say.
        """
        return self._is_blocked and time.monotonic() - self._tried_at < _BLOCKED_SECONDS

    def _on_blocked(self, _reason: str) -> None:
        self._is_blocked = self._is_blocked_here = True
        log.warning("publisher.blocked", connection=self._name)

    def _on_unblocked(self) -> None:
        self._is_blocked = self._is_blocked_here = False
        log.info("publisher.unblocked", connection=self._name)


def _windows(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Cut messages into what a broker confirms well within the time that a window has."""
    window: list[Outgoing] = []
    size = 0
    for message in messages:
        if len(window) == _WINDOW or (window and size + len(message.body) > _WINDOW_BYTES):
            yield window
            window, size = [], 0
        window.append(message)
        size += len(message.body)
    yield window


class _Confirms:
    """The broker's bookkeeping of one channel: tags count up from 1, an ack may cover many.

    `nacked` holds places counted from the last `begin`.
    """

    def __init__(self) -> None:
        self.open: dict[int, None] = {}
        self.nacked: set[int] = set()
        self.returned = 0
        self._last_tag = self._first_tag = 0

    def begin(self) -> None:
        """Count places, and what comes back, from the next message on."""
        self._first_tag = self._last_tag + 1
        self.nacked, self.returned = set(), 0

    def expect_one(self) -> None:
        self._last_tag += 1
        self.open[self._last_tag] = None

    def on_ack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple)

    def on_nack(self, tag: int, multiple: bool) -> None:
        self.nacked.update(settled - self._first_tag for settled in self._settle(tag, multiple))

    def on_return(self, *_: object) -> None:
        self.returned += 1

    def _settle(self, tag: int, multiple: bool) -> list[int]:
        settled = [one for one in self.open if one <= tag] if multiple else [tag]
        for one in settled:
            self.open.pop(one, None)
        return settled
