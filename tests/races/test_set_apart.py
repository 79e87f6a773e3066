"""A command that is set apart: what waits for it, what does not, and that acks cover nothing too much."""

from collections.abc import Callable, Iterator
from typing import Any

import amqp
import pytest
from kombu import Connection, Queue
from outside.processes import wait_for
from outside.stage import Stage
from outside.wire import unique

from worker.intake import Intake


class Bench:
    """A queue behind an exchange, and the intake of its only consumer."""

    def __init__(self, stage: Stage) -> None:
        self._kombus = Connection(stage.broker_url, transport="worker.plain_amqp:Transport")
        self.wire: Any = self._kombus.connection
        self._channel = self.wire.channel()
        self.name = unique("apart")
        self._channel.exchange_declare(self.name, "fanout", auto_delete=False)
        arguments = {"x-queue-type": "quorum", "x-single-active-consumer": True}
        self._channel.queue_declare(self.name, durable=True, auto_delete=False, arguments=arguments)
        self._channel.queue_bind(self.name, self.name)
        self.intake = self.subscribe()

    def subscribe(self) -> Intake:
        return Intake(self.wire, [Queue(self.name)], 100, is_dead=False)

    def publish(self, *keys: str, exchange: str | None = None) -> None:
        before = len(self.intake.unacked)
        for number, key in enumerate(keys, before + 1):
            message = amqp.Message(str(number).encode())
            if exchange == "":
                self._channel.basic_publish(message, exchange="", routing_key=self.name)
            else:
                self._channel.basic_publish(message, exchange=self.name, routing_key=key)
        self.until(lambda: len(self.intake.unacked) == before + len(keys))

    def until(self, is_so: Callable[[], bool]) -> None:
        wait_for(lambda: self.wire.read_one(0.05) or is_so())
        wait_for(lambda: (self.wire.read_one(0.01), is_so())[1])

    def taken(self) -> list[str]:
        return [delivery.body.decode() for delivery in self.intake.take(100)]

    def close(self) -> None:
        self.intake.close()
        self._channel.queue_delete(self.name)
        self._channel.exchange_delete(self.name)
        self.wire.close()
        self.wire.collect()

    def left(self) -> list[str]:
        """Give the intake back, and see what the broker still has."""
        self.intake.close()
        self.intake = self.subscribe()
        probe = unique("end")
        self._channel.basic_publish(amqp.Message(probe.encode()), exchange=self.name, routing_key="end")
        self.until(lambda: any(bytes(one.body) == probe.encode() for one in self.intake.unacked))
        return [bytes(one.body).decode() for one in self.intake.unacked][:-1]


@pytest.fixture
def bench(stage: Stage) -> Iterator[Bench]:
    made = Bench(stage)
    try:
        yield made
    finally:
        made.close()


def test_what_comes_for_the_same_key_waits_and_others_go_on(bench: Bench) -> None:
    bench.publish("a", "a", "b")
    assert bench.taken() == ["1", "2", "3"]
    bench.intake.acknowledge(0)
    tag = bench.intake.set_apart()
    bench.publish("a", "c")
    assert bench.taken() == ["3", "5"]
    bench.intake.acknowledge(2)
    assert bench.taken() == []
    bench.intake.settle(tag)
    assert bench.taken() == ["2", "4"]


def test_what_is_done_meanwhile_is_acked_and_nothing_else(bench: Bench) -> None:
    bench.publish("a", "a", "b", "c")
    assert len(bench.taken()) == 4
    bench.intake.acknowledge(0)
    bench.intake.set_apart()
    assert bench.taken() == ["3", "4"]
    bench.intake.acknowledge(1)
    assert bench.left() == ["1", "2", "4"]


def test_one_that_is_settled_is_acked_alone(bench: Bench) -> None:
    bench.publish("b", "a", "a", "c")
    assert len(bench.taken()) == 4
    bench.intake.acknowledge(1)
    bench.intake.settle(bench.intake.set_apart())
    assert bench.left() == ["3", "4"]


def test_afterwards_acks_cover_many_again_in_the_order_of_arrival(bench: Bench) -> None:
    bench.publish("a", "b", "a", "c")
    assert len(bench.taken()) == 4
    bench.intake.acknowledge(0)
    tag = bench.intake.set_apart()
    assert bench.taken() == ["2", "4"]
    bench.intake.acknowledge(0)  # they are offered again
    bench.intake.settle(tag)
    assert [delivery.body.decode() for delivery in bench.intake.take(1)] == ["2"]
    bench.intake.acknowledge(1)
    assert bench.left() == ["3", "4"]


def test_two_may_be_apart_at_once(bench: Bench) -> None:
    bench.publish("a", "b", "a", "b", "c")
    assert len(bench.taken()) == 5
    bench.intake.acknowledge(0)
    first = bench.intake.set_apart()
    assert bench.taken() == ["2", "4", "5"]
    bench.intake.acknowledge(0)
    second = bench.intake.set_apart()
    assert bench.taken() == ["5"]
    bench.intake.acknowledge(1)
    bench.intake.settle(second)
    assert bench.taken() == ["4"]
    bench.intake.acknowledge(1)
    bench.intake.settle(first)
    assert bench.taken() == ["3"]
    bench.intake.acknowledge(1)
    assert bench.left() == []


def test_a_question_about_the_queue_waits_for_all_that_is_apart(bench: Bench) -> None:
    bench.publish("a")
    assert bench.taken() == ["1"]
    bench.intake.acknowledge(0)
    tag = bench.intake.set_apart()
    bench.publish("", exchange="")
    bench.publish("b")
    assert bench.taken() == ["3"]
    bench.intake.acknowledge(1)
    bench.intake.settle(tag)
    assert bench.taken() == ["2"]


def test_what_was_apart_comes_back_in_order_when_it_is_given_back(bench: Bench) -> None:
    bench.publish("a", "b", "a", "c")
    assert len(bench.taken()) == 4
    bench.intake.acknowledge(0)
    bench.intake.set_apart()
    assert bench.taken() == ["2", "4"]
    before = bench.intake
    assert bench.left() == ["1", "2", "3", "4"]
    assert before.is_closed
