"""The state of a worker as metrics, read off its signs whenever somebody looks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.ops.signs import Signs


class WorkerGauges(Collector):
    def __init__(self, signs: Signs) -> None:
        self._signs = signs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        signs = self._signs
        for name, documentation, value in (
            ("basketry_consuming", "1 while the worker is subscribed to queues.", float(signs.is_consuming)),
            (
                "basketry_broker_connected",
                "1 while the worker's consumer has a connection to the broker.",
                float(signs.is_connected),
            ),
            (
                "basketry_held_seconds",
                "For how long a batch has been held because the database does not take it; 0 when none is.",
                signs.held_seconds,
            ),
            (
                "basketry_oldest_waiting_seconds",
                "Age of the oldest message that is received and not yet acked, a head of its queue; or 0.",
                signs.oldest_waiting_seconds(time.time()),
            ),
        ):
            yield GaugeMetricFamily(name, documentation, value)
        queues = GaugeMetricFamily(
            "basketry_queues_held",
            "Command queues subscribed to: of the worker's own slot (home), of others that are away (guest).",
            labels=["kind"],
        )
        queues.add_metric(["home"], signs.subscribed.home)
        queues.add_metric(["guest"], signs.subscribed.guest)
        yield queues
