"""A small client: send a command, wait for its answer. The only module that knows pika.

Every command is published with a confirm and the mandatory flag; answers come by RabbitMQ's direct reply-to.
A call that got no answer in time may be repeated with the same message id: it has one effect.
"""

from __future__ import annotations

import time
import uuid
from types import TracebackType
from typing import Any, Self

import msgspec
import pika

from contracts import topology

_REPLY_TO = "amq.rabbitmq.reply-to"
_HEARTBEAT_SECONDS = 30


class NoAnswer(Exception):  # noqa: N818 - it says what is the case
    """No answer came in time; the command may still be applied later."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a command came to: `type` is command.completed or command.rejected, `status` an HTTP status."""

    type: str
    status: int
    error_key: str | None
    headers: dict[str, Any]
    body: bytes


class Client:
    """One connection for one thread; use it as a context manager."""

    def __init__(self, broker_url: str, *, channel: str | None = None, token: str | None = None) -> None:
        parameters = pika.URLParameters(broker_url)
        parameters.heartbeat = _HEARTBEAT_SECONDS
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()
        self._answers: dict[str, Answer] = {}
        self._channel.basic_consume(_REPLY_TO, self._on_reply, auto_ack=True)
        self._defaults = {"channel": channel, "authorization": f"Bearer {token}" if token else None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def call(
        self,
        type_: str,
        key: str,
        body: bytes = b"",
        *,
        token: str | None = None,
        message_id: str | None = None,
        content_type: str = "application/json",
        timeout_seconds: float = 10.0,
    ) -> Answer:
        """Send a command and wait for its answer; raises NoAnswer."""
        asked_as = uuid.uuid4().hex
        headers = {**self._defaults, **({"authorization": f"Bearer {token}"} if token else {})}
        self._channel.basic_publish(
            topology.COMMANDS,
            key,
            body,
            pika.BasicProperties(
                type=type_,
                message_id=message_id or uuid.uuid4().hex,
                correlation_id=asked_as,
                reply_to=_REPLY_TO,
                timestamp=int(time.time()),
                content_type=content_type,
                delivery_mode=2,
                headers={name: value for name, value in headers.items() if value is not None},
            ),
            mandatory=True,
        )
        until = time.monotonic() + timeout_seconds
        while asked_as not in self._answers:
            if time.monotonic() >= until:
                raise NoAnswer(f"{type_} of {key!r} was not answered within {timeout_seconds} s")
            self._connection.process_data_events(time_limit=until - time.monotonic())
        return self._answers.pop(asked_as)

    def _on_reply(self, _channel: Any, _method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        headers = dict(properties.headers or {})
        self._answers[properties.correlation_id or ""] = Answer(
            type=properties.type or "",
            status=int(headers.get("status", 0)),
            error_key=headers.get("error-key"),
            headers=headers,
            body=body,
        )
