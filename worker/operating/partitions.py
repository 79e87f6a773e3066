"""Another number of command queues, while commands come in: nothing lost, nothing twice, in order.

The number is announced in the database, so that workers that start leave the ways alone. A second set of
queues is declared, commands are led there (for a moment into both: the inbox makes the second a repeat), and
nobody takes from it until all that was in the first set is committed. Then the number changes, the workers
go over, and the first set goes. Killed anywhere, the same command once more goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import amqp
from kombu import Connection

from contracts import topology
from worker import tls
from worker import topology as broker
from worker.operating import barrier
from worker.store import database, partitioning

if TYPE_CHECKING:
    from worker.settings import Settings

_TIMEOUT_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.5
_PERSISTENT = 2
_AT_ONCE = 100
# A message that was on its way when its way was closed arrives a moment later: the second round finds it.
_ROUNDS = 2


class NotDone(Exception):  # noqa: N818 - it says what is the case
    """The number was not changed, or not to the end; the message says what to do."""


class Counted(NamedTuple):
    messages: int  # that wait; not those that somebody works at
    consumers: int


def show(settings: Settings) -> partitioning.Partitioning:
    """Tell how many there are; raises database.TryAgain."""
    with _database(settings) as engine, database.transaction(engine) as tx:
        return partitioning.read(tx)


def change(settings: Settings, partitions: int, seconds: float, say: Callable[[str], None]) -> None:
    """Change the number, or finish a change; raises NotDone after `seconds` at most.

    Raises database.TryAgain, OSError and amqp.AMQPError when a server goes away: the same once more then.
    """
    until = time.monotonic() + seconds
    with _database(settings) as engine, partitioning.alone(engine) as is_alone:
        if not is_alone:
            raise NotDone("Somebody else is changing the number of queues at this moment.")
        with _broker(settings) as kombus:
            connection = kombus.connection
            _begin(engine, connection, partitions)
            _lead_over(engine, connection, partitions, broker.best_hash(kombus, partitions), until, say)
            for former in _left_behind(connection, partitions):
                _remove(connection, former, until, say)


@contextmanager
def _database(settings: Settings) -> Iterator[database.Engine]:
    engine = database.engine(settings.database_url.get_secret_value(), "basketry partitions")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _broker(settings: Settings) -> Iterator[Any]:
    url = settings.broker_url.get_secret_value()
    connection = Connection(
        url,
        transport="worker.plain_amqp:Transport",  # what is published again stays as it is, byte for byte
        ssl=tls.options(url, settings.broker_files),
        connect_timeout=_TIMEOUT_SECONDS,
        transport_options={
            "read_timeout": _TIMEOUT_SECONDS,
            "write_timeout": _TIMEOUT_SECONDS,
            "client_properties": {"connection_name": "basketry partitions"},
        },
    )
    with connection:
        yield connection


def _begin(engine: database.Engine, connection: Any, partitions: int) -> None:
    """Announce the number, unless it is the present one."""
    with database.transaction(engine) as tx:
        current = partitioning.read(tx)
    if current.partitions == partitions and not current.is_changing:
        return
    if current.next_partitions not in (None, partitions):
        raise NotDone(
            f"A change to {current.next_partitions} queues is under way: "
            f"run `basketry partitions {current.next_partitions}` to finish it first."
        )
    if unattended := _unattended(connection, current.partitions):
        raise NotDone(
            f"Nobody consumes {', '.join(unattended)}: start the workers first, they have to work off what "
            "is there."
        )
    with database.transaction(engine) as tx:
        if not partitioning.begin(tx, partitions):
            raise NotDone("Somebody else has changed the number of queues at this moment.")


def _unattended(connection: Any, partitions: int) -> list[str]:
    """Name the queues of a set that nobody consumes."""
    names = [queue.name for queue in topology.command_queues(partitions)]
    return [name for name in names if _count(connection, name).consumers <= 0]


def _lead_over(
    engine: database.Engine,
    connection: Any,
    partitions: int,
    hash_: str,
    until: float,
    say: Callable[[str], None],
) -> None:
    """Lead commands to the next set, wait for what is in the present one, and make the next the present."""
    with database.transaction(engine) as tx:
        current = partitioning.read(tx)
    if not current.is_changing:
        say(f"There are {partitions} queues.")
        return
    channel = connection.channel()
    broker.declare(channel, partitions, hash_, opens_entrance=False)
    broker.open_entrance(channel, partitions, hash_)
    broker.close_entrance(channel, current.partitions, current.hash_ or hash_)
    say(f"Commands go to {partitions} queues; what is in the former {current.partitions} is done first.")
    names = [queue.name for queue in topology.command_queues(current.partitions)]
    for _ in range(_ROUNDS):
        silent = barrier.pass_through(channel, names, until, say)
        if silent:
            raise NotDone(
                f"{', '.join(silent)} did not answer in time: are the workers at work? Commands wait in the "
                f"next queues. Run `basketry partitions {partitions}` again to go on."
            )
    with database.transaction(engine) as tx:
        if not partitioning.finish(tx, partitions, hash_):
            raise NotDone("Somebody else has changed the number of queues at this moment.")
    say(f"There are {partitions} queues now; the workers go over to them.")
    while unattended := _unattended(connection, partitions):
        if time.monotonic() >= until:
            raise NotDone(f"Nobody consumes {', '.join(unattended)} yet: are the workers at work?")
        time.sleep(_LOOK_EVERY_SECONDS)


def _left_behind(connection: Any, partitions: int) -> list[int]:
    """Find former sets: a set's hash goes first and its first queue last."""
    return [
        number
        for number in range(1, topology.MOST_PARTITIONS + 1)
        if number != partitions and (_is_there(connection, number) or _has_hash(connection, number))
    ]


