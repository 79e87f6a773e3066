"""What an operator sees while the database or the broker is away: alive, not ready, and why."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from outside.connecting import connect
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import numbered, numbered_command
from outside.processes import Process, scheduling, wait_for, working
from outside.scraping import Pages
from outside.stage import Stage
from outside.wire import unique

from tests.scheduler.door import Door
from worker.local import ports

pytestmark = pytest.mark.faults

READY_WITHIN_SECONDS = 30.0
LONGEST_SCRAPE_SECONDS = 2.0
SLOW = """
create function slow() returns trigger language plpgsql as $$
begin
    perform pg_sleep(4);
    return new;
end $$;
create trigger slow before update on basket for each row execute function slow();
"""
COMMAND_QUEUES = [f"basket.commands.{number:02d}" for number in range(8)]


@pytest.fixture
def seen() -> Pages:
    return Pages(port=ports.choose())


@pytest.fixture
def seen_scheduler() -> Pages:
    return Pages(port=ports.choose())


@contextmanager
def behind_a_door(stage: Stage) -> Iterator[tuple[Door, str]]:
    """Give a door to the broker, and the broker's URL behind it."""
    broker = urlsplit(stage.broker_url)
    user, _, _ = broker.netloc.rpartition("@")
    with Door(broker.hostname or "", broker.port or 0) as door:
        yield door, broker._replace(netloc=f"{user}@127.0.0.1:{door.port}").geturl()


def has_reason(pages: Pages, part: str) -> bool:
    return any(part in reason for reason in pages.reasons)


def test_a_stopped_database_makes_nobody_ready_and_leaves_all_alive(
    stage: Stage, folder: Path, seen: Pages, seen_scheduler: Pages
) -> None:
    postgres = stage.servers.postgres
    if postgres is None:
        pytest.skip("the server is not ours to stop")
    (part,) = numbered(10, 5)
    with (
        working(stage, "worker", folder, BASKETRY_OPS_LISTEN=seen.listen),
        scheduling(stage, "scheduler", folder, BASKETRY_OPS_LISTEN=seen_scheduler.listen),
        Listener(stage.broker_url) as events,
    ):
        wait_for(lambda: seen.is_ready and seen_scheduler.is_ready)
        postgres.stop()
        try:
            publish(stage.broker_url, part)
            wait_for(lambda: has_reason(seen, "held for"))
            wait_for(lambda: has_reason(seen_scheduler, "tick failed"))
            assert seen.asked("/readyz")[0] == seen_scheduler.asked("/readyz")[0] == 503
            assert seen.asked("/livez") == seen_scheduler.asked("/livez") == (200, {"alive": True})
            wait_for(lambda: seen.value("basketry_database_up") == 0)
            wait_for(lambda: seen.value("basketry_held_seconds") > 3)
            wait_for(lambda: seen.value("basketry_oldest_waiting_seconds") > 3)
            started_at = time.monotonic()
            assert seen.value("basketry_outbox_oldest_pending_seconds") >= 0, "as it was seen last"
            assert time.monotonic() - started_at < LONGEST_SCRAPE_SECONDS
            assert seen.value("basketry_consuming") == 1
        finally:
            postgres.start()
            postgres.wait_ready(READY_WITHIN_SECONDS)
        wait_for(lambda: seen.is_ready and seen_scheduler.is_ready)
        events.until_heard(50)
        wait_for(lambda: seen.value("basketry_oldest_waiting_seconds") == 0)
        assert seen.value("basketry_held_seconds") == 0
        wait_for(lambda: seen.value("basketry_database_up") == 1)


def test_a_worker_whose_broker_is_gone_is_alive_and_not_ready_until_it_consumes_again(
    stage: Stage, folder: Path, seen: Pages
) -> None:
    with behind_a_door(stage) as (door, broker_url):
        door.open()
        environment = {"BASKETRY_OPS_LISTEN": seen.listen, "BASKETRY_BROKER_URL": broker_url}
        with working(stage, "worker", folder, **environment) as worker:
            wait_for(lambda: seen.is_ready)
            door.shut()
            wait_for(lambda: has_reason(seen, "The broker cannot be reached."))
            assert (seen.value("basketry_consuming"), seen.value("basketry_broker_connected")) == (0, 0)
            assert seen.asked("/livez")[0] == 200
            door.open()
            wait_for(lambda: seen.is_ready)
            assert (seen.value("basketry_consuming"), seen.value("basketry_broker_connected")) == (1, 1)
            assert worker.is_alive


