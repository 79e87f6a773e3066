"""The only module that knows pika: one AMQP connection with one channel, from its first byte to its last.

A thread of its own runs pika's loop, so that heartbeats flow while the caller computes or rests; what happens
is told to the caller through one queue. Built on SelectConnection: BlockingConnection waits for a confirm
without a limit, and pika deprecates it from 1.5. Heals nothing: `link` makes a new wire instead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pika
from pika import exceptions

from contracts.broker.words import Broken, Delivery, LinkError, Nacked, Outgoing, Refused, Source, Unroutable

READY, CONFIRMED = "ready", "confirmed"
_HEARTBEAT_SECONDS = 30
_BLOCKED_SECONDS = 60
_PERSISTENT = 2
# The broker's codes for what it will refuse again: no right; other arguments, or a message too large; no such
# vhost. Before the connection is open (login, vhost), pika keeps the broker's code as text only.
_FINAL_CODES = (403, 406, 530)
_FINAL_WHILE_OPENING = (exceptions.ProbableAuthenticationError, exceptions.ProbableAccessDeniedError)


class PikaWire:
    """Opens at once in the background; tells READY, CONFIRMED, a Delivery or a LinkError."""

    def __init__(self, broker_url: str, source: Source, name: str, tell: Callable[[object], None]) -> None:
        self._source = source
        self._tell = tell
        self._returned = ""
        self._channel: Any = None
        self.is_blocked = False
        self._connection = pika.SelectConnection(
            _parameters(broker_url, name),
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_end,
            on_close_callback=self._on_end,
        )
        self._connection.add_on_connection_blocked_callback(self._on_blocked)
        self._connection.add_on_connection_unblocked_callback(self._on_unblocked)
        self._loop = self._connection.ioloop
        self._thread = threading.Thread(target=self._run, name=f"{name}-amqp", daemon=True)
        self._thread.start()

    def publish(self, message: Outgoing) -> None:
        """Send it; CONFIRMED, Nacked or Unroutable is told. One message at a time."""
        properties = pika.BasicProperties(delivery_mode=_PERSISTENT, **message.properties)
        sent = (message.exchange, message.routing_key, message.body, properties, True)  # mandatory
        self._soon(lambda: self._channel.basic_publish(*sent))

    def acknowledge(self, tag: int) -> None:
        self._soon(lambda: self._channel.basic_ack(tag))

    def close(self, *, wait_seconds: float = 0.0) -> None:
        """Close after what was asked for before; waits that long for the broker to agree."""
        self._soon(self._connection.close)
        self._thread.join(wait_seconds)

    def _run(self) -> None:
        try:
            self._loop.start()
        except Exception as error:  # noqa: BLE001 - whatever ends the loop ends the connection
            self._tell(Broken(repr(error)))
        finally:
            self._loop.close()

    def _soon(self, act: Callable[[], Any]) -> None:
        def guarded() -> None:
            try:
                act()
            except exceptions.AMQPError as error:
                # Of a closed connection, Broken was told before; else pika cannot write what it was given.
                self._tell(Refused(repr(error)))

        self._loop.add_callback_threadsafe(guarded)

    def _on_open(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        """Ask for everything in order; pika holds each call back until the one before is answered."""
        source, self._channel = self._source, channel
        channel.add_on_close_callback(lambda _channel, reason: self._tell(_failure(reason)))
        channel.add_on_cancel_callback(lambda _frame: self._tell(Broken(f"the queue {source.queue} is gone")))
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _frame: None)
        if source.bindings:
            channel.queue_declare(source.queue, durable=True, arguments=source.arguments)
        for exchange, routing_key in source.bindings:
            # The exchange is the service's: until it has declared it, the broker says 404 and we come again.
            channel.queue_bind(source.queue, exchange, routing_key)
        if source.prefetch:
            channel.basic_qos(prefetch_count=source.prefetch)
        started = {"callback": lambda _frame: self._tell(READY)}
        channel.basic_consume(source.queue, self._on_message, auto_ack=not source.prefetch, **started)

    def _on_return(self, _channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        self._returned = str(method.reply_text)  # the confirm comes next

    def _on_confirm(self, frame: Any) -> None:
        returned, self._returned = self._returned, ""
        if isinstance(frame.method, pika.spec.Basic.Nack):
            self._tell(
                Nacked(
                    "the broker has not taken the message: its queue is full, or on its way to another node"
                )
            )
        else:
            self._tell(Unroutable(f"no queue takes the message: {returned}") if returned else CONFIRMED)

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        delivery = Delivery(
            tag=method.delivery_tag,
            type=properties.type or "",
            message_id=properties.message_id or "",
            correlation_id=properties.correlation_id,
            content_type=properties.content_type,
            headers=dict(properties.headers or {}),
            body=body,
        )
        self._tell(delivery)

    def _on_end(self, _connection: Any, reason: Any) -> None:
        self._tell(_failure(reason))
        self._loop.stop()

    def _on_blocked(self, *_: Any) -> None:
        self.is_blocked = True

    def _on_unblocked(self, *_: Any) -> None:
        self.is_blocked = False


def _parameters(broker_url: str, name: str) -> Any:
    """Read the URL; its query may set pika's options, but never turn off the check of the host name."""
    chosen = pika.URLParameters(broker_url)
    chosen.heartbeat = _HEARTBEAT_SECONDS if chosen.heartbeat is None else chosen.heartbeat
    chosen.blocked_connection_timeout = chosen.blocked_connection_timeout or _BLOCKED_SECONDS
    chosen.client_properties = {"connection_name": name}
    if chosen.ssl_options:
        chosen.ssl_options.context.check_hostname = True  # and with it verify_mode CERT_REQUIRED
    return chosen


def _failure(reason: Any) -> LinkError:
    is_final = isinstance(reason, _FINAL_WHILE_OPENING) and "ClosedByBroker" in str(reason)
    is_final = is_final or getattr(reason, "reply_code", None) in _FINAL_CODES
    return (Refused if is_final else Broken)(repr(reason))
