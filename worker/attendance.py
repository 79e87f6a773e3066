"""Says every second that this worker consumes, and sees who else does; a thread of its own.

With the database away the last view stands: a worker hands nothing back to somebody it cannot see.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from worker import logs
from worker.store import database, slots

if TYPE_CHECKING:
    from datetime import datetime

    from worker.slots import Slot

_EVERY_SECONDS = 1.0

log = logs.get(__name__)


class Attendance(threading.Thread):
    """One slot's row, and the view of the others; told by the consumer whether it consumes."""

    def __init__(self, engine: database.Engine, slot: Slot, worker: str) -> None:
        super().__init__(name="attendance", daemon=True)
        self.view: slots.View | None = None
        self._engine = engine
        self._slot = slot
        self._worker = worker
        self._changed = threading.Event()
        self._is_stopping = False
        self._consumes = False
        self._arrivals = 0
        self._since: tuple[int, datetime | None] = 0, None  # of which arrival, and its instant once written

    def arrive(self) -> None:
        """Say from now on that the queues of the slot are consumed: after their subscription, not before."""
        self._arrivals += 1
        self._consumes = True
        self._changed.set()

    def leave(self) -> None:
        """Say that they are not consumed any more."""
        self._consumes = False
        self._changed.set()

    def stop_soon(self) -> None:
        """Leave, then end the thread."""
        self._consumes, self._is_stopping = False, True
        self._changed.set()

    def stop(self, within_seconds: float) -> None:
        """Leave, and wait for the thread's end; what takes longer ends with the process."""
        self.stop_soon()
        if self.is_alive():
            self.join(within_seconds)

    def run(self) -> None:
        was_consuming = False
        while True:
            consumes, is_last = self._consumes, self._is_stopping
            try:
                self._say(consumes, was_consuming)
                was_consuming = consumes
            except database.TryAgain as error:
                log.debug("attendance.postponed", why=str(error))
            except Exception as error:  # noqa: BLE001 - the next second tries again
                log.error("attendance.failed", why=logs.where(error))  # noqa: TRY400
            if is_last:
                return
            self._changed.wait(_EVERY_SECONDS)
            self._changed.clear()

    def _say(self, consumes: bool, was_consuming: bool) -> None:
        slot, arrival = self._slot, self._arrivals
        since = self._since[1] if self._since[0] == arrival else None
        with database.transaction(self._engine) as tx:
            if consumes and since is None:
                since = slots.arrive(tx, slot.number, slot.of, self._worker)
            elif consumes and since is not None:
                slots.sign(tx, slot.number, slot.of, self._worker, since)
            elif was_consuming:
                slots.leave(tx, slot.number, slot.of, self._worker)
            view = slots.view(tx, slot.of)
        self._since = arrival, since
        self.view = view
