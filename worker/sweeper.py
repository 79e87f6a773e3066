"""Relays what was left behind, removes what is past its time, erases persons; a thread of its own.

Left behind: events whose relay failed, was killed, or found their partition taken. A second after they were
written somebody looks again. Removal goes in small batches, so that no other transaction waits for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from worker import expiry, forgetting, logs, relay
from worker.ops import relaying
from worker.publisher import Publisher, Unavailable
from worker.store import attempts, database, dead_letters, erasure, inbox, outbox

if TYPE_CHECKING:
    from worker.settings import Settings

_EVERY_SECONDS = 1.0
_LEFT_BEHIND_AFTER = timedelta(seconds=1)
_REMOVE_EVERY_SECONDS = 60.0
_STOPS_WITHIN_SECONDS = 5.0
_REMOVED_AT_ONCE = 1000
_MOMENT_SECONDS = 0.3

log = logs.get(__name__)


class Sweeper(threading.Thread):
    """Sweeps every second until stopped; a sweep that fails is tried again with the next."""

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._engine = database.engine(settings.database_url.get_secret_value(), f"basketry {name} sweeper")
        broker_url = settings.broker_url.get_secret_value()
        self._publisher = Publisher(broker_url, f"basketry {name}", "sweeper", settings.broker_files)
        self._retention = settings.answer_retention
        self._nudged = threading.Event()
        self._is_stopping = False
        self._expires = False  # whether something is left to be expired

    def run(self) -> None:
        next_removal = 0.0
        while not self._is_stopping:
            is_nudged = self._nudged.wait(_EVERY_SECONDS)
            self._nudged.clear()
            self._try(partial(self.sweep, timedelta(0) if is_nudged else _LEFT_BEHIND_AFTER))
            if time.monotonic() >= next_removal:
                next_removal = time.monotonic() + _REMOVE_EVERY_SECONDS
                self._try(self.remove_old)
                self._expires = True
            if self._expires:
                self._try(self.expire_baskets)
            self._try(self.forget_persons)

    def _try(self, work: Callable[[], object]) -> None:
        """Do a piece of work that may fail; the next round does it again."""
        try:
            work()
        except (Unavailable, database.TryAgain) as error:
            relaying.POSTPONED.inc()
            log.warning("sweep.postponed", why=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on
            log.error("sweep.failed", why=logs.where(error))  # noqa: TRY400

    def nudge(self) -> None:
        """Have everything relayed now that is pending, also what was written a moment ago."""
        self._nudged.set()

    def stop_soon(self) -> None:
        """Sweep once more, then end the thread."""
        self._is_stopping = True
        self._nudged.set()

    def stop(self, within_seconds: float = _STOPS_WITHIN_SECONDS) -> None:
        """Sweep once more, and wait for the thread's end; what takes longer ends with the process."""
        self.stop_soon()
        self.join(timeout=within_seconds)
        if not self.is_alive():
            self._publisher.close()
            self._engine.dispose()

    def sweep(self, age: timedelta = _LEFT_BEHIND_AFTER) -> int:
        """Relay every partition with events of that age or older; give the number of events relayed."""
        with database.transaction(self._engine) as tx:
            partitions = outbox.left_behind(tx, age)
        relayed = relay.relay(
            self._engine, self._publisher, partitions, goes_on=lambda: not self._is_stopping
        )
        if relayed:
            relaying.SWEPT.inc(relayed)
            log.info("sweep.relayed", events=relayed)
        return relayed

    def expire_baskets(self) -> None:
        """Close baskets that nobody touches any more, for a moment; go on right after the next sweep."""
        self._expires = not expiry.expire(self._engine, self._for_a_moment())
        if self._expires:
            self._nudged.set()

    def forget_persons(self) -> None:
        """Work at erasures for a moment, and go on with them right after the next sweep."""
        if not forgetting.forget(self._engine, self._for_a_moment()):
            self._nudged.set()

    def _for_a_moment(self) -> Callable[[], bool]:
        """Allow some work that relaying must not wait for any longer."""
        until = time.monotonic() + _MOMENT_SECONDS
        return lambda: time.monotonic() < until and not self._is_stopping

    def remove_old(self) -> None:
        """Remove what is older than the retention, in small transactions."""
        removed = _REMOVED_AT_ONCE
        while removed >= _REMOVED_AT_ONCE and not self._is_stopping:
            with database.transaction(self._engine) as tx:
                before = database.now(tx) - self._retention
                removed = max(
                    inbox.forget(tx, before, _REMOVED_AT_ONCE),
                    outbox.forget(tx, before, _REMOVED_AT_ONCE),
                    erasure.forget(tx, before, _REMOVED_AT_ONCE),
                    attempts.forget(tx, before, _REMOVED_AT_ONCE),
                    dead_letters.forget(tx, before, _REMOVED_AT_ONCE),
                )
            if removed:
                log.info("retention.removed", rows=removed)
