"""Orders of data in a thread of their own: their searches, however slow, delay no other order.

Its sessions are its own, and so are its pauses after a failure. Told to stop it ends after the transaction
that it is in, which a search prolongs by five seconds at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from scheduler import data_tick, tick
from worker import logs
from worker.ops import ticking
from worker.ops.signs import Lane
from worker.store import database

_LONGEST_SLEEP_SECONDS = 1.0
_SHORTEST_SLEEP_SECONDS = 0.05
_STOPS_WITHIN_SECONDS = data_tick.SEARCH_SECONDS + 1.5

log = logs.get(__name__)


class DataLane(threading.Thread):
    """Deals with what is due of data until stopped; a tick that fails is tried again a second later."""

    def __init__(self, database_url: str, name: str, lane: Lane, nudge: Callable[[], None]) -> None:
        """`lane` is told of every tick; `nudge` is called when there are events to be relayed."""
        super().__init__(name="orders of data", daemon=True)
        self._engine = database.engine(database_url, f"basketry {name} data")
        self._lane = lane
        self._nudge = nudge
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            seconds = _LONGEST_SLEEP_SECONDS
            try:
                seconds = self._deal_with_what_is_due()
            except database.TryAgain as error:
                self._lane.failed()
                log.warning("data_tick.postponed", why=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on
                self._lane.failed()
                log.error("data_tick.failed", why=logs.where(error))  # noqa: TRY400
            self._stopping.wait(max(_SHORTEST_SLEEP_SECONDS, seconds))

    def stop_soon(self) -> None:
        """End after the transaction of now."""
        self._stopping.set()

    def stop(self) -> None:
        """End, and wait for it; what takes longer ends with the process, and is rolled back."""
        self.stop_soon()
        self.join(timeout=_STOPS_WITHIN_SECONDS)
        if not self.is_alive():
            self._engine.dispose()

    def _deal_with_what_is_due(self) -> float:
        """Tick until nothing is due; give the seconds until something is."""
        while not self._stopping.is_set():
            started = time.monotonic()
            outcome = data_tick.tick(self._engine)
            self._lane.ticked()
            ticking.note_of_data(time.monotonic() - started, outcome.placed)
            if not outcome.claimed:
                return tick.seconds_until_next(
                    self._engine, _LONGEST_SLEEP_SECONDS, outcome.at, holds_datasets=True
                )
            log.info("data_tick", placed=outcome.placed)
            self._nudge()
        return 0.0
