"""Queues that are there already with other arguments: used as they are, unless that would cost the order."""

from collections.abc import Iterator

import pytest
from kombu import Connection
from outside.connecting import connect
from outside.stage import Stage
from outside.wire import unique
from structlog.testing import capture_logs

from worker import topology

# As the release before this one declared each of its eight; kept as literals.
EARLIER: dict[str, object] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-delivery-limit": 50,
    "x-dead-letter-exchange": "basket.commands.dead",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}
NAMES = [f"basket.commands.{number:02d}" for number in range(8)]


@pytest.fixture
def channel(stage: Stage) -> Iterator[object]:
    with Connection(stage.broker_url) as connection:
        yield connection.default_channel
    with connect(stage.broker_url) as connection:
        for name in ("basket.commands.dead", *NAMES):
            connection.channel().queue_delete(name)


def declared_before(stage: Stage, **others: object) -> None:
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.queue_declare("basket.commands.dead", durable=True, arguments={"x-queue-type": "quorum"})
        for name in NAMES:
            channel.queue_declare(name, durable=True, arguments=EARLIER | others)


def test_what_this_release_declares_it_finds_again_without_a_word(channel: object) -> None:
    with capture_logs() as logged:
        topology.declare(channel)
        topology.declare(channel)
    assert logged == []


def test_queues_of_the_release_before_are_used_and_one_line_says_what_differs(
    stage: Stage, channel: object
) -> None:
    declared_before(stage)
    with capture_logs() as logged:
        topology.declare(channel)
    (line,) = logged
    assert (line["event"], line["log_level"]) == ("queues.differ", "warning")
    bounds = "x-max-length is none and not 100000; x-max-length-bytes is none and not 1073741824"
    assert line["queues"] == {
        f"{bounds}; x-overflow is none and not reject-publish": ["basket.commands.dead"],
        bounds: NAMES,
    }
    assert "RUNBOOK" in line["see"]
    assert_takes_commands(stage)


def test_every_difference_is_named_that_does_not_cost_the_order(stage: Stage, channel: object) -> None:
    declared_before(stage, **{"x-max-length": 7, "x-delivery-limit": 20, "x-dead-letter-exchange": "other"})
    with capture_logs() as logged:
        topology.declare(channel)
    (said,) = [said for said, names in logged[0]["queues"].items() if names == NAMES]
    assert set(said.split("; ")) == {
        "x-max-length is 7 and not 100000",
        "x-max-length-bytes is none and not 1073741824",
        "x-delivery-limit is 20 and not 50",
        "x-dead-letter-exchange is other and not basket.commands.dead",
    }


@pytest.mark.parametrize(
    ("others", "name"),
    [
        ({"x-single-active-consumer": False}, "x-single-active-consumer"),
        (
            {"x-queue-type": "classic", "x-delivery-limit": None, "x-dead-letter-strategy": None},
            "x-queue-type",
        ),
    ],
)
def test_a_queue_that_would_cost_the_order_is_refused_by_name(
    stage: Stage, channel: object, others: dict[str, object], name: str
) -> None:
    with connect(stage.broker_url) as connection:
        arguments = {key: value for key, value in (EARLIER | others).items() if value is not None}
        connection.channel().queue_declare(NAMES[3], durable=True, arguments=arguments)
    with pytest.raises(topology.TopologyError, match=rf"basket\.commands\.03 cannot be used: .*{name}"):
        topology.declare(channel)


def assert_takes_commands(stage: Stage) -> None:
    """Publish as anybody does; it arrives in one of the eight."""
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("basket.commands", unique("key"), b"{}", mandatory=True)
        counts = [channel.queue_declare(name, passive=True).method.message_count for name in NAMES]
    assert sum(counts) == 1
