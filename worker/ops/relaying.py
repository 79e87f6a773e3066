"""What leaves, and what keeps it from leaving: of every process that relays."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from worker.ops.distribution import Distribution

COMMIT_TO_CONFIRM = Distribution(
    "basketry_commit_to_confirm_seconds",
    "Time from the transaction that wrote an event until the broker has confirmed it.",
)
SWEPT = Counter(
    "basketry_sweep_relayed_events",
    "Events that were left behind, or written by a scheduler, and that the sweep has relayed.",
    registry=None,
)
POSTPONED = Counter(
    "basketry_sweep_postponed",
    "Rounds of the sweep that ended early because the broker or the database was away.",
    registry=None,
)
BLOCKED = Gauge(
    "basketry_publisher_blocked",
    "1 when the broker blocked a publishing connection that was tried within a minute: it is in alarm.",
    ["publisher"],
    registry=None,
)

COLLECTORS = (COMMIT_TO_CONFIRM, SWEPT, POSTPONED, BLOCKED)
