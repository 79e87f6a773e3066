"""`contracts.topology`, declared with kombu."""

from __future__ import annotations

from typing import Any

from kombu import Exchange, Queue

from contracts import topology


def command_queues() -> list[Queue]:
    return [_queue(queue) for queue in topology.COMMAND_QUEUES]


def dead_queue() -> Queue:
    return _queue(topology.DEAD_QUEUE)


def declare(channel: Any) -> None:
    """Declare every exchange, queue and binding; what is there already stays as it is."""
    for exchange in topology.EXCHANGES:
        _declare_exchange(channel, exchange)
    for queue in topology.QUEUES:
        channel.queue_declare(queue.name, durable=True, auto_delete=False, arguments=queue.arguments)
    for binding in topology.BINDINGS:
        if binding.to_exchange:
            channel.exchange_bind(binding.destination, binding.source, binding.routing_key)
        else:
            channel.queue_bind(binding.destination, binding.source, binding.routing_key)


def declare_events(channel: Any) -> None:
    """Declare what is published to: a scheduler may be there before any worker."""
    for exchange in topology.EXCHANGES:
        if exchange.name == topology.EVENTS:
            _declare_exchange(channel, exchange)


def _declare_exchange(channel: Any, exchange: topology.Exchange) -> None:
    channel.exchange_declare(exchange.name, exchange.type, durable=True, auto_delete=False)


def _queue(queue: topology.Queue) -> Queue:
    return Queue(queue.name, Exchange(""), durable=True, queue_arguments=queue.arguments)