def _is_there(connection: Any, partitions: int) -> bool:
    return _count(connection, topology.command_queues(partitions)[0].name).consumers >= 0


def _has_hash(connection: Any, partitions: int) -> bool:
    for kind in topology.HASHES:
        channel = connection.channel()
        try:
            channel.exchange_declare(topology.hash_exchange(partitions, kind).name, kind, passive=True)
        except amqp.NotFound:
            continue
        channel.close()
        return True
    return False


def _count(connection: Any, queue: str) -> Counted:
    """Count what waits in a queue and who consumes it; -1 of both when there is none."""
    channel = connection.channel()
    try:
        counted = channel.queue_declare(queue, passive=True)
    except amqp.NotFound:
        return Counted(-1, -1)
    channel.close()
    return Counted(counted.message_count, counted.consumer_count)


def _remove(connection: Any, former: int, until: float, say: Callable[[str], None]) -> None:
    """Take a former set away once its workers have left it."""
    channel = connection.channel()
    for kind in topology.HASHES:
        # And with it every way into these queues.
        channel.exchange_delete(topology.hash_exchange(former, kind).name)
    for queue in reversed(topology.command_queues(former)):
        while (there := _count(connection, queue.name)).consumers > 0:
            if time.monotonic() >= until:
                raise NotDone(
                    f"{queue.name} is still consumed: a worker has not gone over, or is of an earlier "
                    "release. Nothing waits for it; run the same again when that worker is stopped."
                )
            time.sleep(_LOOK_EVERY_SECONDS)
        if there.messages > 0:
            _move(connection, queue.name, there.messages, until)
            say(f"{there.messages} messages of {queue.name} were published again.")
        channel.queue_delete(queue.name)
    say(f"The former {former} queues are gone.")


def _move(connection: Any, queue: str, count: int, until: float) -> None:
    """Publish again what came late to a queue that nobody consumes; mostly it was handled before.

    It is consumed, since RabbitMQ allows no basic.get where one consumer is to be active; until all of it has
    come, since what was delivered and not acked does not count as waiting.
    """
    channel = connection.channel()
    channel.confirm_select()
    came: list[Any] = []
    channel.basic_qos(0, _AT_ONCE, False)
    channel.basic_consume(queue, callback=came.append)
    while count > 0:
        with suppress(TimeoutError):
            connection.drain_events(timeout=_LOOK_EVERY_SECONDS)
        for message in came:
            _publish_again(channel, message)
        count -= len(came)
        came.clear()
        if count > 0 and time.monotonic() >= until:
            raise NotDone(f"{count} messages of {queue} are still to be moved: run the same again.")
    channel.close()


def _publish_again(channel: Any, message: Any) -> None:
    content = amqp.Message(message.body, **{**message.properties, "delivery_mode": _PERSISTENT})
    key = message.delivery_info["routing_key"]
    try:
        channel.basic_publish_confirm(
            content, exchange=topology.COMMANDS, routing_key=key, mandatory=True, timeout=_TIMEOUT_SECONDS
        )
    except amqp.MessageNacked as error:
        raise NotDone("A message was refused, since its next queue is full: run the same later.") from error
    channel.basic_ack(message.delivery_tag)
