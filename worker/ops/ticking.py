"""What the scheduler does: its ticks, and the orders that they place."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from worker.ops.distribution import Distribution

LAST_TICK = Gauge(
    "basketry_last_tick_timestamp_seconds",
    "When the scheduler has last dealt with what was due, or found nothing due, in unix time.",
    registry=None,
)
LAST_DATA_TICK = Gauge(
    "basketry_last_data_tick_timestamp_seconds",
    "When the scheduler has last dealt with what was due of data, or found nothing due, in unix time.",
    registry=None,
)
TICK = Distribution("basketry_tick_seconds", "How long a tick took, one transaction each.")
DATA_TICK = Distribution(
    "basketry_data_tick_seconds", "How long a tick of orders of data took: one basket each, with its search."
)
PLACED = Counter("basketry_orders_placed", "Orders that this scheduler has placed.", registry=None)


def note(seconds: float, placed: int) -> None:
    """Take note of a tick that is committed."""
    LAST_TICK.set_to_current_time()
    TICK.observe(seconds)
    PLACED.inc(placed)


def note_of_data(seconds: float, placed: int) -> None:
    """Take note of a tick of orders of data that is committed."""
    LAST_DATA_TICK.set_to_current_time()
    DATA_TICK.observe(seconds)
    PLACED.inc(placed)


COLLECTORS = (LAST_TICK, LAST_DATA_TICK, TICK, DATA_TICK, PLACED)
