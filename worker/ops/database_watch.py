"""Looks into the database every few seconds, in a thread of its own with a connection of its own.

Who scrapes gets what was seen last and never waits for the database; whether it is there is a metric.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from worker import logs
from worker.store import backlog, database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.ops.signs import Clock

_EVERY_SECONDS = 5.0
_SEEN_WITHIN_SECONDS = 15.0
_STOPS_WITHIN_SECONDS = 0.5  # it only reads: what it is at may be cut off

log = logs.get(__name__)


class DatabaseWatch(Collector):
    """What waits in the database, as it was seen last; and when that was."""

    def __init__(self, database_url: str, name: str, clock: Clock = time.monotonic) -> None:
        self._engine = database.engine(database_url, f"basketry {name} ops")
        self._clock = clock
        self._seen: backlog.Backlog | None = None
        self._seen_at = clock()
        self._is_up = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="database watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=_STOPS_WITHIN_SECONDS)
        self._engine.dispose()

    def look(self) -> None:
        """Look once; what goes wrong is told by what is shown from then on."""
        try:
            try:
                seen = self._read()
            except database.TryAgain:
                seen = self._read()  # the connection was one from before a restart
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on
            if self._is_up:
                log.warning("database.unseen", why=logs.where(error))
            self._is_up = False
        else:
            self._seen, self._seen_at, self._is_up = seen, self._clock(), True

    @property
    def unseen_seconds(self) -> float:
        return self._clock() - self._seen_at

    def reasons(self) -> list[str]:
        """Say why a process that needs the database is not ready."""
        if self._seen is None and not self._is_up:
            return ["The database has not been seen yet."]
        if self.unseen_seconds > _SEEN_WITHIN_SECONDS:
            return [f"The database was last seen {self.unseen_seconds:.0f} s ago."]
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _gauge(
            "basketry_database_up", "1 when the database answered the last look into it.", float(self._is_up)
        )
        yield _gauge(
            "basketry_database_unseen_seconds",
            "How long ago the database has answered; all that waits in it is shown as it was then.",
            self.unseen_seconds,
        )
        seen = self._seen
        for name, documentation, value in (
            (
                "basketry_outbox_oldest_pending_seconds",
                "Age of the oldest event that has not left yet.",
                None if seen is None else seen.oldest_event_seconds,
            ),
            (
                "basketry_recurrences_overdue",
                "Recurrences that no scheduler has dealt with 60 s after they were due, counted to 10,000.",
                None if seen is None else seen.overdue,
            ),
            (
                "basketry_recurrences_oldest_overdue_seconds",
                "For how long the oldest of them has been due.",
                None if seen is None else seen.oldest_overdue_seconds,
            ),
            (
                "basketry_dead_letters_parked",
                "Dead letters that wait for a person to replay or discard them, counted to 10,000.",
                None if seen is None else seen.parked,
            ),
        ):
            yield _gauge(name, documentation, value)

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self.look()
            self._stopped.wait(_EVERY_SECONDS)

    def _read(self) -> backlog.Backlog:
        with database.transaction(self._engine) as tx:
            return backlog.look(tx)


def _gauge(name: str, documentation: str, value: float | None) -> GaugeMetricFamily:
    """Make a gauge; without a value it is described and not shown."""
    family = GaugeMetricFamily(name, documentation)
    if value is not None:
        family.add_metric([], value)
    return family
