"""The words between the client and the wire: what is sent, what arrives, and what can go wrong.

Plain values and exceptions without a library behind them: whoever replaces pika replaces `pika_wire` alone.
"""

# ruff: noqa: N818 - each says what is the case, as `except Blocked` reads

from __future__ import annotations

from typing import Any

import msgspec


class LinkError(Exception):
    """The broker did not do what was asked; the classes below say whether to ask again."""


class Broken(LinkError):
    """The connection has ended: what was on its way may or may not have arrived. Ask again."""


class Unconfirmed(LinkError):
    """No confirm came in time: the message may or may not have arrived. Ask again."""


class Blocked(LinkError):
    """The broker takes no messages from anybody for now: short of memory or disk. Ask again later."""


class Nacked(LinkError):
    """The broker has not taken the message: its queue is full or cannot write. Ask again later."""


class Unroutable(LinkError):
    """No queue is bound for the message: the service was never started there. Ask again later."""


class Unreachable(LinkError):
    """There was no connection until the deadline."""


class Refused(LinkError):
    """The broker will say no again: login, rights, a message too large, a queue with other arguments."""


class Stopped(LinkError):
    """The link was stopped."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message to publish; `properties` are those of AMQP by their names, `headers` among them."""

    exchange: str
    routing_key: str
    properties: dict[str, Any]
    body: bytes


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message that has arrived; `tag` is what an acknowledgement names."""

    tag: int
    type: str
    message_id: str
    correlation_id: str | None
    content_type: str | None
    headers: dict[str, Any]
    body: bytes


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a link consumes. With bindings (topic exchange, routing key) the durable queue is declared first.

    `prefetch` messages may wait for their acknowledgement; with 0 none needs one.
    """

    queue: str
    bindings: tuple[tuple[str, str], ...] = ()
    arguments: dict[str, Any] = {}
    prefetch: int = 0
