"""Every exchange and queue of Basketry, declared in one place and as plain data.

publisher → basket.commands (topic) → basket.commands.by-hash (hash of the routing key)
          → basket.commands.00 … 07 (quorum, single active consumer); result events on basket.events (topic).
One active consumer per queue and one queue per key is what keeps the commands of a basket in order. It takes
a hash that gives a key the same queue after a restart of the broker: `x-modulus-hash` takes the nth of the
sorted bindings. `x-consistent-hash` numbers them anew at each start, in whatever order they are recovered; a
house that began with it, or whose broker knows no other, has it under the name `basket.commands.by-key`.
With another number of queues than 8 the hash and its queues carry that number in their names, so that both
sets can be there while one takes over from the other. Publishers and consumers see the two topics alone.
"""

from __future__ import annotations

from typing import Any

import msgspec

COMMANDS = "basket.commands"
MODULUS, CONSISTENT = "x-modulus-hash", "x-consistent-hash"
HASHES = {MODULUS: "basket.commands.by-hash", CONSISTENT: "basket.commands.by-key"}
DEAD = "basket.commands.dead"
EVENTS = "basket.events"
PARTITIONS = 8
MOST_PARTITIONS = 64  # far more workers than one database feeds; a former set is looked for under each number

# The last net under a message that kills its worker again and again; parking comes long before.
DELIVERY_LIMIT = 50

# A queue that is full refuses (basic.nack), and the publisher asks again later: the broker's disk does not
# fill up while the service is away. 8 queues of this length hold what a worker does in minutes, and the hours
# of a calm shop; the bytes are for large bodies, of which so many would be 25 GB a queue.
MAX_LENGTH = 100_000
MAX_LENGTH_BYTES = 1024**3

_BOUNDS: dict[str, Any] = {
    "x-max-length": MAX_LENGTH,
    "x-max-length-bytes": MAX_LENGTH_BYTES,
    "x-overflow": "reject-publish",
}


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


# What the broker itself dead-letters. Bound before the command queues exist: on RabbitMQ 3.10 a dead letter
# without a target is held by its queue and retried every three minutes only; so it is when this one is full.
DEAD_QUEUE = Queue(DEAD, {"x-queue-type": "quorum", **_BOUNDS})


def hash_exchange(partitions: int, hash_: str = MODULUS) -> Exchange:
    """Give the exchange that distributes commands over so many queues, by this kind of hash."""
    name = HASHES[hash_] if partitions == PARTITIONS else f"{HASHES[hash_]}.{partitions}"
    return Exchange(name, hash_)


def command_queues(partitions: int) -> tuple[Queue, ...]:
    """Give the command queues of a set of so many."""
    prefix = COMMANDS if partitions == PARTITIONS else f"{COMMANDS}.{partitions}"
    arguments = {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD,
        "x-dead-letter-strategy": "at-least-once",
        **_BOUNDS,
    }
    return tuple(Queue(f"{prefix}.{number:02d}", arguments) for number in range(partitions))


def exchanges(partitions: int, hash_: str = MODULUS) -> tuple[Exchange, ...]:
    """Give all exchanges, of a house with so many command queues."""
    return (
        Exchange(COMMANDS, "topic"),
        hash_exchange(partitions, hash_),
        Exchange(DEAD, "fanout"),
        Exchange(EVENTS, "topic"),
    )


def entrance(partitions: int, hash_: str = MODULUS) -> Binding:
    """Give the binding that lets commands into the queues of a set."""
    return Binding(COMMANDS, hash_exchange(partitions, hash_).name, "#", to_exchange=True)


def inner_bindings(partitions: int, hash_: str = MODULUS) -> tuple[Binding, ...]:
    """Give all other bindings."""
    name = hash_exchange(partitions, hash_).name
    return (
        Binding(DEAD, DEAD, ""),
        # The routing key of a consistent-hash binding is its weight: all queues alike.
        *(Binding(name, queue.name, "1") for queue in command_queues(partitions)),
    )


EXCHANGES = exchanges(PARTITIONS)
COMMAND_QUEUES = command_queues(PARTITIONS)
QUEUES = (DEAD_QUEUE, *COMMAND_QUEUES)
BINDINGS = (*inner_bindings(PARTITIONS), entrance(PARTITIONS))
