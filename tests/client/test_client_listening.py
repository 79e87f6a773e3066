"""Listening with the client: each event once, in order, and none lost."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pika
import pytest
from gate import Gate
from outside.claims import token
from outside.connecting import connect
from outside.processes import WorkerProcess, wait_for
from outside.stage import Stage, fresh
from outside.wire import unique
from pika.exceptions import ChannelClosedByBroker

from contracts.client import Client, Event, RecentIds, Refused, Seen
from worker.local.servers import Servers

EVENTS = "basket.events"


@contextmanager
def listening(
    client: Client, queue: str, *types: str, on_event: Callable[[Event], object], **options: object
) -> Iterator[Future[None]]:
    """Listen in another thread, once the queue is there; stop at last."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        future = thread.submit(client.events, queue, *types, on_event=on_event, **options)
        try:
            wait_for(lambda: future.done() or consumers(client._url, queue) > 0)
            yield future
        finally:
            client.stop()
    if not future.exception():
        assert future.result() is None


def consumers(broker_url: str, queue: str) -> int:
    return declared(broker_url, queue)[0]


def waiting(broker_url: str, queue: str) -> int:
    return declared(broker_url, queue)[1]


def declared(broker_url: str, queue: str) -> tuple[int, int]:
    with connect(broker_url) as connection:
        try:
            found = connection.channel().queue_declare(queue, passive=True).method
        except ChannelClosedByBroker:
            return 0, 0
        return found.consumer_count, found.message_count


