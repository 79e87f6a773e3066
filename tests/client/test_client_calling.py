"""Calling with the client: the answer, or that there is none, whatever breaks on the way."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from acting import Service
from gate import Gate
from outside.claims import token
from outside.listener import Listener
from outside.processes import WorkerProcess, wait_for
from outside.stage import Stage
from outside.wire import unique

from contracts.client import Client, NoAnswer, NotPublished

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_call_is_answered(stage: Stage, worker: WorkerProcess) -> None:
    basket = unique("basket")
    with Client(stage.broker_url, token=token()) as client:
        answer = client.call("basket.create", basket, {"purchaseCurrency": "USD"}, traceparent=TRACE)
    assert (answer.type, answer.status, answer.error_key) == ("command.completed", 201, None)
    assert (answer.key, answer.channel, answer.version) == (basket, "default", 1)
    assert answer.headers["traceparent"] == TRACE
    assert answer.json()["id"] == basket
    assert answer.errors == ()


def test_a_refusal_is_an_answer_and_lists_what_is_wrong(stage: Stage, worker: WorkerProcess) -> None:
    with Client(stage.broker_url, token=token()) as client:
        basket = unique("basket")
        client.call("basket.create", basket)
        answer = client.call("basket.update", basket, {"department": 7, "colour": "red"}, expected_version=1)
        other = client.call("basket.update", basket, {"department": "Sales"}, expected_version=7)
    assert (answer.type, answer.status) == ("command.rejected", 400)
    assert [(problem.code, problem.path) for problem in answer.errors] == [
        ("command.malformed.error", "$.department"),
        ("command.unknown_field.error", "$.colour"),
    ]
    assert (other.status, other.error_key) == (412, "basket.version_conflict.error")


def test_the_token_is_asked_for_with_each_command(stage: Stage, worker: WorkerProcess) -> None:
    users = iter(["patricia", "paul"])
    basket = unique("basket")
    with Client(stage.broker_url, token=lambda: token(next(users))) as client:
        statuses = [client.call("basket.create", basket).status for _ in range(2)]
    assert statuses == [201, 403]


def test_the_caller_s_own_correlation_id_comes_back(stage: Stage, worker: WorkerProcess) -> None:
    with Client(stage.broker_url, token=token()) as client:
        answers = [client.call("basket.create", unique("b"), correlation_id="mine") for _ in range(3)]
    assert {answer.correlation_id for answer in answers} == {"mine"}
    assert len({answer.causation_id for answer in answers}) == 3


def test_a_message_without_a_usable_key_is_answered_too(stage: Stage, worker: WorkerProcess) -> None:
    with Client(stage.broker_url, token=token()) as client:
        assert client.call("basket.create", "").error_key == "basket.basket_id_required.error"


def test_nobody_answers(empty: Stage) -> None:
    with (
        Service(empty.broker_url),
        Client(empty.broker_url) as client,
        pytest.raises(NoAnswer, match=r"basket\.get of 'mine' was not answered within 1\.5 s") as no,
    ):
        client.call("basket.get", "mine", message_id="m1", timeout_seconds=1.5)  # it has to connect first
    assert no.value.message_id == "m1"


def test_nobody_takes_the_command(empty: Stage) -> None:
    with Client(empty.broker_url) as client, pytest.raises(NoAnswer, match="was not published") as no:
        client.call("basket.get", "mine", timeout_seconds=0.2)
    assert isinstance(no.value.__cause__, NotPublished)


def test_a_late_answer_is_not_taken_for_another(empty: Stage) -> None:
    with Service(empty.broker_url) as service, Client(empty.broker_url) as client:
        with pytest.raises(NoAnswer):
            client.call("basket.get", "mine", correlation_id="one for all", timeout_seconds=1.5)
        late = service.take()
        with ThreadPoolExecutor(max_workers=1) as thread:
            called = thread.submit(client.call, "basket.get", "mine", correlation_id="one for all")
            asked = service.take()
            service.answer(late, version=1)
            service.answer(asked, version=2)
            assert called.result().version == 2


def test_a_connection_that_breaks_while_waiting_asks_again_under_the_same_id(empty: Stage) -> None:
    with (
        Service(empty.broker_url) as service,
        Gate(empty.broker_url) as gate,
        Client(gate.url) as client,
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        called = thread.submit(client.call, "basket.get", "mine")
        first = service.take()
        gate.cut()
        second = service.take()
        service.answer(first, version=1)
        service.answer(second, version=2)
        assert called.result().version == 2
    sent_as = [
        (taken.properties.message_id, taken.properties.timestamp, taken.body) for taken in (first, second)
    ]
    assert sent_as[0] == sent_as[1]


def test_a_worker_that_takes_the_command_twice_answers_it_and_applies_it_once(
    gate: Gate, worker: WorkerProcess, events: Listener
) -> None:
    basket = unique("basket")
    with Client(gate.url, token=token()) as client, ThreadPoolExecutor(max_workers=1) as thread:
        client.call("basket.create", basket)
        before = gate.bytes_back
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            called = thread.submit(client.call, "basket.update", basket, {"department": "Sales"})
            wait_for(lambda: gate.bytes_back > before)  # it is confirmed
            gate.cut()
            wait_for(lambda: gate.bytes_back > before + 500)  # connected again
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        answer = called.result()
        last = client.call("basket.update", basket, {"department": "Service"})
    assert (answer.status, answer.version, last.version) == (200, 2, 3)
    assert events.until(lambda: last.causation_id in {event.causation_id for event in events.heard})
    assert [event.version for event in events.heard if event.key == basket] == [1, 2, 3]
