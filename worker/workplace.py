"""What a worker's consumer works with: made by `app`, and found by the consumer at its Celery app."""

from __future__ import annotations

import msgspec

from worker.attendance import Attendance
from worker.ops.signs import Signs
from worker.side_lanes import SideLanes
from worker.slots import Slot
from worker.store.database import Engine
from worker.suspects import Suspects


class Workplace(msgspec.Struct, frozen=True, kw_only=True):
    """The attribute `workplace` of the Celery app."""

    engine: Engine
    slot: Slot
    attendance: Attendance
    suspects: Suspects
    batch_size: int
    prefetch_per_queue: int
    outage_patience_seconds: float
    ready_file: str
    signs: Signs
    side_lanes: SideLanes