def say(broker_url: str, type_: str, *message_ids: str) -> None:
    """Publish events as the service would."""
    with connect(broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for message_id in message_ids:
            properties = pika.BasicProperties(type=type_, message_id=message_id, headers={"key": "mine"})
            channel.basic_publish(EVENTS, type_, b'{"a":1}', properties)


def ids(events: list[Event]) -> list[str]:
    return [event.message_id for event in events]


def test_an_event_of_the_service_is_handed_over_with_all_that_it_says(
    stage: Stage, worker: WorkerProcess
) -> None:
    heard: list[Event] = []
    basket = unique("basket")
    with (
        Client(stage.broker_url, token=token()) as client,
        Client(stage.broker_url) as listener,
        listening(listener, unique("results"), "command.*", on_event=heard.append),
    ):
        answer = client.call("basket.create", basket)
        refused = client.call("basket.create", basket, token=token("paul"))
        wait_for(lambda: len(heard) == 2)
    created, rejected = heard
    assert (created.type, created.status, created.version) == ("command.completed", 201, 1)
    assert (created.key, created.channel) == (basket, "default")
    assert (created.message_id, created.causation_id) == (answer.message_id, answer.causation_id)
    assert created.json() == answer.json()
    assert (rejected.error_key, rejected.errors) == (refused.error_key, refused.errors)


def test_only_the_types_that_were_asked_for_are_heard(stage: Stage) -> None:
    heard: list[Event] = []
    with (
        Client(stage.broker_url) as client,
        listening(client, unique("orders"), "order.*", "basket.expired", on_event=heard.append),
    ):
        for type_ in ("order.placed", "command.completed", "basket.expired", "recurrence.started"):
            say(stage.broker_url, type_, type_)
        say(stage.broker_url, "order.failed", "last")
        wait_for(lambda: "last" in ids(heard))
    assert ids(heard) == ["order.placed", "basket.expired", "last"]
    assert heard[0].json() == {"a": 1}
    assert heard[0].status is None


def test_an_event_published_twice_is_handed_over_once(stage: Stage) -> None:
    heard: list[Event] = []
    queue = unique("orders")
    with Client(stage.broker_url) as client, listening(client, queue, "order.*", on_event=heard.append):
        say(stage.broker_url, "order.placed", "e1", "e1", "e2", "e1", "e3")
        wait_for(lambda: "e3" in ids(heard))
    assert ids(heard) == ["e1", "e2", "e3"]
    assert waiting(stage.broker_url, queue) == 0


def test_what_the_consumer_has_seen_before_is_dropped(stage: Stage) -> None:
    heard: list[Event] = []
    seen: Seen = {"e1"}
    with (
        Client(stage.broker_url) as client,
        listening(client, unique("orders"), "order.*", on_event=heard.append, seen=seen),
    ):
        say(stage.broker_url, "order.placed", "e1", "e2")
        wait_for(lambda: "e2" in ids(heard))
    assert ids(heard) == ["e2"]
    assert seen == {"e1", "e2"}


def test_a_handler_that_raises_gets_the_same_event_again_before_any_other(stage: Stage) -> None:
    tried: list[str] = []

    def on_event(event: Event) -> None:
        tried.append(event.message_id)
        if len(tried) < 3:
            raise ValueError("not yet")

    queue = unique("orders")
    with Client(stage.broker_url) as client, listening(client, queue, "order.*", on_event=on_event):
        say(stage.broker_url, "order.placed", "e1", "e2")
        wait_for(lambda: "e2" in tried)
    assert tried == ["e1", "e1", "e1", "e2"]
    assert waiting(stage.broker_url, queue) == 0


def test_an_event_that_a_handler_gave_up_on_is_still_in_the_queue(stage: Stage) -> None:
    tried: list[str] = []
    heard: list[Event] = []

    def on_event(event: Event) -> None:
        tried.append(event.message_id)
        raise ValueError("never")

    queue = unique("orders")
    with (
        Client(stage.broker_url) as client,
        listening(client, queue, "order.*", on_event=on_event, attempts=2) as failing,
    ):
        say(stage.broker_url, "order.placed", "e1", "e2")
        with pytest.raises(ValueError, match="never"):
            failing.result(timeout=15)
    assert tried == ["e1", "e1"]
    wait_for(lambda: waiting(stage.broker_url, queue) == 2)
    with Client(stage.broker_url) as client, listening(client, queue, "order.*", on_event=heard.append):
        wait_for(lambda: len(heard) == 2)
    assert ids(heard) == ["e1", "e2"]


def test_a_connection_that_breaks_under_a_handler_hands_nothing_over_twice(stage: Stage) -> None:
    heard: list[Event] = []
    with Gate(stage.broker_url) as gate, Client(gate.url) as client:

        def on_event(event: Event) -> None:
            heard.append(event)
            gate.cut()

        queue = unique("orders")
        with listening(client, queue, "order.*", on_event=on_event):
            say(stage.broker_url, "order.placed", *(f"e{number}" for number in range(10)))
            wait_for(lambda: len(heard) >= 10)
            say(stage.broker_url, "order.placed", "last")
            wait_for(lambda: "last" in ids(heard))
            wait_for(lambda: waiting(stage.broker_url, queue) == 0)
    assert ids(heard) == [*(f"e{number}" for number in range(10)), "last"]


def test_a_queue_that_is_deleted_is_declared_again(stage: Stage) -> None:
    heard: list[Event] = []
    queue = unique("orders")
    with Client(stage.broker_url) as client, listening(client, queue, "order.*", on_event=heard.append):
        with connect(stage.broker_url) as connection:
            connection.channel().queue_delete(queue)
        wait_for(lambda: consumers(stage.broker_url, queue) > 0)
        say(stage.broker_url, "order.placed", "e1")
        wait_for(lambda: ids(heard) == ["e1"])


def test_a_handler_may_call_with_the_same_client(stage: Stage, worker: WorkerProcess) -> None:
    statuses: list[int] = []
    with Client(stage.broker_url, token=token()) as client:

        def on_event(event: Event) -> None:
            statuses.append(client.call("basket.create", unique("basket")).status)

        with listening(client, unique("orders"), "order.placed", on_event=on_event):
            say(stage.broker_url, "order.placed", "e1", "e2")
            wait_for(lambda: len(statuses) == 2)
    assert statuses == [201, 201]


def test_a_queue_of_another_kind_is_refused(stage: Stage) -> None:
    queue = unique("classic")
    with connect(stage.broker_url) as connection:
        connection.channel().queue_declare(queue, durable=True)
    with Client(stage.broker_url) as client, pytest.raises(Refused, match="PRECONDITION_FAILED"):
        client.events(queue, "order.*", on_event=print)


def test_a_signal_handler_stops_the_listening_of_the_main_thread(stage: Stage) -> None:
    queue = unique("orders")
    heard: list[Event] = []
    with Client(stage.broker_url) as client:
        before = signal.signal(signal.SIGUSR1, lambda *_: client.stop())
        stopping = threading.Thread(
            target=lambda: (
                wait_for(lambda: consumers(stage.broker_url, queue) > 0),
                os.kill(os.getpid(), signal.SIGUSR1),
            )
        )
        stopping.start()
        try:
            client.events(queue, "order.*", on_event=heard.append)
        finally:
            stopping.join()
            signal.signal(signal.SIGUSR1, before)
        client.events(queue, "order.*", on_event=heard.append)  # and stays stopped
    assert heard == []


def test_stopping_does_not_wait_for_a_broker_that_is_away(stage: Stage) -> None:
    with (
        Gate(stage.broker_url) as gate,
        Client(gate.url) as client,
        listening(client, unique("orders"), "order.*", on_event=print),
    ):
        gate.close()


def test_the_ids_kept_in_memory_are_bounded() -> None:
    recent = RecentIds(limit=2)
    for message_id in ("e1", "e2", "e3"):
        recent.add(message_id)
    assert [message_id in recent for message_id in ("e1", "e2", "e3")] == [False, True, True]


def test_a_listener_may_be_there_before_the_service(servers: Servers) -> None:
    queue = unique("queue")
    heard: list[str] = []
    with fresh(servers) as stage, Client(stage.broker_url) as client, connect(stage.broker_url) as connection:

        def hear(event: Event) -> None:
            heard.append(event.type)
            client.stop()

        early = threading.Thread(target=client.events, args=(queue, "#"), kwargs={"on_event": hear})
        early.start()
        wait_for(lambda: has_queue(stage.broker_url, queue))
        channel = connection.channel()
        channel.exchange_declare(EVENTS, "topic", durable=True)
        properties = pika.BasicProperties(type="command.completed", message_id="1", headers={"status": 200})

        def is_heard() -> bool:
            channel.basic_publish(EVENTS, "command.completed", b"{}", properties)
            return bool(heard)

        wait_for(is_heard)
        early.join()
    assert heard == ["command.completed"]


def has_queue(broker_url: str, queue: str) -> bool:
    with connect(broker_url) as connection:
        try:
            connection.channel().queue_declare(queue, passive=True)
        except ChannelClosedByBroker:
            return False
    return True
