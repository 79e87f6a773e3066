"""What an AMQP user may do: each role its own work, and nothing of another's, on a real broker."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu
import pika
import pytest
from brokerage import Users, users
from outside.claims import token
from outside.connecting import connect
from outside.furnishing import elements
from outside.listener import Listener
from outside.processes import SchedulerProcess, WorkerProcess, scheduling, wait_for, working
from outside.shop import BENQ, open_shop
from outside.stage import Management, Stage
from outside.upstream import Upstream
from outside.wire import SHOP, unique
from pika.exceptions import ChannelClosedByBroker

from contracts.broker import listening
from contracts.client import Client, Event
from worker import topology
from worker.local import waiting

Attempt = Callable[[Any, Users], object]

DURABLE = {"durable": True}
PERSONS_REPLY = "basket.replies.{another}.of-somebody-else"


@pytest.fixture(scope="module")
def allowed(
    stage: Stage, management: Management, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Users]:
    with users(stage, management, tmp_path_factory.mktemp("users")) as made:
        yield made


@pytest.fixture(scope="module")
def worker(stage: Stage, allowed: Users, folder: Path) -> Iterator[WorkerProcess]:
    with working(stage, "worker", folder, BASKETRY_BROKER_URL=allowed.url("worker")) as worker:
        with Upstream(stage.broker_url) as upstream:
            open_shop(upstream, recurringOrdersEnabled=True)
        yield worker


@pytest.fixture(scope="module")
def scheduler(
    stage: Stage, allowed: Users, folder: Path, worker: WorkerProcess
) -> Iterator[SchedulerProcess]:
    with scheduling(stage, "scheduler", folder, BASKETRY_BROKER_URL=allowed.url("scheduler")) as scheduler:
        yield scheduler


@pytest.fixture(scope="module")
def house(allowed: Users) -> Users:
    """A house that a worker has set up, and a reply queue of another publisher in it."""
    with kombu.Connection(allowed.url("worker")) as connection:
        topology.declare(connection.default_channel)
    with connect(allowed.url("another")) as connection:
        connection.channel().queue_declare(PERSONS_REPLY.format(**allowed.names), **DURABLE)
    return allowed


def publish(exchange: str, key: str) -> Attempt:
    def attempt(channel: Any, users: Users) -> None:
        channel.confirm_delivery()
        channel.basic_publish(exchange, key.format(**users.names), b"{}")

    return attempt


def get(queue: str) -> Attempt:
    return lambda channel, users: channel.basic_get(queue.format(**users.names))


def consume(queue: str) -> Attempt:
    return lambda channel, users: channel.basic_consume(queue.format(**users.names), print)


def purge(queue: str) -> Attempt:
    return lambda channel, users: channel.queue_purge(queue.format(**users.names))


def declare(queue: str, **arguments: str) -> Attempt:
    return lambda channel, users: channel.queue_declare(
        queue.format(**users.names), durable=True, arguments=arguments
    )


def delete(queue: str) -> Attempt:
    return lambda channel, users: channel.queue_delete(queue.format(**users.names))


def declare_exchange(name: str) -> Attempt:
    return lambda channel, users: channel.exchange_declare(name.format(**users.names), "topic", durable=True)


def delete_exchange(name: str) -> Attempt:
    return lambda channel, _users: channel.exchange_delete(name)


def bind(queue: str, exchange: str, key: str = "#") -> Attempt:
    def attempt(channel: Any, users: Users) -> None:
        own = queue.format(**users.names)
        if own.startswith(("basket.replies.", users.names["consumer"])) and "another" not in queue:
            channel.queue_declare(own, exclusive=True)
        channel.queue_bind(own, exchange, key)

    return attempt


def unbind(queue: str, exchange: str) -> Attempt:
    return lambda channel, _users: channel.queue_unbind(queue, exchange, "1")


OWN_REPLY, OWN_EVENTS = "basket.replies.{publisher}.mine", "{consumer}.results"
OURS = ("basket.commands", "basket.commands.by-hash", "basket.commands.dead", "basket.events")
READING = [
    *(how("basket.commands.00") for how in (get, consume, purge)),
    *(how("basket.commands.dead") for how in (get, consume, purge)),
    *(how(PERSONS_REPLY) for how in (get, consume, purge)),
]
MAKING = [
    *(declare_exchange(name) for name in OURS),
    *(delete_exchange(name) for name in OURS),
    *(declare(name) for name in ("basket.commands.00", "basket.commands.99", "of-nobody", PERSONS_REPLY)),
    *(delete(name) for name in ("basket.commands.00", "basket.commands.dead", PERSONS_REPLY)),
    declare_exchange("of-nobody"),
    bind("basket.commands.00", "basket.events"),
    unbind("basket.commands.00", "basket.commands.by-hash"),
]
SENDING = [
    publish("basket.events", "order.placed"),
    publish("basket.commands.by-hash", "a-basket"),
    publish("basket.commands.dead", ""),
    publish("", "basket.commands.00"),
    publish("", "basket.commands.dead"),
    publish("", PERSONS_REPLY),
    publish("amq.topic", "x"),
    publish("amq.fanout", ""),
]
REFUSED: dict[str, list[Attempt]] = {
    "publisher": [
        *(READING + MAKING + SENDING),
        declare("basket.replies.x"),
        declare(OWN_REPLY, **{"x-dead-letter-exchange": "basket.events"}),
        bind(OWN_REPLY, "basket.events"),
        bind(OWN_REPLY, "basket.commands"),
        bind(OWN_REPLY, "basket.commands.by-hash", "1"),
    ],
    "consumer": [
        *(READING + MAKING + SENDING),
        publish("basket.commands", "a-basket"),
        declare(OWN_REPLY),
        declare(OWN_EVENTS, **{"x-dead-letter-exchange": "basket.commands"}),
        bind(OWN_EVENTS, "basket.commands"),
        bind(OWN_EVENTS, "basket.commands.by-hash", "1"),
    ],
    "scheduler": [
        *READING,
        *(one for one in MAKING if one is not MAKING[3] and one is not MAKING[7]),
        *SENDING[1:],
    ],
    "operator": [*READING, *MAKING, *SENDING, publish("basket.commands", "a-basket")],
    "worker": [
        *READING[6:],
        *(declare(name) for name in ("of-nobody", PERSONS_REPLY)),
        delete(PERSONS_REPLY),
        declare_exchange("of-nobody"),
        publish("amq.topic", "x"),
        get(OWN_EVENTS),
    ],
}


@pytest.mark.parametrize("role", REFUSED)
def test_what_is_not_a_roles_work_is_refused(house: Users, role: str) -> None:
    with connect(house.url(role)) as connection:
        allowed = [
            number
            for number, attempt in enumerate(REFUSED[role])
            if not is_refused(attempt, connection.channel(), house)
        ]
    assert allowed == []


def is_refused(attempt: Attempt, channel: Any, house: Users) -> bool:
    try:
        attempt(channel, house)
    except ChannelClosedByBroker as error:
        return error.reply_code == 403
    return False


@pytest.mark.parametrize("role", ["publisher", "consumer", "scheduler", "operator"])
def test_everybody_sees_what_is_there_and_how_much_waits(house: Users, role: str) -> None:
    with connect(house.url(role)) as connection:
        channel = connection.channel()
        assert channel.queue_declare("basket.commands.00", passive=True).method.message_count == 0
        channel.exchange_declare("basket.events", passive=True)


@pytest.mark.slow
def test_a_publisher_sends_a_command_and_is_answered_either_way(house: Users, worker: WorkerProcess) -> None:
    with Client(house.url("publisher"), channel=SHOP, token=token()) as client:
        assert client.call("basket.create", unique("basket")).status == 201
    queue = f"basket.replies.{house.names['publisher']}.{unique('q')}"
    with connect(house.url("publisher")) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, exclusive=True)
        heard: list[pika.BasicProperties] = []
        channel.basic_consume(queue, lambda _channel, _method, properties, _body: heard.append(properties))
        headers = {"authorization": f"Bearer {token()}", "channel": SHOP}
        properties = pika.BasicProperties(
            type="basket.create", message_id=unique("m"), reply_to=queue, headers=headers
        )
        channel.basic_publish("basket.commands", unique("basket"), b"", properties, mandatory=True)
        wait_for(lambda: connection.process_data_events(time_limit=0.1) or bool(heard))
        assert heard[0].headers["status"] == 201
        channel.queue_delete(queue)


@pytest.mark.slow
def test_a_consumer_hears_events_on_a_queue_of_its_own(house: Users, worker: WorkerProcess) -> None:
    heard: list[Event] = []
    key, queue = unique("basket"), f"{house.names['consumer']}.{unique('results')}"
    source = listening.source(queue, ("command.*",), 1)
    with connect(house.url("consumer")) as connection:  # before the event is there to be heard
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, arguments=source.arguments)
        channel.queue_bind(queue, "basket.events", "command.*")
    with Client(house.url("publisher"), token=token()) as client:
        client.publish("basket.create", key)
    with Client(house.url("consumer")) as consumer:

        def hear(event: Event) -> None:
            heard.append(event)
            consumer.stop()

        consumer.events(queue, "command.*", on_event=hear, patience_seconds=20)
    assert [event.key for event in heard] == [key]


def test_a_consumer_may_be_kept_to_some_events(house: Users, stage: Stage, management: Management) -> None:
    user = house.names["consumer"]
    path = f"topic-permissions/{stage.vhost}/{user}"
    management.call("PUT", path, {"exchange": "basket.events", "write": "^$", "read": r"^order\..+$"})
    try:
        with connect(house.url("consumer")) as connection:
            for key in ("#", "*", "command.completed", "*.placed", "recurrence.started"):
                with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
                    bind(OWN_EVENTS, "basket.events", key)(connection.channel(), house)
            for key in ("order.placed", "order.*"):
                bind(OWN_EVENTS, "basket.events", key)(connection.channel(), house)
    finally:
        management.call("DELETE", path)


@pytest.mark.slow
def test_a_scheduler_places_an_order_and_sends_its_event(
    house: Users, scheduler: SchedulerProcess, worker: WorkerProcess, stage: Stage
) -> None:
    with Upstream(stage.broker_url) as upstream, Listener(stage.broker_url) as events:
        # A worker sends the event of one that the scheduler is too slow for.
        assert any(is_sent_by(scheduler, upstream, events, stage) for _ in range(5))
    for process in (worker, scheduler):
        assert "ACCESS_REFUSED" not in process.log


def is_sent_by(scheduler: SchedulerProcess, upstream: Upstream, events: Listener, stage: Stage) -> bool:
    """Have an order placed and its event heard; tell whether it was the scheduler that has sent one."""
    key = unique("basket")
    assert upstream.ask("basket.create", key).status == 201
    assert upstream.ask("basket.item.add", key, elements(BENQ)).status == 201
    ((now,),) = stage.rows("select now() + interval '1 second'")
    recurrence = {"startDate": now.isoformat(), "interval": "P1Y"}
    assert upstream.ask("basket.update", key, {"recurrence": recurrence}).status == 200
    assert events.until(lambda: "order.placed" in {one.type for one in events.by_key()[key]})
    return waiting.until(lambda: "sweep.relayed" in scheduler.log, seconds=5)
