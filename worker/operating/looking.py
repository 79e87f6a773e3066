"""One look at the house: what the broker says of its queues, what the database says of the rest.

Either may be away: then a sentence stands where its part would be. What is wrong is said in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from contracts import topology
from worker.operating import checks_work, house, probe
from worker.operating.probe import Broker, Depth
from worker.settings import Settings
from worker.store import database, partitioning, waiting
from worker.store.partitioning import Partitioning
from worker.store.waiting import Slot, Waiting

_NAME = "basketry queues"
_BACKLOG_FROM = 1_000  # several batches of every queue: more than a burst
_LOOKS_WITHOUT_PROGRESS = 5

_FAILURES = (database.TryAgain, database.StatementFailed)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A command queue: `ready` is None when it is not there; `wrong` says in words what is not right."""

    name: str
    ready: int | None
    consumers: int | None
    slots: list[Slot]
    wrong: list[str]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen; `broker` and `database` hold a sentence when that part could not be seen."""

    queues: list[Line]
    dead: int | None
    waiting: Waiting | None
    wrong: list[str]
    broker: str | None = None
    database: str | None = None

    @property
    def is_whole(self) -> bool:
        return self.broker is None and self.database is None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says in one look."""

    slots: list[Slot] = []
    partitioning: Partitioning | None = None
    waiting: Waiting | None = None


class Observer:
    """Looks again and again; keeps its connections, and remembers which queues did not get shorter."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database_url = settings.database_url.get_secret_value()
        self._engine = database.engine(self._database_url, _NAME)
        self._broker: Broker | None = None
        self._last: dict[str, int] = {}
        self._stalled: Counter[str] = Counter()

    def close(self) -> None:
        self._leave_broker()
        self._engine.dispose()

    def look(self) -> Look:
        stored, no_database = self._look_into_database()
        sizes = house.sizes(stored.partitioning)
        depths, no_broker = self._look_at_broker(sizes)
        self._note_progress(depths)
        lines = [
            self._line(name, partition, depths.get(name), stored, is_seen=no_broker is None)
            for size in sizes
            for partition, name in enumerate(queue.name for queue in topology.command_queues(size))
        ]
        dead = depths.get(topology.DEAD)
        return Look(
            queues=lines,
            dead=None if dead is None else dead.ready,
            waiting=stored.waiting,
            wrong=_wrong(dead, stored.waiting),
            broker=no_broker,
            database=no_database,
        )

    def _look_into_database(self) -> tuple[Stored, str | None]:
        try:
            with database.transaction(self._engine) as tx:
                return Stored(
                    slots=waiting.slots(tx),
                    partitioning=partitioning.read(tx),
                    waiting=waiting.counts(tx),
                ), None
        except _FAILURES as error:
            said = " ".join(str(error).split())
            return Stored(), f"The database cannot be asked: {database.address(self._database_url)}: {said}"

    def _look_at_broker(self, sizes: list[int]) -> tuple[dict[str, Depth], str | None]:
        names = [topology.DEAD, *(queue.name for size in sizes for queue in topology.command_queues(size))]
        try:
            if self._broker is None:
                self._broker = Broker(self._settings, _NAME)
            depths = {name: self._broker.depth(name) for name in names}
        except probe.Away as error:
            self._leave_broker()
            return {}, f"The broker cannot be asked: {error}"
        return {name: depth for name, depth in depths.items() if depth is not None}, None

    def _leave_broker(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            broker.close()

    def _note_progress(self, depths: Mapping[str, Depth]) -> None:
        """Count for each queue the looks, one after the other, in which it did not get shorter."""
        for name, depth in depths.items():
            is_stalled = 0 < self._last.get(name, 0) <= depth.ready
            self._stalled[name] = self._stalled[name] + 1 if is_stalled else 0
        self._last = {name: depth.ready for name, depth in depths.items()}

    def _line(self, name: str, partition: int, depth: Depth | None, stored: Stored, *, is_seen: bool) -> Line:
        # Slots of several numbers are here at once while a restart changes that number.
        slots = [one for one in stored.slots if one.slot == partition % one.slots]
        numbers = {one.slots for one in stored.slots if one.is_fresh}
        wrong = ["is missing"] if is_seen and depth is None else []
        if depth is not None:
            wrong += ["nobody consumes"] if not depth.consumers else []
            wrong += ["backlog"] if depth.ready >= _BACKLOG_FROM else []
            wrong += ["not draining"] if self._stalled[name] >= _LOOKS_WITHOUT_PROGRESS else []
        return Line(
            name=name,
            ready=None if depth is None else depth.ready,
            consumers=None if depth is None else depth.consumers,
            slots=[one for one in slots if one.slots in numbers or not numbers],
            wrong=wrong + [f"slot {one}'s worker is away" for one in _empty(partition, numbers, slots)],
        )


def _empty(partition: int, numbers: set[int], slots: list[Slot]) -> list[str]:
    """Name the places this queue belongs to that have no worker now."""
    taken = {one.slots for one in slots if one.is_fresh}
    return [f"{partition % number}/{number}" for number in sorted(numbers - taken)]


def _wrong(dead: Depth | None, waiting: Waiting | None) -> list[str]:
    """Say what is wrong beside the command queues."""
    said = [f"{topology.DEAD} is not drained"] if dead is not None and dead.ready else []
    if waiting is not None:
        said += ["events do not leave"] if checks_work.is_late(waiting) else []
        said += ["orders are overdue"] if waiting.orders_overdue.count else []
        said += ["dead letters wait for a person"] if waiting.parked else []
        said += ["suspended recurrences wait for a person"] if waiting.suspended else []
    return said
