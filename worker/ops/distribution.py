"""A Prometheus histogram that takes many equal values at once.

The commands of a batch share a few values (instants are whole seconds, a transaction has one): observing them
one by one, as the library does it, would cost more than all other metrics together.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

#: From a command that is alone to one that waited for a long outage.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)


class Distribution(Collector):
    """Counts values by upper bounds; what is negative counts as 0."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float] = SECONDS) -> None:
        self._name, self._documentation = name, documentation
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, value: float, times: int = 1) -> None:
        self.observe_all(((value, times),))

    def observe_all(self, values: Iterable[tuple[float, int]]) -> None:
        """Count each value as often as it says."""
        with self._lock:
            for value, times in values:
                counted = max(0.0, value)
                self._counts[bisect_left(self._bounds, counted)] += times
                self._sum += counted * times

    def collect(self) -> Iterator[HistogramMetricFamily]:
        with self._lock:
            counts, total = list(self._counts), self._sum
        names = [*map(str, self._bounds), "+Inf"]
        buckets = list(zip(names, accumulate(counts), strict=True))
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=total)
