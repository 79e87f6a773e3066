"""Keeps the consumer's connection alive, also while its thread is away in a database.

Beats are short, so that a worker that is stopped, or a host that is gone, is replaced within seconds. py-amqp
is not made for two threads: the connection is lent to this one for as long as a batch is handled, and never
used by both. A turn of the loop that never ends is a defect: the process ends then, and others go on.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import amqp

from worker import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_STUCK = 70
_LONGEST_TURN_SECONDS = 150.0
_ARMED_EVERY_SECONDS = 5.0
_SILENT_INTERVALS = 4  # after so many the broker is taken for gone

log = logs.get(__name__)


def is_stuck(began_at: float) -> bool:
    """Tell whether a turn that began then, by the monotonic clock, will never end."""
    return time.monotonic() - began_at > _LONGEST_TURN_SECONDS


def end_stuck(thread_id: int | None) -> None:
    """End the process at once: its messages go to another worker, and come back counted."""
    frame = sys._current_frames().get(thread_id or 0)  # noqa: SLF001 - CPython's own way to see a thread
    place = "".join(traceback.format_stack(frame)[-8:]) if frame is not None else ""
    log.critical("worker.stuck", after_seconds=_LONGEST_TURN_SECONDS, where=place)
    os._exit(EXIT_STUCK)


class Heart:
    """Beats for one connection, if it was negotiated to have a heartbeat; watches over its consumer."""

    def __init__(self, connection: Any) -> None:
        """Watch over py-amqp's own connection: kombu's would silently be made anew when it is lost."""
        self._connection = connection
        self._interval = float(connection.heartbeat)
        self._next_beat = self._heard_at = time.monotonic()
        self._bytes_heard = -1
        self._turn = threading.Condition()
        self._is_lent = False
        self._lost: Exception | None = None
        self._armed_at = float("-inf")
        self._note_turn(time.monotonic())
        self._has_ended = False
        self._owner = threading.get_ident()
        threading.Thread(target=self._beat_alone, name="heart", daemon=True).start()

    def tick(self) -> None:
        """Beat if it is time; raises when the connection is lost, or was silent for too long.

        To be called after what has arrived was read: its beats count only then.
        """
        now = time.monotonic()
        self._note_turn(now)
        if self._lost is not None:
            raise self._lost
        if not self._interval:
            return
        if self._connection.bytes_recv != self._bytes_heard:
            self._bytes_heard, self._heard_at = self._connection.bytes_recv, now
        elif now - self._heard_at > _SILENT_INTERVALS * self._interval:
            raise amqp.ConnectionForced("nothing was heard of the broker for too long")
        if now >= self._next_beat:
            self._next_beat = now + self._interval / 3
            self._connection.send_heartbeat()

    @property
    def idle_seconds(self) -> float:
        """How long a wait for a message may last without a tick."""
        return min(1.0, self._interval / 3) if self._interval else 1.0

    @contextmanager
    def beating_alone(self) -> Iterator[None]:
        """Have the beats go on while the caller leaves the connection alone."""
        with self._turn:
            self._is_lent = True
            self._note_turn(time.monotonic())
            self._turn.notify()
        try:
            yield
        finally:
            with self._turn:
                self._is_lent = False
            # Nothing was read meanwhile: no reason to think that nothing was said.
            self._heard_at = time.monotonic()
            self._note_turn(self._heard_at)

    def stop(self) -> None:
        """End the thread; the connection is not touched any more."""
        with self._turn:
            self._has_ended = True
            self._turn.notify()
        faulthandler.cancel_dump_traceback_later()

    def _note_turn(self, now: float) -> None:
        """Note a sign of life.

        Our thread cannot watch over code that keeps the interpreter's lock: a thread of CPython's can.
        """
        self._turned_at = now
        if now - self._armed_at > _ARMED_EVERY_SECONDS:
            self._armed_at = now
            faulthandler.dump_traceback_later(_LONGEST_TURN_SECONDS + 2 * _ARMED_EVERY_SECONDS, exit=True)

    def _beat_alone(self) -> None:
        with self._turn:
            while not self._has_ended:
                self._turn.wait(self.idle_seconds)
                if is_stuck(self._turned_at):
                    end_stuck(self._owner)
                if self._is_lent and not self._has_ended and self._interval:
                    self._beat()

    def _beat(self) -> None:
        try:
            self._connection.send_heartbeat()
        except (OSError, amqp.AMQPError) as error:
            self._lost = error  # told to the consumer with its next tick
