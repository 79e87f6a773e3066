"""The steps of our consumer's start and stop, in Celery's terms; `c` is the consumer."""

from __future__ import annotations

from typing import Any

from celery import bootsteps
from celery.worker.consumer import connection

from worker.heart import Heart


class Subscribe(bootsteps.StartStopStep):  # type: ignore[misc]
    """Declare the topology, and consume once the database is there."""

    requires = (connection.Connection,)

    def __init__(self, c: Any, **kwargs: Any) -> None:
        super().__init__(c, **kwargs)
        c.heart, c.own, c.dead, c.standby = None, None, None, None

    def start(self, c: Any) -> None:
        c.signs.connected()
        # Kombu's connection is silently made anew when it is lost, without channels: py-amqp's own is used.
        c.wire = c.connection.connection
        heart = c.heart = Heart(c.wire)
        c.rest(heart)
        c.declare(heart)
        c.subscribe()

    def stop(self, c: Any) -> None:
        c.workplace.attendance.leave()
        c.signs.connected(is_connected=False)
        c.signs.not_consuming("The connection to the broker was lost, or given up.")
        c.signs.released()
        if c.heart is not None:
            c.heart.stop()
        c.unsubscribe()
        c.heart = None

    shutdown = stop


class Loop(bootsteps.StartStopStep):  # type: ignore[misc]
    """The consumer's loop; the last step, because it only ends with the connection or the process."""

    last = True

    def start(self, c: Any) -> None:
        c.consume()
