"""`contracts.topology`, declared with kombu.

A queue that an earlier release has declared otherwise is used as it is: RabbitMQ changes no queue's
arguments. Only what keeps the commands of a basket in order must be as it is written there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import amqp
from kombu import Exchange, Queue

from contracts import topology
from worker import logs
from worker.store import database, partitioning

# The last words of RabbitMQ's 406: `inequivalent arg 'x-max-length' … but current is …`.
_DIFFERENCE = re.compile(
    r"inequivalent arg '(?P<name>[^']+)' .* but current is (?:the value )?(?P<value>none$|'[^']*')"
)
_KEEPS_ORDER = ("x-queue-type", "x-single-active-consumer")

log = logs.get(__name__)


class TopologyError(Exception):
    """A queue is there that cannot be used; the message says which and why."""


def dead_queue() -> Queue:
    return _queue(topology.DEAD_QUEUE)


def command_queues(partitions: int = topology.PARTITIONS) -> list[Queue]:
    return [_queue(queue) for queue in topology.command_queues(partitions)]


def declare(
    channel: Any,
    partitions: int = topology.PARTITIONS,
    hash_: str = topology.MODULUS,
    *,
    opens_entrance: bool = True,
) -> None:
    """Declare every exchange, queue and binding; what is there already stays as it is.

    Without `opens_entrance` commands go where they went before: somebody is changing that just now. Raises
    TopologyError.
    """
    for exchange in topology.exchanges(partitions, hash_):
        _declare_exchange(channel, exchange)
    differing: dict[str, list[str]] = {}
    for queue in (topology.DEAD_QUEUE, *topology.command_queues(partitions)):
        differences = _declare_queue(channel, queue)
        if differences:
            differing.setdefault("; ".join(differences), []).append(queue.name)
    if differing:
        log.warning("queues.differ", queues=differing, see="RUNBOOK, Queues of an earlier release")
    for binding in topology.inner_bindings(partitions, hash_):
        channel.queue_bind(binding.destination, binding.source, binding.routing_key)
    if opens_entrance:
        _close_others(channel, partitions, hash_)
        open_entrance(channel, partitions, hash_)


def declare_current(engine: database.Engine, connection: Any, channel: Any) -> int:
    """Declare the queues that commands are taken from; give their number. Raises database.TryAgain too.

    The number stays as it is meanwhile, so that commands are not led back to queues that nobody takes from.
    `connection` is kombu's, to ask the broker what it knows.
    """
    _decide_hash(engine, connection)
    with database.transaction(engine) as tx:
        current = partitioning.hold(tx)
        hash_ = current.hash_ or topology.MODULUS
        declare(channel, current.partitions, hash_, opens_entrance=not current.is_changing)
    return current.partitions


def _decide_hash(engine: database.Engine, connection: Any) -> None:
    """Decide by which hash a new house distributes commands: the first worker does, for all and for good."""
    with database.transaction(engine) as tx:
        current = partitioning.read(tx)
    if current.hash_ is not None:
        return
    former = topology.hash_exchange(current.partitions, topology.CONSISTENT)
    # A house whose database is new and whose broker is not: what waits there keeps its way.
    is_used = _is_there(connection.default_channel, former)
    best = topology.CONSISTENT if is_used else best_hash(connection, current.partitions)
    if best != topology.MODULUS:
        log.warning("hash.inferior", hash=best, see="RUNBOOK, Commands in another order")
    with database.transaction(engine) as tx:
        partitioning.decide(tx, best)


def best_hash(connection: Any, partitions: int) -> str:
    """Give the best kind of hash that a broker knows."""
    best = topology.hash_exchange(partitions, topology.MODULUS)
    return topology.MODULUS if can_have(connection, best) else topology.CONSISTENT


def can_have(connection: Any, exchange: topology.Exchange) -> bool:
    """Declare an exchange whose type the broker may not know: that ends a connection, so one of its own."""
    try:
        with connection.clone() as asking:
            _declare_exchange(asking.default_channel, exchange)
    except (amqp.InvalidCommand, amqp.PreconditionFailed) as error:
        if is_of_unknown_type(error):
            return False
        raise
    return True


def is_of_unknown_type(error: amqp.AMQPError) -> bool:
    """Whether an exchange is of no type that the broker knows.

    RabbitMQ 3 says so by ending the connection (503), RabbitMQ 4 by ending the channel (406).
    """
    return "unknown exchange type" in str(error.reply_text)


def _close_others(channel: Any, partitions: int, hash_: str) -> None:
    """Let commands come in one way only: a worker of an earlier release may have opened its own again."""
    for other in topology.HASHES:
        if other != hash_ and _is_there(channel, topology.hash_exchange(partitions, other)):
            close_entrance(channel, partitions, other)


def _is_there(channel: Any, exchange: topology.Exchange) -> bool:
    """Ask on a channel of its own, which the broker closes when it is not."""
    asking = channel.connection.channel()
    try:
        asking.exchange_declare(exchange.name, exchange.type, passive=True)
    except amqp.NotFound:
        return False
    asking.close()
    return True


def open_entrance(channel: Any, partitions: int, hash_: str) -> None:
    """Let commands into the queues of a set; into others as well, until their entrance is closed."""
    binding = topology.entrance(partitions, hash_)
    channel.exchange_bind(binding.destination, binding.source, binding.routing_key)


def close_entrance(channel: Any, partitions: int, hash_: str) -> None:
    """Let no more commands into the queues of a set."""
    binding = topology.entrance(partitions, hash_)
    channel.exchange_unbind(binding.destination, binding.source, binding.routing_key)


def declare_events(channel: Any) -> None:
    """Declare what is published to: a scheduler may be there before any worker."""
    for exchange in topology.EXCHANGES:
        if exchange.name == topology.EVENTS:
            _declare_exchange(channel, exchange)


def _declare_exchange(channel: Any, exchange: topology.Exchange) -> None:
    channel.exchange_declare(exchange.name, exchange.type, durable=True, auto_delete=False)


def differences(queue: topology.Queue, ask: Callable[[dict[str, Any]], None]) -> Iterator[tuple[str, str]]:
    """Say by argument how a queue that is there differs from ours.

    The broker names one difference a time and closes the channel: `ask` declares the queue with the arguments
    it is given, on a channel of its own. Raises amqp.PreconditionFailed for what cannot be read any further.
    """
    arguments, named = dict(queue.arguments), set[str]()
    while True:
        try:
            ask(arguments)
        except amqp.PreconditionFailed as error:
            found = _DIFFERENCE.search(str(error.reply_text))
            if found is None or found["name"] in named:
                raise
            name, value = found["name"], found["value"].strip("'")
            named.add(name)
            yield name, f"{name} is {value} and not {queue.arguments.get(name, 'none')}"
            _set(arguments, name, value)
        else:
            return


def _declare_queue(channel: Any, queue: topology.Queue) -> list[str]:
    """Declare a queue; give what is different about the one that is there already."""

    def ask(arguments: dict[str, Any]) -> None:
        asking = channel.connection.channel()
        try:
            asking.queue_declare(queue.name, durable=True, auto_delete=False, arguments=arguments)
        except amqp.PreconditionFailed as error:
            found = _DIFFERENCE.search(error.reply_text)
            if found is not None and found["name"] in _KEEPS_ORDER:
                raise TopologyError(f"{queue.name} cannot be used: {error.reply_text}") from error
            raise
        asking.close()

    try:
        return [said for _, said in differences(queue, ask)]
    except amqp.PreconditionFailed as error:
        raise TopologyError(f"{queue.name} cannot be used: {error.reply_text}") from error


def _set(arguments: dict[str, Any], name: str, value: str) -> None:
    """Ask for what is there: a value as the broker writes it, numbers and truths included."""
    if value == "none":
        arguments.pop(name, None)
    else:
        written = {"true": True, "false": False}
        arguments[name] = int(value) if value.isdecimal() else written.get(value, value)


def _queue(queue: topology.Queue) -> Queue:
    return Queue(queue.name, Exchange(""), durable=True, queue_arguments=queue.arguments)