def test_a_scheduler_without_a_broker_is_ready(stage: Stage, folder: Path, seen: Pages) -> None:
    an_event_waits(stage)
    with behind_a_door(stage) as (_, nowhere):
        environment = {"BASKETRY_OPS_LISTEN": seen.listen, "BASKETRY_BROKER_URL": nowhere}
        with scheduling(stage, "scheduler", folder, **environment):
            wait_for(lambda: seen.is_ready)
            wait_for(lambda: seen.value("basketry_sweep_postponed_total") >= 3)
            wait_for(lambda: seen.value("basketry_outbox_oldest_pending_seconds") >= 3)
            assert seen.asked("/readyz") == (200, {"ready": True}), "it places orders all the same"


def test_a_worker_that_was_asked_to_stop_is_not_ready_while_it_ends_its_batch(
    stage: Stage, folder: Path, seen: Pages
) -> None:
    with (
        working(stage, "worker", folder, BASKETRY_OPS_LISTEN=seen.listen) as worker,
        Listener(stage.broker_url) as events,
    ):
        basket = unique("basket")
        publish(stage.broker_url, [numbered_command(basket, 0)])
        events.until_heard(1)
        wait_for(lambda: seen.is_ready)
        stage.rows(SLOW)
        publish(stage.broker_url, [numbered_command(basket, 1)])
        wait_for(lambda: is_sleeping(stage))
        asked_to_stop(worker)
        wait_for(lambda: has_reason(seen, "The process is stopping."))
        assert seen.asked("/livez")[0] == 200
        events.until_heard(2)
        wait_for(lambda: not worker.is_alive)
        stage.rows("drop trigger slow on basket; drop function slow")


def an_event_waits(stage: Stage) -> None:
    stage.rows(
        """insert into outbox (event_id, channel, key, partition, type, headers, body)
           values (gen_random_uuid(), 'c', 'k', 1, 'basket.expired', '{}', '')"""
    )


def is_sleeping(stage: Stage) -> bool:
    return bool(stage.rows("select 1 from pg_stat_activity where wait_event = 'PgSleep'"))


def asked_to_stop(process: Process) -> None:
    process._popen.terminate()


def test_a_broker_in_alarm_is_seen_and_its_end_too(stage: Stage, folder: Path, seen: Pages) -> None:
    rabbitmq = stage.servers.rabbitmq
    if rabbitmq is None:
        pytest.skip("the broker is not ours to disturb")

    def is_blocked() -> bool:
        return seen.value("basketry_publisher_blocked", publisher="sweeper") == 1

    with scheduling(stage, "scheduler", folder, BASKETRY_OPS_LISTEN=seen.listen):
        rabbitmq.rabbitmqctl("set_vm_memory_high_watermark", "0")
        try:
            an_event_waits(stage)
            wait_for(is_blocked)
            assert seen.is_ready, "orders need the database alone"
        finally:
            rabbitmq.rabbitmqctl("set_vm_memory_high_watermark", "0.4")
        an_event_waits(stage)
        wait_for(lambda: not is_blocked())
        wait_for(lambda: seen.value("basketry_outbox_oldest_pending_seconds") == 0)


def test_messages_that_come_back_again_and_again_are_counted(stage: Stage, folder: Path, seen: Pages) -> None:
    basket = unique("basket")
    with working(stage, "worker", folder):
        pass  # it declares the queues
    publish(stage.broker_url, [numbered_command(basket, 0)])
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=1)
        returned = []

        def send_back(_channel: object, method: Any, *_: object) -> None:
            returned.append(method.delivery_tag)
            channel.basic_reject(method.delivery_tag)

        for queue in COMMAND_QUEUES:
            channel.basic_consume(queue, send_back)
        wait_for(lambda: connection.process_data_events(time_limit=0.1) or len(returned) >= 21)
    with (
        Listener(stage.broker_url) as events,
        working(stage, "worker", folder, BASKETRY_OPS_LISTEN=seen.listen),
    ):
        events.until_heard(1)
        assert seen.value("basketry_deliveries_returned_often_total") == 1


def test_workers_that_stand_in_for_one_that_is_away_show_its_queues_as_guests(
    stage: Stage, folder: Path, seen: Pages
) -> None:
    def held(kind: str) -> float:
        return seen.value("basketry_queues_held", kind=kind)

    with working(stage, "first", folder, BASKETRY_OPS_LISTEN=seen.listen, BASKETRY_SLOT="0/2"):
        wait_for(lambda: (held("home"), held("guest")) == (4, 4))
        with working(stage, "second", folder, BASKETRY_SLOT="1/2") as second:
            wait_for(lambda: (held("home"), held("guest")) == (4, 0))
            second.kill()
            wait_for(lambda: (held("home"), held("guest")) == (4, 4))
