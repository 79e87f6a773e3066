"""What becomes of commands: counted once their transaction is committed, a batch at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from prometheus_client import Counter as CounterMetric

from contracts import commands, events
from contracts.envelope import Envelope
from worker.ops.distribution import Distribution
from worker.store.outbox import Event

_UNKNOWN = "unknown"
_MILLISECONDS_HEADER = "timestamp_in_ms"  # RabbitMQ's, when it is told to stamp messages
_LONGEST_WAY_SECONDS = 86_400.0  # a publisher may write any timestamp: one odd one must not drown the sum
_SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Outcome(StrEnum):
    COMPLETED = "completed"
    REJECTED = "rejected"
    PARKED = "parked"  # answered, and kept as a dead letter
    REPEATED = "repeated"  # answered as before


_COMMANDS = CounterMetric(
    "basketry_commands",
    "Commands that were committed, by their type and by what became of them.",
    ["command", "outcome"],
    registry=None,
)
_COUNTERS = {
    (command, outcome): _COMMANDS.labels(command, outcome)
    for command in (*commands.BY_TYPE, _UNKNOWN)
    for outcome in Outcome
}
BATCH_SIZE = Distribution(
    "basketry_batch_commands", "How many commands one transaction has applied together.", _SIZES
)
TRANSACTION = Distribution(
    "basketry_batch_transaction_seconds", "How long the transaction of a batch took, its commit included."
)
PUBLISH_TO_COMMIT = Distribution(
    "basketry_publish_to_commit_seconds",
    "Time from a command's timestamp (whole seconds, unless the broker stamps messages) to its commit.",
)
PUBLISH_TO_EVENT = Distribution(
    "basketry_publish_to_event_seconds",
    "Time from a command's timestamp until the broker has confirmed its result, if its worker published it.",
)
RETURNED_OFTEN = CounterMetric(
    "basketry_deliveries_returned_often",
    "Messages received that had been returned to their queue twenty times or more.",
    registry=None,
)

COLLECTORS = (_COMMANDS, BATCH_SIZE, TRANSACTION, PUBLISH_TO_COMMIT, PUBLISH_TO_EVENT, RETURNED_OFTEN)


class Committed:
    """A batch whose transaction is committed: counted at once, and again when its results have left."""

    def __init__(self, envelopes: Sequence[Envelope], outcomes: Sequence[Outcome], seconds: float) -> None:
        TRANSACTION.observe(seconds)
        BATCH_SIZE.observe(len(envelopes))
        told = Counter(zip((one.type for one in envelopes), outcomes, strict=True))
        for (command, outcome), number in told.items():
            (_COUNTERS.get((command, outcome)) or _COUNTERS[_UNKNOWN, outcome]).inc(number)
        fresh = [
            one for one, outcome in zip(envelopes, outcomes, strict=True) if outcome is not Outcome.REPEATED
        ]
        instants = [published_at(one.delivery.properties, one.delivery.headers) for one in fresh]
        PUBLISH_TO_COMMIT.observe_all(_ages(at for at in instants if at is not None))
        self._published_at = {
            one.message_id: at
            for one, at in zip(fresh, instants, strict=True)
            if one.message_id and at is not None
        }

    def note_sent(self, said: Iterable[Event]) -> None:
        """Take note of events that have left; those that are no results of this batch count nothing."""
        causes = [
            event.headers.get("causation-id")
            for event in said
            if event.type in (events.COMPLETED, events.REJECTED)
        ]
        known = [self._published_at.pop(cause) for cause in causes if cause in self._published_at]
        PUBLISH_TO_EVENT.observe_all(_ages(known))


def published_at(properties: Mapping[str, Any], headers: Mapping[str, Any]) -> float | None:
    """Give the unix time of a message's publishing, in seconds, as far as the message says it."""
    milliseconds = headers.get(_MILLISECONDS_HEADER)
    if type(milliseconds) is int and milliseconds > 0:
        return milliseconds / 1000
    seconds = properties.get("timestamp")
    return float(seconds) if type(seconds) is int and seconds > 0 else None


def _ages(instants: Iterable[float]) -> list[tuple[float, int]]:
    now = time.time()
    return [(min(now - at, _LONGEST_WAY_SECONDS), times) for at, times in Counter(instants).items()]
