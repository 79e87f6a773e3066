"""Celery beat as a metronome: its entries run in this process, and the database says what is due.

It needs no broker to place orders. It sleeps until the next recurrence is due, at most a second; and a
SIGTERM lets the running transaction end, where beat's own handler would cut anywhere. Orders of data are
placed beside it, in `data_lane`.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery, beat
from celery.schedules import schedstate, schedule

from scheduler import tick
from scheduler.data_lane import DataLane
from scheduler.dealing import Outcome
from scheduler.pace import Pace
from worker import logs
from worker.ops import endpoint, ticking
from worker.ops.signs import Ticks
from worker.settings import Settings
from worker.store import database
from worker.sweeper import Sweeper

TASK = "basketry.place_due_orders"

_LONGEST_SLEEP_SECONDS = 1.0
_SHORTEST_SLEEP_SECONDS = 0.05
_STOPS_WITHIN_SECONDS = 8.0  # of a lane in its last search, and of the last sweep
_BEAT_WAKES_EARLIER_BY_SECONDS = 0.011  # beat takes 10 ms off every interval

log = logs.get(__name__)


class UntilDue(schedule):  # type: ignore[misc]
    """Due again when the next recurrence is."""

    def __init__(self) -> None:
        super().__init__(run_every=_LONGEST_SLEEP_SECONDS)
        self._due_at = 0.0  # monotonic, seconds

    def sleep(self, seconds: float) -> None:
        self._due_at = time.monotonic() + max(_SHORTEST_SLEEP_SECONDS, seconds)

    def is_due(self, last_run_at: Any) -> Any:  # noqa: ARG002 - beat's signature
        remaining = self._due_at - time.monotonic()
        return schedstate(remaining < _BEAT_WAKES_EARLIER_BY_SECONDS, max(0.0, remaining))


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """Beat's scheduler with one entry; it publishes nothing and connects to nothing."""

    producer = None

    def setup_schedule(self) -> None:
        self._until_due = UntilDue()
        self.add(name="due orders", task=TASK, schedule=self._until_due)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:  # noqa: ARG002 - beat's signature
        """Run the entry here and now; a failure is logged and the metronome goes on."""
        sleep_seconds = _LONGEST_SLEEP_SECONDS
        ticks: Ticks = self.app.conf.basketry_ticks
        try:
            sleep_seconds = self.app.tasks[entry.task].apply(throw=True).result
        except database.TryAgain as error:
            ticks.orders.failed()
            log.warning("tick.postponed", why=str(error))
        except Exception as error:  # noqa: BLE001 - the next tick tries again
            ticks.orders.failed()
            log.error("tick.failed", why=logs.where(error))  # noqa: TRY400
        self._until_due.sleep(sleep_seconds)


class Service(beat.Service):  # type: ignore[misc]
    """Beat's loop, stopped between two transactions."""

    def stop_soon(self) -> None:
        self._is_shutdown.set()

    @property
    def is_stopping(self) -> bool:
        return bool(self._is_shutdown.is_set())


def _tick(engine: database.Engine, pace: Pace, ticks: Ticks) -> Outcome:
    """Deal with as much as the pace allows."""
    started = time.monotonic()
    try:
        outcome = tick.tick(engine, size=pace.size)
    except database.TryAgain:
        pace.failed()
        raise
    seconds = time.monotonic() - started
    ticks.orders.ticked()
    ticking.note(seconds, outcome.placed)
    if outcome.claimed:
        log.info("tick", claimed=outcome.claimed, placed=outcome.placed)
        pace.took(
            seconds - outcome.claiming_seconds, was_full=max(outcome.claimed, outcome.placed) >= pace.size
        )
    return outcome


def run(settings: Settings, name: str) -> int:
    """Place orders until SIGTERM; give the exit code."""
    ticks = Ticks()
    with endpoint.serving(settings, endpoint.Process(role="scheduler", name=name), ticks):
        _beat(settings, name, ticks)
    return 0


def _service(engine: database.Engine, ticks: Ticks, nudge: Callable[[], None]) -> Service:
    """Make beat's loop with its one entry; `nudge` is called when there are events to be relayed."""
    app = Celery("basketry-scheduler", set_as_current=False)
    app.conf.update(
        beat_enable_remote_control=False, result_expires=None, task_ignore_result=True, basketry_ticks=ticks
    )
    service = Service(app, max_interval=_LONGEST_SLEEP_SECONDS, scheduler_cls=Scheduler)
    pace = Pace()

    @app.task(name=TASK, shared=False)  # type: ignore[untyped-decorator]
    def place_due_orders() -> float:
        """Place what is due; give the seconds until something is."""
        while not service.is_stopping:
            outcome = _tick(engine, pace, ticks)
            if not outcome.claimed:
                return tick.seconds_until_next(
                    engine, _LONGEST_SLEEP_SECONDS, outcome.at, holds_datasets=False
                )
            nudge()
        return _LONGEST_SLEEP_SECONDS

    return service


def _beat(settings: Settings, name: str, ticks: Ticks) -> None:
    database_url = settings.database_url.get_secret_value()
    engine = database.engine(database_url, f"basketry {name}")
    sweeper = Sweeper(settings, name)
    data_lane = DataLane(database_url, name, ticks.data_orders, sweeper.nudge)
    service = _service(engine, ticks, sweeper.nudge)

    def stop(*_: object) -> None:
        ticks.stopping()
        service.stop_soon()
        data_lane.stop_soon()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sweeper.start()
    data_lane.start()
    if settings.ready_file:
        Path(settings.ready_file).touch()
    log.info("scheduler.ready", name=name)
    try:
        service.start()
    finally:
        until = time.monotonic() + _STOPS_WITHIN_SECONDS
        data_lane.stop()
        sweeper.stop(until - time.monotonic())  # behind it: its last events are to be relayed
        engine.dispose()
