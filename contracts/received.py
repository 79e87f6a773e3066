"""What Basketry has said, as a program reads it: the answer to one command, and an event.

Values without behaviour of their own: nothing here waits, connects or decides. Headers that a later release
adds are in `headers`; error keys that it adds are read as they are.
"""

from __future__ import annotations

from typing import Any, Self

import msgspec

from contracts import events
from contracts.broker.words import Delivery


class ListedProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a command: the error key, a sentence, and the JSONPath of the place if any."""

    code: str
    message: str
    path: str | None = None


class _Listed(msgspec.Struct):
    errors: tuple[ListedProblem, ...]


class _Received(msgspec.Struct, frozen=True, kw_only=True):
    """What answers and events have in common; what a message does not say is None.

    `key` is what it is about, `causation_id` the message id of the command behind it, `version` the basket's.
    """

    type: str
    message_id: str
    correlation_id: str | None
    content_type: str | None
    key: str
    channel: str
    causation_id: str | None
    version: int | None
    error_key: str | None
    headers: dict[str, Any]
    body: bytes

    def json(self) -> Any:
        """Decode the body; None when it is empty. Raises msgspec.DecodeError when it is no JSON."""
        return msgspec.json.decode(self.body) if self.body else None

    @property
    def errors(self) -> tuple[ListedProblem, ...]:
        """What was wrong with a rejected command. Raises msgspec.DecodeError when the body is no JSON."""
        return msgspec.json.decode(self.body, type=_Listed).errors if self.type == events.REJECTED else ()


class Answer(_Received, frozen=True, kw_only=True):
    """What a command came to: `type` is command.completed or command.rejected, `status` an HTTP status."""

    status: int

    @classmethod
    def received(cls, delivery: Delivery) -> Self:
        return cls(status=int(delivery.headers.get("status", 0)), **_said(delivery))


class Event(_Received, frozen=True, kw_only=True):
    """What has happened; `status` is that of a command's result, and None for every other event."""

    status: int | None

    @classmethod
    def received(cls, delivery: Delivery) -> Self:
        return cls(status=delivery.headers.get("status"), **_said(delivery))


def _said(delivery: Delivery) -> dict[str, Any]:
    headers = delivery.headers
    return {
        "type": delivery.type,
        "message_id": delivery.message_id,
        "correlation_id": delivery.correlation_id,
        "content_type": delivery.content_type,
        "key": str(headers.get("key", "")),
        "channel": str(headers.get("channel", "")),
        "causation_id": headers.get("causation-id"),
        "version": headers.get("version"),
        "error_key": headers.get("error-key"),
        "headers": headers,
        "body": delivery.body,
    }
