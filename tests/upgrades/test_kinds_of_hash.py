"""By which hash commands are distributed: a new house has the one that outlives a restart of the broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import working
from outside.stage import Management, Stage, fresh

from contracts import topology as contract
from worker import topology
from worker.local.servers import Servers
from worker.store import database, partitioning, schema

READY_WITHIN_SECONDS = 60.0


@pytest.fixture
def stage(servers: Servers) -> Iterator[Stage]:
    with fresh(servers) as stage:
        yield stage


@pytest.fixture
def engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    yield engine
    engine.dispose()


def ways_in(stage: Stage) -> set[str]:
    management = Management.of(stage.servers)
    if management is None:
        pytest.skip("the server is not ours to ask")
    led = management.call("GET", f"exchanges/{stage.vhost}/basket.commands/bindings/source")
    return {binding["destination"] for binding in led}


def declared(stage: Stage, engine: database.Engine) -> str | None:
    with Connection(stage.broker_url) as connection:
        topology.declare_current(engine, connection, connection.default_channel)
    with database.transaction(engine) as tx:
        return partitioning.read(tx).hash_


def test_a_new_house_takes_the_hash_that_outlives_a_restart(stage: Stage, engine: database.Engine) -> None:
    assert declared(stage, engine) == "x-modulus-hash"
    assert ways_in(stage) == {"basket.commands.by-hash"}


def test_a_house_keeps_the_hash_that_it_began_with(stage: Stage, engine: database.Engine) -> None:
    with database.transaction(engine) as tx:
        assert partitioning.decide(tx, "x-consistent-hash")
        assert not partitioning.decide(tx, "x-modulus-hash")
    assert declared(stage, engine) == "x-consistent-hash"
    assert ways_in(stage) == {"basket.commands.by-key"}


def test_a_new_database_before_a_broker_in_use_keeps_the_way_of_what_waits_there(
    stage: Stage, engine: database.Engine
) -> None:
    with Connection(stage.broker_url) as connection:
        topology.declare(connection.default_channel, 8, "x-consistent-hash")
    assert declared(stage, engine) == "x-consistent-hash"
    assert ways_in(stage) == {"basket.commands.by-key"}


def test_a_way_that_an_earlier_release_has_opened_again_is_closed(
    stage: Stage, engine: database.Engine
) -> None:
    assert declared(stage, engine) == "x-modulus-hash"
    with Connection(stage.broker_url) as connection:
        topology.declare(connection.default_channel, 8, "x-consistent-hash")
    assert declared(stage, engine) == "x-modulus-hash"
    assert ways_in(stage) == {"basket.commands.by-hash"}


def test_a_broker_that_does_not_know_a_type_says_so_on_a_connection_of_its_own(stage: Stage) -> None:
    with Connection(stage.broker_url) as connection:
        channel = connection.default_channel
        assert not topology.can_have(connection, contract.Exchange("basket.commands.odd", "x-odd-hash"))
        assert topology.can_have(connection, contract.hash_exchange(8))
        channel.exchange_declare("basket.events", "topic", durable=True)  # the connection lives


@pytest.mark.parametrize(("is_in_use", "hash_"), [(True, "x-consistent-hash"), (False, None)])
def test_a_house_in_use_is_not_led_another_way_by_a_migration(
    stage: Stage, engine: database.Engine, is_in_use: bool, hash_: str | None
) -> None:
    schema.migrate(stage.database_url, "base")
    schema.migrate(stage.database_url, "0006")
    if is_in_use:
        stage.rows(
            "insert into inbox (channel, key, message_id, body_hash, event_id)"
            " values ('c', 'k', 'm', '', gen_random_uuid())"
        )
    schema.migrate(stage.database_url)
    with database.transaction(engine) as tx:
        assert partitioning.read(tx).hash_ == hash_


@pytest.mark.slow
def test_a_key_has_the_same_queue_after_restarts_of_the_broker(stage: Stage, folder: Path) -> None:
    """Half of the commands wait in their queues over a restart, and half come after it."""
    rabbitmq = stage.servers.rabbitmq
    if rabbitmq is None:
        pytest.skip("the server is not ours to stop")
    with working(stage, "declares", folder):
        pass
    parts = [numbered(40, 20)[0] for _ in range(2)]
    for part in parts:
        publish(stage.broker_url, part[:400])
        rabbitmq.stop()
        rabbitmq.start()
        rabbitmq.wait_ready(READY_WITHIN_SECONDS)
        publish(stage.broker_url, part[400:])
    with Listener(stage.broker_url) as events, working(stage, "handles", folder):
        events.until_heard(1600, seconds=60)
        assert_each_once_and_in_order(events, stage, parts)
