"""`basketry doctor` about RabbitMQ: each thing is made wrong for real, and found; and nothing is changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pika
import pytest
from outside.connecting import connect
from outside.operator import NOWHERE, broker_examined, examined, settings
from outside.processes import wait_for
from outside.stage import Management, Stage, fresh
from outside.wire import unique
from pika.exceptions import ChannelClosedByBroker

from contracts import topology
from worker.local.servers import Servers
from worker.operating import checks_broker, probe
from worker.operating.findings import Finding, Verdict

FIRST, SECOND = (queue.name for queue in topology.COMMAND_QUEUES[:2])


@pytest.fixture
def stage(servers: Servers) -> Iterator[Stage]:
    with fresh(servers) as stage:
        yield stage


def declare(stage: Stage, *, but: tuple[str, ...] = ()) -> None:
    """Declare what a worker declares, without some queues."""
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        for exchange in topology.EXCHANGES:
            channel.exchange_declare(exchange.name, exchange.type, durable=True)
        for queue in topology.QUEUES:
            if queue.name not in but:
                channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)


def declare_otherwise(stage: Stage, name: str, **arguments: object) -> None:
    with connect(stage.broker_url) as connection:
        connection.channel().queue_declare(name, durable=True, arguments=arguments)


def depth(stage: Stage, name: str) -> int | None:
    with connect(stage.broker_url) as connection:
        try:
            return int(connection.channel().queue_declare(name, passive=True).method.message_count)
        except ChannelClosedByBroker:
            return None


@contextmanager
def user(stage: Stage, configure: str, write: str, read: str) -> Iterator[str]:
    """Have a user with these permissions; give its URL."""
    management = Management.of(stage.servers)
    if management is None:
        pytest.skip("the broker is not ours to add users to")
    name, password = unique("user"), "of-the-tests"
    management.call("PUT", f"users/{name}", {"password": password, "tags": ""})
    permissions = {"configure": configure, "write": write, "read": read}
    management.call("PUT", f"permissions/{stage.vhost}/{name}", permissions)
    address = urlsplit(stage.broker_url)
    try:
        yield address._replace(netloc=f"{name}:{password}@{address.hostname}:{address.port}").geturl()
    finally:
        management.call("DELETE", f"users/{name}")


def test_a_broker_without_workers_is_well_but_for_them(stage: Stage) -> None:
    declare(stage)
    found = broker_examined(stage)
    wrong = {name for name, finding in found.items() if finding.verdict is not Verdict.OK}
    assert wrong == {"database", "consumers"}
    assert f"nobody consumes {FIRST}" in found["consumers"].what


def test_what_is_missing_is_named_and_not_created(stage: Stage) -> None:
    declare(stage, but=(SECOND,))
    found = broker_examined(stage)
    assert (found["topology"].verdict, found["topology"].what) == (Verdict.WRONG, f"missing: {SECOND}")
    assert depth(stage, SECOND) is None


def test_in_an_empty_vhost_everything_is_missing_and_stays_so(stage: Stage) -> None:
    found = broker_examined(stage)
    assert found["topology"].what.startswith("missing: basket.commands, basket.commands.by-hash")
    assert found["permissions"].verdict is Verdict.OK
    assert [depth(stage, queue.name) for queue in topology.QUEUES] == [None] * len(topology.QUEUES)


def test_a_queue_that_loses_the_order_is_wrong_and_one_without_a_limit_is_a_warning(stage: Stage) -> None:
    declare(stage, but=(FIRST, SECOND))
    ours = topology.COMMAND_QUEUES[0].arguments
    declare_otherwise(stage, SECOND, **{key: ours[key] for key in ours if key != "x-delivery-limit"})
    found = broker_examined(stage)["arguments"]
    assert (found.verdict, SECOND in found.what) == (Verdict.WARNING, True)
    assert "x-delivery-limit is none and not 50" in found.what
    declare_otherwise(stage, FIRST, **{**ours, "x-single-active-consumer": False})
    found = broker_examined(stage)["arguments"]
    assert found.verdict is Verdict.WRONG
    assert f"{FIRST} (x-single-active-consumer is false and not True)" in found.what


def test_every_difference_of_a_queue_is_named(stage: Stage) -> None:
    declare_otherwise(stage, FIRST, **{"x-queue-type": "quorum", "x-max-length": 5})
    with probe.Broker(settings(stage), "tests") as broker:
        differences = broker.differences(topology.COMMAND_QUEUES[0])
    assert set(differences) == {"x-max-length", *topology.COMMAND_QUEUES[0].arguments} - {"x-queue-type"}


def test_an_exchange_of_another_type_is_wrong(stage: Stage) -> None:
    with connect(stage.broker_url) as connection:
        connection.channel().exchange_declare(topology.EVENTS, "fanout", durable=True)
    found = broker_examined(stage)["arguments"]
    assert found.verdict is Verdict.WRONG
    assert topology.EVENTS in found.what


def test_a_queue_without_single_active_consumer_loses_no_message_to_the_examination(stage: Stage) -> None:
    declare(stage, but=(FIRST,))
    declare_otherwise(stage, FIRST, **{"x-queue-type": "quorum"})
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", FIRST, b"a command")
    broker_examined(stage)
    with connect(stage.broker_url) as connection:
        method, _, body = connection.channel().basic_get(FIRST)
    assert body == b"a command"
    assert method.redelivered is False, "nobody has had it in the hand"


def test_a_user_that_may_not_publish_events_is_wrong_and_nothing_arrives_by_trying(stage: Stage) -> None:
    declare(stage)
    with connect(stage.broker_url) as listening:
        channel = listening.channel()
        heard = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(heard, topology.EVENTS, "#")
        with user(stage, r"basket\..*|amq\.topic", r"basket\.commands.*|amq\.default", ".*") as url:
            found = broker_examined(stage, BASKETRY_BROKER_URL=url)["permissions"]
        broker_examined(stage)
        assert channel.queue_declare(heard, passive=True).method.message_count == 0
    assert found.verdict is Verdict.WRONG
    assert found.what.endswith(f"may not publish to {topology.EVENTS}")
    assert [depth(stage, queue.name) for queue in topology.QUEUES] == [0] * len(topology.QUEUES)


def test_a_user_with_the_permissions_of_a_worker_is_well(stage: Stage) -> None:
    declare(stage)
    ours = r"^(basket\.commands(\..+)?|basket\.events)$"
    with user(stage, ours, rf"{ours}|^amq\.default$", r"^basket\.commands(\..+)?$") as url:
        found = broker_examined(stage, BASKETRY_BROKER_URL=url)
    wrong = {name for name, finding in found.items() if finding.verdict is not Verdict.OK}
    assert wrong == {"database", "consumers"}
    assert found["plugin"].what == "x-modulus-hash exchanges are known"
    assert found["permissions"].what.endswith("may do a worker's work")


def test_a_user_that_may_not_consume_a_queue_is_told_so(stage: Stage) -> None:
    declare(stage)
    with user(stage, ".*", ".*", r"basket\.commands\.0[1-7]") as url:
        found = broker_examined(stage, BASKETRY_BROKER_URL=url)["permissions"]
    assert (found.verdict, found.what.endswith(f"may not consume {FIRST}")) == (Verdict.WRONG, True)


def test_a_user_that_may_not_declare_cannot_compare_arguments_and_is_told_so(stage: Stage) -> None:
    declare(stage)
    with user(stage, "", ".*", ".*") as url:
        found = broker_examined(stage, BASKETRY_BROKER_URL=url)
    assert found["permissions"].verdict is Verdict.WRONG
    assert f"declare {FIRST}" in found["permissions"].what
    assert "could not be compared" in found["arguments"].what


def test_a_user_that_may_nothing_is_no_workers_and_a_warning(stage: Stage) -> None:
    declare(stage)
    with user(stage, "", "", "") as url:
        found = broker_examined(stage, BASKETRY_BROKER_URL=url)
    assert (found["permissions"].verdict, "no worker's user" in found["permissions"].what) == (
        Verdict.WARNING,
        True,
    )
    assert found["alarm"].verdict is Verdict.OK, "who may publish nothing is not told; it is no alarm"
    assert found["topology"].verdict is Verdict.OK


def test_a_broker_at_a_closed_port_a_wrong_password_and_no_vhost_are_told_apart(stage: Stage) -> None:
    address = urlsplit(stage.broker_url)
    mistaken = address._replace(netloc=f"basketry:mistaken@{address.hostname}:{address.port}")
    for url, said in (
        (NOWHERE["BASKETRY_BROKER_URL"], "nobody at 127.0.0.1:1, vhost /: Connection refused"),
        (mistaken.geturl(), "ACCESS_REFUSED"),
        (address._replace(path="/nowhere").geturl(), "vhost nowhere not found"),
    ):
        found = broker_examined(stage, BASKETRY_BROKER_URL=url)
        assert found["broker"].verdict is Verdict.WRONG
        assert said in found["broker"].what
        assert "mistaken" not in str(found)
        assert "hush" not in str(found)
        assert "topology" not in found


def test_a_plugin_that_is_not_there_is_wrong(stage: Stage) -> None:
    with probe.Broker(settings(stage), "tests") as broker:
        assert checks_broker.exchange_type(broker, "x-consistent-hash").verdict is Verdict.OK
        found = checks_broker.exchange_type(broker, "x-of-no-plugin")
    assert (found.verdict, "x-of-no-plugin" in found.what) == (Verdict.WRONG, True)


def test_what_lies_in_the_dead_queue_is_a_warning(stage: Stage) -> None:
    declare(stage)
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", topology.DEAD, b"", pika.BasicProperties())
    found = broker_examined(stage)["dead queue"]
    assert (found.verdict, found.what) == (Verdict.WARNING, f"messages in {topology.DEAD}: 1")


def test_queues_are_asked_for_as_the_database_counts_them(stage: Stage) -> None:
    declare(stage)
    stage.rows("update partitioning set partitions = 9")
    assert examined(stage)["topology"].verdict is Verdict.WRONG


@pytest.mark.slow
def test_a_broker_in_alarm_is_wrong_and_the_rest_is_said(stage: Stage) -> None:
    rabbitmq = stage.servers.rabbitmq
    if rabbitmq is None:
        pytest.skip("the broker is not ours to disturb")
    declare(stage)
    rabbitmq.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
    try:
        looks = [broker_examined(stage)]
        # The same look is asked about the rest: the broker may tell another one too late.
        wait_for(lambda: is_in_alarm(looks[-1]) or looks.append(broker_examined(stage)))
        found = looks[-1]
        assert "permissions" not in found
        assert found["dead queue"].verdict is Verdict.OK
    finally:
        rabbitmq.rabbitmqctl("set_vm_memory_high_watermark", "0.4")
    wait_for(lambda: broker_examined(stage)["alarm"].verdict is Verdict.OK)


def is_in_alarm(found: dict[str, Finding]) -> bool:
    return "alarm" in found and found["alarm"].verdict is Verdict.WRONG
