"""Two relays at one outbox: each event leaves, those of a key leave in order, a repeat is the same event."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from left_to_relay import an_event
from outside.listener import Listener
from outside.numbered import assert_repeats_are_identical
from outside.processes import ended
from outside.stage import Stage
from outside.wire import unique

from worker import relay
from worker.publisher import Publisher
from worker.store import database, outbox

STOPPING_RELAY = Path(__file__).with_name("stopping_relay.py")
ALL = range(outbox.PARTITIONS)


@pytest.fixture
def events(stage: Stage) -> Iterator[Listener]:
    """Listen without a worker, which would relay as well."""
    with Listener(stage.broker_url) as events:
        yield events


@contextmanager
def an_engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    try:
        yield engine
    finally:
        engine.dispose()


def write(stage: Stage, keys: list[str], numbers: range) -> None:
    """Write one event per key and number, a transaction per number."""
    with an_engine(stage) as engine:
        for number in numbers:
            with database.transaction(engine) as tx:
                outbox.append(tx, [an_event(key, number) for key in keys])


def relay_until(stage: Stage, is_over: threading.Event) -> None:
    """Relay again and again; once more after the end."""
    with an_engine(stage) as engine, closing(Publisher(stage.broker_url, "tests")) as publisher:
        was_over = False
        while not was_over:
            was_over = is_over.is_set()
            relay.relay(engine, publisher, ALL)


def numbers_by_key(events: Listener) -> dict[str, list[int | None]]:
    return {key: [event.version for event in said] for key, said in events.by_key().items()}


def test_two_relays_beside_a_writer_say_everything_once_and_in_order(stage: Stage, events: Listener) -> None:
    keys, is_written = [unique("key") for _ in range(30)], threading.Event()
    relays = [threading.Thread(target=relay_until, args=(stage, is_written)) for _ in range(2)]
    for thread in relays:
        thread.start()
    write(stage, keys, range(60))
    is_written.set()
    for thread in relays:
        thread.join()
    with an_engine(stage) as engine, closing(Publisher(stage.broker_url, "tests")) as publisher:
        relay.relay(engine, publisher, ALL)
    events.until_heard(1800)
    assert numbers_by_key(events) == {key: list(range(60)) for key in keys}
    assert len(events.heard) == 1800


def test_a_relay_killed_between_confirm_and_mark_costs_repeats_and_nothing_else(
    stage: Stage, events: Listener
) -> None:
    keys = [unique("key") for _ in range(40)]
    write(stage, keys, range(40))
    with (
        a_stopped_relay(stage) as (stopped, confirmed),
        an_engine(stage) as engine,
        closing(Publisher(stage.broker_url, "tests")) as publisher,
    ):
        assert 0 < confirmed < 1600
        write(stage, keys, range(40, 50))
        assert relay.relay(engine, publisher, ALL) == 0, "the stopped relay holds its partitions"
        stopped.kill()
        stopped.wait()
        assert events.until(lambda: relay.relay(engine, publisher, ALL) == 0 and nothing_is_pending(stage))
    events.until_heard(2000)
    assert events.until(lambda: len(events.heard) == 2000 + confirmed)
    assert numbers_by_key(events) == {key: list(range(50)) for key in keys}
    assert assert_repeats_are_identical(events) == confirmed


@contextmanager
def a_stopped_relay(stage: Stage) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Have another process stand still between confirm and mark; also give the number of events confirmed."""
    stopped = subprocess.Popen(
        [sys.executable, STOPPING_RELAY, stage.database_url, stage.broker_url],
        stdout=subprocess.PIPE,
        text=True,
    )
    with ended(stopped):
        assert stopped.stdout is not None
        yield stopped, int(stopped.stdout.readline())


def nothing_is_pending(stage: Stage) -> bool:
    return stage.rows("select count(*) from outbox where published_at is null") == [(0,)]
