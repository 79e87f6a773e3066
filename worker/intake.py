"""One channel, the queues that are consumed on it, and what has arrived.

A batch is acked by the tag of its last message, which covers all before it on that channel: so what arrives
is handed on in the order of arrival, and each channel's on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombu import Consumer as Subscription

from contracts.envelope import Delivery
from worker import logs, suspects
from worker.ops import commands
from worker.plain_amqp import UNREADABLE_PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kombu import Queue

    from worker.plain_amqp import Message

_RETURNED = "x-delivery-count"  # of quorum queues: how often a message has come back
_ALARMING_RETURNS = 20
BATCH_BYTES = 4 * 1024 * 1024  # of bodies, that are worked at together or wait for it

log = logs.get(__name__)


class Intake:
    """What is consumed on one channel, from now until it is closed."""

    def __init__(self, connection: Any, queues: Sequence[Queue], prefetch: int, *, is_dead: bool) -> None:
        """Subscribe; `prefetch` is per queue. With `is_dead`, they hold what the broker has given up."""
        self._channel = connection.channel()
        self._is_dead = is_dead
        self.queues = tuple(queue.name for queue in queues)
        self._received: list[Message] = []
        self._in_hand: list[Message] = []  # taken and not acked yet
        self._channel.basic_qos(0, prefetch, False)
        # Not called `on_message=self._received.append`: the list changes when the channel is closed.
        self._subscription = Subscription(
            self._channel, queues=queues, on_message=self._receive, auto_declare=False, accept=None
        )
        self._subscription.consume()

    def __len__(self) -> int:
        return len(self._received)

    @property
    def size(self) -> int:
        """Give the bytes of the bodies that have arrived."""
        return sum(len(message.body) for message in self._received)

    def take(self, most: int) -> tuple[list[Delivery], int]:
        """Take the oldest messages; give them, and the tag that acks them.

        One that may have ended a worker comes alone: acked as soon as it is done, it is not counted again.
        """
        taken: list[Delivery] = []
        size = 0
        for message in self._received[:most]:
            delivery = self._delivery(message)
            size += len(delivery.body)
            is_apart = suspects.is_suspect(delivery) or (taken and suspects.is_suspect(taken[0]))
            if taken and (is_apart or size > BATCH_BYTES):
                break
            taken.append(delivery)
        self._in_hand = self._received[: len(taken)]
        del self._received[: len(taken)]
        return taken, self._in_hand[-1].delivery_tag

    def acknowledge(self, tag: int) -> None:
        """Ack a message and all that arrived before it."""
        self._channel.basic_ack(tag, multiple=True)
        self._in_hand = []

    @property
    def unacked(self) -> list[Message]:
        """Give what has arrived and is not acked; safe to be asked by another thread."""
        return [*self._in_hand, *self._received]

    def close(self) -> None:
        """Close the channel, never cancel: what is unacked goes back to the front of its queue, in order.

        A cancelled consumer's unacked messages would be overtaken by the next ones. Raises OSError and
        amqp.AMQPError when the broker does not answer; then the connection has to go.
        """
        try:
            self._channel.close()
        finally:
            # Deliveries still arrive while the channel closes; they are another worker's by now.
            self._received, self._in_hand = [], []

    def _receive(self, message: Message) -> None:
        self._received.append(message)

    def _delivery(self, message: Message) -> Delivery:
        headers = {str(name): value for name, value in message.headers.items()}
        properties = {
            name: value for name, value in message.properties.items() if name != "application_headers"
        }
        delivery = Delivery(
            key=message.delivery_info["routing_key"],
            body=message.body,
            properties=properties,
            headers=headers,
            is_unreadable=UNREADABLE_PROPERTIES in headers,
            returns=_returns(message, headers),
            is_given_up=self._is_dead,
        )
        if delivery.returns >= _ALARMING_RETURNS:
            commands.RETURNED_OFTEN.inc()
            message_id = str(properties.get("message_id"))
            log.error("delivery.returned_often", times=delivery.returns, message_id=message_id)
        return delivery


def oldest_published_at(intakes: Iterable[Intake | None]) -> float | None:
    """Give the unix time of the oldest message that is not acked: as it says, or since it has arrived."""
    unacked = [message for intake in intakes if intake is not None for message in intake.unacked]
    return min(
        (commands.published_at(one.properties, one.headers) or one.received_at for one in unacked),
        default=None,
    )


def _returns(message: Message, headers: dict[str, Any]) -> int:
    """Give how often the broker has taken a message back; a publisher may write anything there."""
    count = headers.get(_RETURNED)
    is_the_brokers = bool(message.delivery_info.get("redelivered")) and isinstance(count, int)
    return int(count) if is_the_brokers and count is not None else 0
