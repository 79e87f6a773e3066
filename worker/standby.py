"""The queues of other slots: a worker waits for them on a channel of their own, and hands them back.

The broker makes a worker that waits the active consumer at once when the owner is gone. It never takes that
back by itself: so the channel is closed when the owner has come, and opened again behind it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from worker import logs, topology
from worker.intake import Intake

if TYPE_CHECKING:
    from datetime import datetime

    from worker.attendance import Attendance
    from worker.slots import Slot
    from worker.store.slots import View

_STANDS_BY_AFTER_SECONDS = 3.0  # workers that start together each find their own queues free
_HANDS_BACK_EVERY_SECONDS = 5.0  # what is handed back comes back counted: not for each of a worker's stumbles

log = logs.get(__name__)


class Standby:
    """What one subscribed worker does about the slots that are not its own."""

    def __init__(
        self,
        connection: Any,
        slot: Slot,
        attendance: Attendance,
        partitions: int,
        prefetch: int,
        delay_seconds: float = 0.0,
    ) -> None:
        """Stand by soon; so much later when the queues did not answer the last time."""
        self.intake: Intake | None = None
        self.is_opening = False
        self._is_delayed = delay_seconds > 0
        self._connection = connection
        self._slot = slot
        self._attendance = attendance
        self._prefetch = prefetch
        self._not_before = time.monotonic() + _STANDS_BY_AFTER_SECONDS + delay_seconds
        self._arrivals_seen: dict[int, datetime] = {}
        queues = topology.command_queues(partitions)
        # With more slots than queues some own none: nobody waits for these.
        self._others = {number: queue for number, queue in enumerate(queues) if not slot.owns(number)}

    @property
    def owners(self) -> set[int]:
        """Name the slots that own the queues of others."""
        return {number % self._slot.of for number in self._others}

    @property
    def guest_count(self) -> int:
        """Count the queues whose owners are not there, as far as can be seen."""
        if self.intake is None:
            return 0
        view = self._attendance.view
        there = view.consuming_since if view is not None else {}
        return sum(number % self._slot.of not in there for number in self._others)

    def mind(self) -> None:
        """Stand by when it is time, and hand back to who has come since."""
        view = self._attendance.view
        if not self._others:
            return
        if self.intake is None:
            all_are_there = view is not None and self.owners <= set(view.consuming_since)
            if (all_are_there and not self._is_delayed) or time.monotonic() >= self._not_before:
                self._open(view)
        elif view is not None and time.monotonic() >= self._not_before and self._has_somebody_come(view):
            # Closed, not cancelled; then behind their owners, who wait there already.
            log.info("slots.handed_back", slot=str(self._slot), present=sorted(view.consuming_since))
            self.close()
            self._open(view)

    def close(self) -> None:
        """Give back what is unacked, and the queues."""
        if self.intake is not None:
            self.intake.close()
            self.intake = None

    def _has_somebody_come(self, view: View) -> bool:
        """Compare arrivals with those seen before, never with a clock: the database's may be set back."""
        return any(
            arrival != self._arrivals_seen.get(number)
            for number, arrival in view.consuming_since.items()
            if number in self.owners
        )

    def _open(self, view: View | None) -> None:
        self._arrivals_seen |= view.consuming_since if view is not None else {}
        self._not_before = time.monotonic() + _HANDS_BACK_EVERY_SECONDS
        self.is_opening = True
        self.intake = Intake(self._connection, list(self._others.values()), self._prefetch, is_dead=False)
        self.is_opening = False
