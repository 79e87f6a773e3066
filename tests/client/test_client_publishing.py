"""Publishing with the client: confirmed, and again under the same id until it is."""

import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from acting import COMMANDS, Service
from gate import Gate
from outside.claims import SERVICE, token
from outside.connecting import connect
from outside.in_vain import why_not
from outside.listener import Listener
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.wire import unique

from contracts import body, reference_data
from contracts.broker.words import Blocked, Nacked, Refused, Unreachable, Unroutable
from contracts.client import Client, NotPublished

# Run inside the node, since the management API's list of connections lags by seconds.
CLOSE = """
Named = fun(Pid) -> [{client_properties, Told}] = rabbit_networking:connection_info(Pid, [client_properties]),
    lists:member({<<"connection_name">>, longstr, <<"%s">>}, Told) end,
[rabbit_networking:close_connection(Pid, "by force") || Pid <- rabbit_networking:connections(), Named(Pid)].
"""
ALARM = "rabbit_alarm:set_alarm({{resource_limit, disk, node()}, []})."
NO_ALARM = "rabbit_alarm:clear_alarm({resource_limit, disk, node()})."


@pytest.fixture
def client(gate: Gate) -> Iterator[Client]:
    with Client(gate.url, token=token()) as client:
        yield client


def results(events: Listener, *message_ids: str) -> list[str]:
    """Wait until each has a result, and give the causes of all results heard, repeats included."""
    wanted = set(message_ids)
    assert events.until(lambda: wanted <= {str(event.causation_id) for event in events.heard})
    return [str(event.causation_id) for event in events.heard if event.causation_id in wanted]


def test_a_published_command_is_applied_under_the_id_that_was_given_back(
    client: Client, events: Listener
) -> None:
    sent = client.publish("basket.create", unique("basket"), correlation_id="mine")
    assert results(events, sent) == [sent]
    assert events.heard[-1].status == 201
    assert events.heard[-1].correlation_id == "mine"


def test_a_body_may_be_a_command_of_the_contract_or_a_dict_or_bytes(client: Client, events: Listener) -> None:
    price = body.Money(currency_mnemonic="USD", value=body.Number("9.90"))
    product = reference_data.ProductPut(name="A pen", price=price, tax_rate=body.Rate(19))
    as_dict = {"name": "A pen", "price": {"currencyMnemonic": "USD", "value": 9.9}, "taxRate": 19}
    as_bytes = b'{"name":"A pen","price":{"currencyMnemonic":"USD","value":9.90},"taxRate":19}'
    sku, service = unique("sku"), token("catalogue", **SERVICE)
    sent = [client.publish("product.put", sku, body, token=service) for body in (product, as_dict, as_bytes)]
    assert results(events, *sent) == sent
    assert [event.status for event in events.heard if event.key == sku] == [204, 204, 204]


