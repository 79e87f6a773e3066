"""A committed batch is counted: by known types, by outcomes, and by the time since it was published."""

import time
from typing import Any
from uuid import uuid4

import pytest
from outside.scraping import Samples, samples
from prometheus_client import CollectorRegistry, generate_latest

from contracts import events
from contracts.envelope import Delivery, Envelope, open_envelope
from worker.ops import commands
from worker.ops.commands import Committed, Outcome
from worker.store.outbox import Event


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in commands.COLLECTORS:
        registry.register(collector)
    return registry


class Difference:
    """What has come to the counts of this process since the test began."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._before = self._now()

    def __call__(self, name: str, **labels: str) -> float:
        sample = name, frozenset(labels.items())
        return self._now()[sample] - self._before[sample]

    def _now(self) -> Samples:
        return samples(generate_latest(self._registry).decode())


@pytest.fixture
def counted(registry: CollectorRegistry) -> Difference:
    return Difference(registry)


def opened(type_: str = "basket.create", headers: dict[str, Any] | None = None, **more: Any) -> Envelope:
    properties = {"type": type_, "message_id": f"m-{uuid4().hex}", **more}
    return open_envelope(Delivery(key="b", body=b"{}", properties=properties, headers=headers or {}), ())


def result(envelope: Envelope, type_: str = events.COMPLETED) -> Event:
    return Event(
        event_id=uuid4(),
        channel="default",
        key="b",
        type=type_,
        correlation_id=None,
        headers={"causation-id": envelope.message_id},
        body="",
    )


def test_commands_are_counted_by_type_and_outcome(counted: Difference) -> None:
    batch = [opened(), opened(), opened("basket.update"), opened("basket.update")]
    Committed(batch, [Outcome.COMPLETED, Outcome.COMPLETED, Outcome.REJECTED, Outcome.REPEATED], 0.02)
    total = "basketry_commands_total"
    assert counted(total, command="basket.create", outcome="completed") == 2
    assert counted(total, command="basket.update", outcome="rejected") == 1
    assert counted(total, command="basket.update", outcome="repeated") == 1
    assert counted(total, command="basket.update", outcome="completed") == 0
    assert counted("basketry_batch_commands_sum") == 4
    assert counted("basketry_batch_commands_count") == 1
    assert counted("basketry_batch_transaction_seconds_bucket", le="0.025") == 1
    assert counted("basketry_batch_transaction_seconds_bucket", le="0.01") == 0


def test_what_publishers_invent_never_becomes_a_label(
    counted: Difference, registry: CollectorRegistry
) -> None:
    batch = [opened("no.such"), opened("patricia@example.com"), opened("")]
    Committed(batch, [Outcome.PARKED] * 3, 0.01)
    assert counted("basketry_commands_total", command="unknown", outcome="parked") == 3
    assert b"patricia" not in generate_latest(registry)


def test_time_is_counted_from_a_timestamp_in_seconds(counted: Difference) -> None:
    now = int(time.time())
    batch = [opened(timestamp=now - 40), opened(timestamp=now - 40), opened(timestamp=now + 3600), opened()]
    Committed(batch, [Outcome.COMPLETED] * 4, 0.01)
    name = "basketry_publish_to_commit_seconds"
    assert counted(f"{name}_count") == 3, "the last one says nothing"
    assert counted(f"{name}_bucket", le="30.0") == 1, "a clock that is ahead counts as no time"
    assert counted(f"{name}_bucket", le="60.0") == 3
    assert counted(f"{name}_sum") == pytest.approx(80, abs=3)


def test_the_brokers_own_milliseconds_are_preferred(counted: Difference) -> None:
    now = time.time()
    stamped = opened(headers={"timestamp_in_ms": int(now * 1000) - 700}, timestamp=int(now) - 50)
    Committed([stamped], [Outcome.COMPLETED], 0.01)
    took = time.time() - now
    assert 0.69 < counted("basketry_publish_to_commit_seconds_sum") < 0.71 + took


@pytest.mark.parametrize(
    ("properties", "headers"),
    [
        ({"timestamp": 0}, {}),
        ({"timestamp": -5}, {}),
        ({"timestamp": "yesterday"}, {}),
        ({"timestamp": True}, {}),
        ({}, {"timestamp_in_ms": "1700000000000"}),
        ({}, {"timestamp_in_ms": 1.5}),
        ({}, {"timestamp_in_ms": {"a": 1}}),
        ({}, {"timestamp_in_ms": False}),
    ],
)
def test_a_timestamp_that_is_none_counts_nothing(
    counted: Difference, properties: dict[str, Any], headers: dict[str, Any]
) -> None:
    Committed([opened(headers=headers, **properties)], [Outcome.COMPLETED], 0.01)
    assert counted("basketry_publish_to_commit_seconds_count") == 0


def test_one_odd_timestamp_does_not_drown_all_others(counted: Difference) -> None:
    Committed([opened(timestamp=1)], [Outcome.COMPLETED], 0.01)
    assert counted("basketry_publish_to_commit_seconds_sum") == 86_400


def test_a_repeat_was_committed_long_ago(counted: Difference) -> None:
    repeat = opened(timestamp=int(time.time()) - 100)
    committed = Committed([repeat], [Outcome.REPEATED], 0.01)
    committed.note_sent([result(repeat)])
    assert counted("basketry_publish_to_commit_seconds_count") == 0
    assert counted("basketry_publish_to_event_seconds_count") == 0


def test_a_result_that_has_left_is_counted_once_and_only_by_its_own_batch(counted: Difference) -> None:
    mine, later = opened(timestamp=int(time.time()) - 5), opened(timestamp=int(time.time()))
    others = opened(timestamp=int(time.time()) - 5)
    committed = Committed([mine, later], [Outcome.COMPLETED] * 2, 0.01)
    committed.note_sent([result(others), result(mine, "recurrence.started"), result(mine, events.REJECTED)])
    committed.note_sent([result(mine)])
    assert counted("basketry_publish_to_event_seconds_count") == 1
    assert counted("basketry_publish_to_event_seconds_sum") == pytest.approx(5, abs=2)
