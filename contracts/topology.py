"""Every exchange and queue of Basketry, declared in one place and as plain data.

publisher → basket.commands (topic) → basket.commands.by-key (consistent hash of the routing key)
          → basket.commands.00 … 07 (quorum, single active consumer); result events on basket.events (topic).
One active consumer per queue and one queue per key is what keeps the commands of a basket in order.
"""

from __future__ import annotations

from typing import Any

import msgspec

COMMANDS = "basket.commands"
BY_KEY = "basket.commands.by-key"
DEAD = "basket.commands.dead"
EVENTS = "basket.events"
PARTITIONS = 8

# The last net under a message that kills its worker again and again; parking comes long before.
DELIVERY_LIMIT = 50


class Exchange(msgspec.Struct, frozen=True):
    name: str
    type: str


class Queue(msgspec.Struct, frozen=True):
    name: str
    arguments: dict[str, Any]


class Binding(msgspec.Struct, frozen=True):
    """From an exchange to a queue or, when `to_exchange`, to an exchange."""

    source: str
    destination: str
    routing_key: str
    to_exchange: bool = False


EXCHANGES = (
    Exchange(COMMANDS, "topic"),
    Exchange(BY_KEY, "x-consistent-hash"),
    Exchange(DEAD, "fanout"),
    Exchange(EVENTS, "topic"),
)

COMMAND_QUEUES = tuple(
    Queue(
        f"{COMMANDS}.{number:02d}",
        {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )
    for number in range(PARTITIONS)
)

# What the broker itself dead-letters. Bound before the command queues exist: on RabbitMQ 3.10 a dead letter
# without a target is held by its queue and retried every three minutes only.
DEAD_QUEUE = Queue(DEAD, {"x-queue-type": "quorum"})

QUEUES = (DEAD_QUEUE, *COMMAND_QUEUES)

BINDINGS = (
    Binding(DEAD, DEAD, ""),
    Binding(COMMANDS, BY_KEY, "#", to_exchange=True),
    # The routing key of a consistent-hash binding is its weight: all queues alike.
    *(Binding(BY_KEY, queue.name, "1") for queue in COMMAND_QUEUES),
)