def test_a_connection_closed_by_the_broker_between_two_publishes_heals(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    if stage.servers.rabbitmq is None:
        pytest.skip("the broker is not ours to disturb")
    name = unique("client")
    with Client(stage.broker_url, token=token(), name=name) as client:
        first = client.publish("basket.create", unique("basket"))
        stage.servers.rabbitmq.rabbitmqctl("eval", CLOSE % name)
        second = client.publish("basket.create", unique("basket"))
    assert results(events, first, second) == [first, second]


def test_a_connection_that_is_cut_again_and_again_doubles_nothing(
    client: Client, gate: Gate, events: Listener
) -> None:
    sent = []
    for _ in range(20):
        cutting = threading.Thread(target=gate.cut)
        cutting.start()
        sent.append(client.publish("basket.create", unique("basket")))
        cutting.join()
    last = client.publish("basket.create", unique("basket"))
    assert sorted(results(events, *sent, last)) == sorted([*sent, last])


def test_the_same_message_id_published_twice_is_one_command(client: Client, events: Listener) -> None:
    basket = unique("basket")
    sent = client.publish("basket.create", basket)
    assert client.publish("basket.create", basket, message_id=sent) == sent
    last = client.publish("basket.update", basket, {"department": "Sales"})
    assert results(events, sent, last) == [sent, last]


def test_a_client_made_before_the_broker_is_up_publishes_once_it_is(gate: Gate, events: Listener) -> None:
    gate.close()
    with Client(gate.url, token=token()) as client:
        opening = threading.Timer(0.5, gate.open)
        opening.start()
        sent = client.publish("basket.create", unique("basket"))
        opening.join()
    assert results(events, sent) == [sent]


def test_without_a_broker_it_says_so_at_the_deadline(gate: Gate) -> None:
    gate.close()
    began = time.monotonic()
    with (
        Client(gate.url) as client,
        pytest.raises(NotPublished, match=r"basket\.create of 'mine' was not published: no connection") as no,
    ):
        client.publish("basket.create", "mine", message_id="m1", timeout_seconds=0.4)
    assert 0.3 < time.monotonic() - began < 5  # without a deadline of its own it would be ten
    assert no.value.message_id == "m1"
    assert isinstance(no.value.__cause__, Unreachable)


def test_a_wrong_password_is_said_at_once(stage: Stage) -> None:
    user = urlsplit(stage.broker_url)
    wrong = user._replace(netloc=user.netloc.replace(f":{user.password}@", ":wrong@")).geturl()
    began = time.monotonic()
    with Client(wrong) as client, pytest.raises(NotPublished, match="ACCESS_REFUSED") as no:
        client.publish("basket.create", "mine")
    assert time.monotonic() - began < 5
    assert isinstance(no.value.__cause__, Refused)


def test_a_vhost_that_is_not_there_is_said_at_once(stage: Stage) -> None:
    if stage.servers.rabbitmq is None:
        pytest.skip("the broker is not ours")
    elsewhere = urlsplit(stage.broker_url)._replace(path="/nowhere").geturl()
    with Client(elsewhere) as client, pytest.raises(NotPublished, match="nowhere") as no:
        client.publish("basket.create", "mine")
    assert isinstance(no.value.__cause__, Refused)


def test_a_message_larger_than_the_broker_takes_is_refused_at_once(
    client: Client, stage: Stage, events: Listener
) -> None:
    with pytest.raises(NotPublished, match="larger than") as no:
        client.publish("basket.create", unique("basket"), b" " * 2_000_000)
    assert isinstance(no.value.__cause__, Refused)
    sent = client.publish("basket.create", unique("basket"))
    assert results(events, sent) == [sent]


def test_an_id_that_amqp_cannot_carry_is_refused_at_once(client: Client) -> None:
    with pytest.raises(NotPublished) as no:
        client.publish("basket.create", "mine", message_id="m" * 300)
    assert isinstance(no.value.__cause__, Refused)


def test_a_service_that_was_never_started_takes_nothing(empty: Stage) -> None:
    with connect(empty.broker_url) as connection:
        connection.channel().exchange_delete(COMMANDS)
    with Client(empty.broker_url) as client:

        def publish(seconds: float) -> None:
            client.publish("basket.create", "mine", timeout_seconds=seconds)

        assert "NOT_FOUND" in str(why_not(publish, seconds=1.5))
        with connect(empty.broker_url) as connection:
            connection.channel().exchange_declare(COMMANDS, "topic", durable=True)
        told = why_not(publish, seconds=1.5)
    assert "NO_ROUTE" in str(told)
    assert isinstance(told.__cause__, Unroutable)


def test_a_nacked_message_is_published_again_under_its_id(empty: Stage) -> None:
    full: dict[str, object] = {"x-max-length": 1, "x-overflow": "reject-publish"}
    with Service(empty.broker_url, **full) as service, Client(empty.broker_url) as client:
        client.publish("basket.create", "mine", message_id="m1")
        told = why_not(
            lambda seconds: client.publish("basket.create", "mine", message_id="m2", timeout_seconds=seconds),
            seconds=0.3,
        )
        assert isinstance(told.__cause__, Nacked)
        emptying = threading.Timer(0.3, service.take)
        emptying.start()
        assert client.publish("basket.create", "mine", message_id="m3") == "m3"
        emptying.join()
        assert service.take().properties.message_id == "m3"


@pytest.mark.slow
def test_a_network_that_swallows_a_message_is_left_for_another_connection(
    client: Client, gate: Gate, events: Listener
) -> None:
    client.publish("basket.create", unique("basket"))
    gate.hold()
    sent = client.publish("basket.create", unique("basket"))
    assert results(events, sent) == [sent]


@pytest.mark.slow
def test_a_broker_in_alarm_is_said_and_publishing_goes_on_afterwards(
    client: Client, stage: Stage, events: Listener
) -> None:
    rabbitmq = stage.servers.rabbitmq
    if rabbitmq is None:
        pytest.skip("the broker is not ours to disturb")
    client.publish("basket.create", unique("basket"))
    rabbitmq.rabbitmqctl("eval", ALARM)
    try:
        client.publish("basket.create", unique("basket"))  # a connection is blocked after its next message
        with pytest.raises(NotPublished) as no:
            client.publish("basket.create", unique("basket"), timeout_seconds=5.5)  # longer than one try
        assert isinstance(no.value.__cause__, Blocked)
    finally:
        rabbitmq.rabbitmqctl("eval", NO_ALARM)
    sent = client.publish("basket.create", unique("basket"))
    assert results(events, sent) == [sent]
