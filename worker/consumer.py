"""Celery's consumer, taught to take plain AMQP messages and hand them on in batches.

It collects what has arrived (never waiting for more), calls the Celery task once, and acks when the task is
done. While the task asks to try again, the batch is held and the broker connection kept alive. On shutdown
the channel is closed and never cancelled: a cancelled consumer's unacked messages would be overtaken.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import amqp
from celery import bootsteps
from celery.worker import state
from celery.worker.consumer import connection, consumer
from kombu import Consumer as Subscription

from contracts.envelope import Delivery
from worker import logs, tasks, topology
from worker.plain_amqp import UNREADABLE_PROPERTIES

if TYPE_CHECKING:
    from worker.plain_amqp import Message

_IDLE_SECONDS = 1.0  # how long one wait for a message lasts; a signal is seen at its end
_LONGEST_PAUSE_SECONDS = 5.0
_BATCH_BYTES = 4 * 1024 * 1024

log = logs.get(__name__)


class Subscribe(bootsteps.StartStopStep):  # type: ignore[misc]
    """Declare the topology and consume every command queue on one channel."""

    requires = (connection.Connection,)

    def __init__(self, c: Consumer, **kwargs: Any) -> None:
        super().__init__(c, **kwargs)
        c.channel, c.received = None, []

    def start(self, c: Consumer) -> None:
        channel = c.connection.default_channel
        topology.declare(channel)
        channel.basic_qos(0, c.app.conf.basketry_prefetch_per_queue, False)
        c.channel = channel
        c.received = []
        c.subscription = Subscription(
            channel,
            queues=topology.command_queues(),
            on_message=c.received.append,
            auto_declare=False,
            accept=None,
        )

    def stop(self, c: Consumer) -> None:
        """Close the channel: what is unacked goes back to the front of its queue, in order."""
        channel, c.channel = c.channel, None
        if channel is not None and c.connection is not None:
            try:
                channel.close()
            except (OSError, amqp.AMQPError) as error:
                log.warning("channel.lost", why=str(error))
        # Deliveries still arrive while the channel closes; they are another worker's by now.
        c.received = []

    shutdown = stop


class Loop(bootsteps.StartStopStep):  # type: ignore[misc]
    """The consumer's loop; the last step, because it only ends with the connection or the process."""

    last = True

    def start(self, c: Consumer) -> None:
        c.consume()


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """The setting `worker_consumer` of our Celery app."""

    channel: Any
    received: list[Message]
    subscription: Any

    class Blueprint(consumer.Consumer.Blueprint):  # type: ignore[misc]
        # Celery's own steps for events, gossip, mingle, remote control and delayed delivery have no use
        # here; the last of them declares 28 queues that cannot be bound to a consistent-hash exchange.
        default_steps = (connection.Connection, Subscribe, Loop)

    def connect(self) -> Any:
        """Connect without Celery's event loop: we read the socket ourselves."""
        return self.connection_for_read(heartbeat=self.amqheartbeat)

    def consume(self) -> None:
        """Work until the process is asked to stop or the connection breaks."""
        heartbeat = _Heartbeat(self.connection)
        self.subscription.consume()
        self.on_ready()
        self._tell_ready()
        while self.blueprint.state == bootsteps.RUN:
            state.maybe_shutdown()
            if self.received:
                self._handle(heartbeat)
                self._take_arrived()
            else:
                self._wait(_IDLE_SECONDS)
                heartbeat.tick()

    def on_decode_error(self, _message: Message, exc: Exception) -> None:
        """Never reached, since nothing is decoded here; Celery's own would ack, and the message be lost."""
        raise exc

    def _tell_ready(self) -> None:
        log.info("worker.ready", hostname=self.hostname)
        if self.app.conf.basketry_ready_file:
            Path(self.app.conf.basketry_ready_file).touch()

    def _wait(self, seconds: float) -> None:
        """Wait for a message, then take all that came with it."""
        try:
            self.connection.drain_events(timeout=seconds)
        except TimeoutError:
            return
        self._take_arrived()

    def _take_arrived(self) -> None:
        """Take what the socket holds, up to a batch; more bytes than that stay in the kernel, bounded."""
        size = sum(len(message.body) for message in self.received)
        while len(self.received) < self.app.conf.basketry_batch_size and size < _BATCH_BYTES:
            before = len(self.received)
            try:
                self.connection.drain_events(timeout=0)
            except TimeoutError:
                return
            size += sum(len(message.body) for message in self.received[before:])

    def _handle(self, heartbeat: _Heartbeat) -> None:
        """Have a batch done, however long that takes, and ack it."""
        size = self.app.conf.basketry_batch_size
        messages = self.received[:size]
        del self.received[:size]
        deliveries = [_delivery(message) for message in messages]
        done, pause = 0, 0.0
        while True:
            outcome = self.app.tasks[tasks.NAME].apply(args=(deliveries[done:],), throw=True).result
            if isinstance(outcome, tasks.Done):
                break
            done, pause = done + outcome.first, min(_LONGEST_PAUSE_SECONDS, max(0.1, pause * 2))
            log.warning("batch.held", size=len(deliveries) - done, why=outcome.why, pause_seconds=pause)
            self._hold(pause * random.uniform(0.5, 1.0), heartbeat)  # noqa: S311 - jitter
        self.channel.basic_ack(messages[-1].delivery_tag, multiple=True)
        heartbeat.tick()

    def _hold(self, seconds: float, heartbeat: _Heartbeat) -> None:
        """Let time pass with the connection alive: deliveries are taken in, as far as prefetch allows."""
        until = time.monotonic() + seconds
        while (remaining := until - time.monotonic()) > 0:
            state.maybe_shutdown()
            heartbeat.tick()
            try:
                self.connection.drain_events(timeout=remaining)
            except TimeoutError:
                return


class _Heartbeat:
    """Keeps a connection alive that is negotiated to beat every `interval` seconds."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._interval = connection.get_heartbeat_interval()
        self._next = 0.0

    def tick(self) -> None:
        """Send a beat if one is due; raises when the broker has not been heard of for two intervals."""
        if self._interval and time.monotonic() >= self._next:
            self._connection.heartbeat_check(rate=2)
            self._next = time.monotonic() + self._interval / 2


def _delivery(message: Message) -> Delivery:
    headers = {str(name): value for name, value in message.headers.items()}
    return Delivery(
        key=message.delivery_info["routing_key"],
        body=message.body,
        properties={
            name: value for name, value in message.properties.items() if name != "application_headers"
        },
        headers=headers,
        is_unreadable=UNREADABLE_PROPERTIES in headers,
    )
