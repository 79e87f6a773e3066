"""One channel, the queues that are consumed on it, and what has arrived.

A batch is acked by the tag of its last message, which covers all before it on that channel: so what arrives
is handed on in the order of arrival, and each channel's on its own. A command that would keep the others
waiting is set apart (`side_lanes`), and what comes later for its key waits for it; while there are such, the
others are acked one by one.
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
_LONGEST_WAIT_SECONDS = 7 * 24 * 3600.0  # what says it was sent before that has a clock that says nothing
BATCH_BYTES = 4 * 1024 * 1024  # of bodies, that are worked at together or wait for it

log = logs.get(__name__)


class Intake:
    """What is consumed on one channel, from now until it is closed."""

    def __init__(self, connection: Any, queues: Sequence[Queue], prefetch: int, *, is_dead: bool) -> None:
        """Subscribe; `prefetch` is per queue. With `is_dead`, they hold what the broker has given up."""
        self._channel = connection.channel()
        self._is_dead = is_dead
        self.is_closed = False
        self.queues = tuple(queue.name for queue in queues)
        self._received: list[Message] = []
        self._in_hand: list[Message] = []  # taken and not acked yet
        self._apart: dict[int, Message] = {}  # until `settle`, by their tags
        self._behind: list[Message] = []  # for whose keys something is apart
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
        """Give the bytes of the bodies that have arrived and are not handled."""
        waiting = (*self._received, *self._behind, *self._apart.values())
        return sum(len(message.body) for message in waiting)

    def take(self, most: int) -> list[Delivery]:
        """Take the oldest messages; there may be none, when all must wait for what is apart.

        One that may have ended a worker comes alone: acked as soon as it is done, it is not counted again.
        """
        self._hold_back()
        taken: list[Delivery] = []
        size = 0
        for message in self._received[:most]:
            delivery = self._delivery(message)
            size += len(delivery.body)
            is_alone = suspects.is_suspect(delivery) or (taken and suspects.is_suspect(taken[0]))
            if taken and (is_alone or size > BATCH_BYTES):
                break
            taken.append(delivery)
        self._in_hand = self._received[: len(taken)]
        del self._received[: len(taken)]
        return taken

    def acknowledge(self, count: int) -> None:
        """Ack the first messages of what is in hand; the others are there to be taken again."""
        done, left = self._in_hand[:count], self._in_hand[count:]
        if done and not self._apart:
            self._channel.basic_ack(done[-1].delivery_tag, multiple=True)
        else:
            for message in done:
                self._channel.basic_ack(message.delivery_tag)
        self._in_hand, self._received = [], [*left, *self._received]

    def set_apart(self) -> int:
        """Take the oldest message for as long as it needs, until `settle`; give its tag."""
        message = self._received.pop(0)
        self._apart[message.delivery_tag] = message
        return message.delivery_tag

    def settle(self, tag: int) -> None:
        """Ack a message that was apart, and let go on what has waited for it."""
        del self._apart[tag]
        self._channel.basic_ack(tag)
        # In the order of arrival: an ack of many covers all with a lower tag.
        self._received = sorted((*self._behind, *self._received), key=lambda one: one.delivery_tag)
        self._behind = []

    def _hold_back(self) -> None:
        """Put aside what must not overtake a message that is apart.

        What was published past the hash asks about a whole queue (`operating.barrier`): it waits for all.
        """
        if not self._apart:
            return
        keys = {message.delivery_info["routing_key"] for message in self._apart.values()}
        free: list[Message] = []
        for message in self._received:
            waits = message.delivery_info["routing_key"] in keys or not message.delivery_info["exchange"]
            (self._behind if waits else free).append(message)
        self._received = free

    @property
    def unacked(self) -> list[Message]:
        """Give what has arrived and is not acked; safe to be asked by another thread."""
        apart = tuple(self._apart.values())
        return [*apart, *self._behind, *self._in_hand, *self._received]

    def close(self) -> None:
        """Close the channel, never cancel: what is unacked goes back to the front of its queue, in order.

        A cancelled consumer's unacked messages would be overtaken by the next ones. Raises OSError and
        amqp.AMQPError when the broker does not answer; then the connection has to go.
        """
        self.is_closed = True
        try:
            self._channel.close()
        finally:
            # Deliveries still arrive while the channel closes; they are another worker's by now.
            self._received, self._in_hand, self._behind = [], [], []
            self._apart = {}

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
    return min((_published_at(one) for one in unacked), default=None)


def _published_at(message: Message) -> float:
    published_at = commands.published_at(message.properties, message.headers) or message.received_at
    is_no_time_of_sending = message.received_at - published_at > _LONGEST_WAIT_SECONDS
    return message.received_at if is_no_time_of_sending else published_at


def _returns(message: Message, headers: dict[str, Any]) -> int:
    """Give how often the broker has taken a message back; a publisher may write anything there."""
    count = headers.get(_RETURNED)
    is_the_brokers = bool(message.delivery_info.get("redelivered")) and isinstance(count, int)
    return int(count) if is_the_brokers and count is not None else 0
