"""The client: send a command, wait for its answer, listen to events.

Every command is published with a confirm and the mandatory flag; answers come by RabbitMQ's direct reply-to.
Whatever breaks on the way, the command is sent again under the same message id: it has one effect and one
event, and its answer is sent again. A nack is no refusal: the queue is full, and the command is sent again,
with growing pauses, until there is room or the time is over. Needs msgspec and pika, and none of the
service's own dependencies.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from contracts import codec_json, topology
from contracts.body import Command
from contracts.broker import listening
from contracts.broker.link import Link, pauses
from contracts.broker.listening import RecentIds, Seen
from contracts.broker.words import (
    Broken,
    Delivery,
    LinkError,
    Outgoing,
    Refused,
    Source,
    Unconfirmed,
    Unreachable,
)
from contracts.received import Answer, Event

__all__ = [
    "Answer",
    "Client",
    "Event",
    "NoAnswer",
    "NotPublished",
    "Options",
    "RecentIds",
    "Refused",
    "Seen",
    "Unreachable",
]

_REPLIES = Source(queue="amq.rabbitmq.reply-to")
_TIMEOUT_SECONDS = 10.0
_PATIENCE_SECONDS = 600.0
_PREFETCH = 20
_ATTEMPTS = 5

_log = logging.getLogger(__name__)

Token = str | Callable[[], str]
Body = bytes | Mapping[str, Any] | Command


class NotPublished(Exception):  # noqa: N818 - it says what is the case
    """The broker confirmed nothing in time, or refused; in doubt publish again with this `message_id`.

    `__cause__` says why: Nacked when the queue was full all the time; Blocked, Unroutable, Unreachable,
    Refused.
    """

    def __init__(self, message: str, message_id: str) -> None:
        super().__init__(message)
        self.message_id = message_id


class NoAnswer(Exception):  # noqa: N818 - it says what is the case
    """No answer came in time; the command may still be applied. Call again with this `message_id`."""

    def __init__(self, message: str, message_id: str) -> None:
        super().__init__(message)
        self.message_id = message_id


class Options(TypedDict, total=False):
    """What a command may carry (contract, 1.1); None is the same as absent.

    `timestamp` is in seconds since 1970, by default now; `token` replaces the client's. A command that is
    sent once more, by another call, needs the same `message_id`, type, body and caller.
    """

    message_id: str | None
    token: str | None
    content_type: str | None
    correlation_id: str | None
    timestamp: int | None
    expected_version: int | None
    traceparent: str | None


class Client:
    """One connection for one thread; connects when it is first needed. Use it as a context manager.

    `channel` is the sales channel, by default the service's. `token` is the caller's JWT, or is asked for one
    with each command. `name` is shown by the broker beside the connection.
    """

    def __init__(
        self,
        broker_url: str,
        *,
        channel: str | None = None,
        token: Token | None = None,
        name: str = "basketry-client",
    ) -> None:
        self._channel = channel
        self._token = token
        self._name = name
        self._url = broker_url
        self._awaited: Outgoing | None = None
        self._link = Link(broker_url, _REPLIES, name, self._is_awaited)
        self._listening: Link | None = None
        self._recent = RecentIds()
        self._is_stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next command would open it again."""
        self._link.close()

    def publish(
        self,
        type_: str,
        key: str,
        body: Body = b"",
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        **options: Unpack[Options],
    ) -> str:
        """Publish a command until the broker has confirmed it, and give its message id.

        Raises NotPublished. What the command comes to is an event; a read has to be called.
        """
        message = self._message(type_, key, body, options)
        self._send(message, time.monotonic() + timeout_seconds)
        return str(message.properties["message_id"])

    def call(
        self,
        type_: str,
        key: str,
        body: Body = b"",
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        **options: Unpack[Options],
    ) -> Answer:
        """Send a command and wait for its answer, a refusal included; raises NoAnswer."""
        message = self._message(type_, key, body, options)
        message.properties["reply_to"] = _REPLIES.queue
        message.properties.setdefault("correlation_id", uuid.uuid4().hex)
        message_id = message.properties["message_id"]
        self._awaited = message
        try:
            delivery = self._answered(message, time.monotonic() + timeout_seconds)
        except NotPublished as error:
            raise NoAnswer(str(error), message_id) from error
        finally:
            self._awaited = None
        if delivery is None:
            raise NoAnswer(f"{type_} of {key!r} was not answered within {timeout_seconds} s", message_id)
        return Answer.received(delivery)

    def events(
        self,
        queue: str,
        *types: str,
        on_event: Callable[[Event], object],
        seen: Seen | None = None,
        attempts: int = _ATTEMPTS,
        prefetch: int = _PREFETCH,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Hand events over, one after the other in this thread, until `stop`; see `broker.listening`.

        The durable quorum queue is declared and bound to the event types (`order.placed`, `order.*`, `#`);
        with none it is taken as it is. A binding stays until it is unbound. The connection is another one:
        the handler may publish and call with this client. Repeats are dropped by `seen`, by default the last
        100,000 message ids in memory. A broken connection is opened again for `patience_seconds`. Raises
        Unreachable after that, Refused, and what the handler raises for the `attempts`th time.
        """
        link = Link(self._url, listening.source(queue, types, prefetch), f"{self._name}-events")
        self._listening = link
        if self._is_stopped:
            return
        try:
            listening.listen(
                link,
                on_event,
                seen=self._recent if seen is None else seen,
                attempts=attempts,
                patience_seconds=patience_seconds,
            )
        finally:
            self._listening = None

    def stop(self) -> None:
        """Let `events` return after the event in hand; from any thread or signal handler, and for good."""
        self._is_stopped = True
        if self._listening is not None:
            self._listening.stop()

    def _send(self, message: Outgoing, until: float) -> None:
        cause: LinkError | None = None
        for pause in pauses():
            try:
                self._link.open(until)
                self._link.publish(message, until)
            except LinkError as error:
                # The deadline may come while connecting again; what led there says more.
                before, cause = cause, cause if cause and isinstance(error, Unreachable) else error
                if isinstance(error, (Refused, Unreachable)) or time.monotonic() + pause >= until:
                    what = f"{message.properties['type']} of {message.routing_key!r} was not published"
                    is_news = before is not None and str(before) != str(cause)
                    why = f"{cause}; before that: {before}" if is_news else cause
                    raise NotPublished(f"{what}: {why}", message.properties["message_id"]) from cause
                _log.warning("event=publish_again reason=%s", error)
            else:
                return
            if not isinstance(cause, (Broken, Unconfirmed)):  # else the link paces itself
                time.sleep(pause)

    def _answered(self, message: Outgoing, until: float) -> Delivery | None:
        """Send and wait; a reply goes to the connection that asked, so a new one asks again."""
        while True:
            self._send(message, until)
            try:
                while (delivery := self._link.receive(until)) is not None and not self._is_awaited(delivery):
                    _log.debug("event=late_answer")
            except Broken as error:
                _log.warning("event=call_again reason=%s", error)
            else:
                return delivery

    def _is_awaited(self, delivery: Delivery) -> bool:
        """Whether a reply is that of the call that waits; answers to earlier ones are dropped on arrival."""
        awaited = self._awaited
        if awaited is None or delivery.correlation_id != awaited.properties["correlation_id"]:
            return False
        message_id = awaited.properties["message_id"]
        return bool(delivery.headers.get("causation-id", message_id) == message_id)

    def _message(self, type_: str, key: str, body: Body, options: Options) -> Outgoing:
        token = options.get("token") or (self._token() if callable(self._token) else self._token)
        headers = {
            "authorization": f"Bearer {token}" if token else None,
            "channel": self._channel,
            "expected-version": options.get("expected_version"),
            "traceparent": options.get("traceparent"),
        }
        timestamp = options.get("timestamp")
        properties = {
            "type": type_,
            "message_id": options.get("message_id") or uuid.uuid4().hex,
            "correlation_id": options.get("correlation_id"),
            "timestamp": int(time.time()) if timestamp is None else timestamp,
            "content_type": options.get("content_type") or "application/json",
            "headers": _present(headers),
        }
        return Outgoing(
            exchange=topology.COMMANDS, routing_key=key, properties=_present(properties), body=_encoded(body)
        )


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _encoded(body: Body) -> bytes:
    return body if isinstance(body, bytes) else codec_json.encode(body)
