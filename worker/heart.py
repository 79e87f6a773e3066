"""Keeps the consumer's connection alive, also while its thread is away in a database.

Beats are short, so that a worker that is stopped, or a host that is gone, is replaced within seconds. py-amqp
is not made for two threads: the connection is lent to this one for as long as a batch is handled, and never
used by both. A batch that never ends is a defect of ours: the process ends then, and others go on.
"""

from __future__ import annotations

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
_LONGEST_BATCH_SECONDS = 150.0
_SILENT_INTERVALS = 4  # after so many the broker is taken for gone

log = logs.get(__name__)


class Heart:
    """Beats for one connection; nothing at all when it was negotiated to have no heartbeat."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._interval: float = connection.get_heartbeat_interval()
        self._next_beat = self._heard_at = time.monotonic()
        self._bytes_heard = -1
        self._turn = threading.Condition()
        self._lent_at: float | None = None
        self._has_ended = False
        self._owner = threading.get_ident()
        if self._interval:
            threading.Thread(target=self._beat_alone, name="heart", daemon=True).start()

    def tick(self) -> None:
        """Beat if it is time; raises when the broker has been silent for too long.

        To be called after what has arrived was read: its beats count only then.
        """
        if not self._interval:
            return
        now = time.monotonic()
        if self._connection.connection.bytes_recv != self._bytes_heard:
            self._bytes_heard, self._heard_at = self._connection.connection.bytes_recv, now
        elif now - self._heard_at > _SILENT_INTERVALS * self._interval:
            raise amqp.ConnectionForced("nothing was heard of the broker for too long")
        if now >= self._next_beat:
            self._next_beat = now + self._interval / 3
            self._connection.connection.send_heartbeat()

    @contextmanager
    def beating_alone(self) -> Iterator[None]:
        """Have the beats go on while the caller leaves the connection alone."""
        with self._turn:
            self._lent_at = time.monotonic()
            self._turn.notify()
        try:
            yield
        finally:
            with self._turn:
                self._lent_at = None

    def stop(self) -> None:
        """End the thread; the connection is not touched any more."""
        with self._turn:
            self._has_ended = True
            self._turn.notify()

    def _beat_alone(self) -> None:
        with self._turn:
            while not self._has_ended:
                self._turn.wait(self._interval / 3 if self._lent_at is not None else None)
                if self._lent_at is None or self._has_ended:
                    continue
                if time.monotonic() - self._lent_at > _LONGEST_BATCH_SECONDS:
                    self._give_up()
                try:
                    self._connection.connection.send_heartbeat()
                except (OSError, amqp.AMQPError) as error:
                    # The consumer finds out by itself as soon as it reads or acks.
                    log.debug("heart.missed", why=str(error))

    def _give_up(self) -> None:
        """End the process at once: its messages go to another worker, and come back counted."""
        frame = sys._current_frames().get(self._owner)  # noqa: SLF001 - CPython's own way to see a thread
        place = "".join(traceback.format_stack(frame)[-8:]) if frame is not None else ""
        log.critical("worker.stuck", after_seconds=_LONGEST_BATCH_SECONDS, where=place)
        os._exit(EXIT_STUCK)
