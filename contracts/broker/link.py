"""A connection that heals itself: opened when it is needed, and again when it broke.

Each try waits longer than the one before, with jitter, until one of them has served. After any doubt about a
message the connection is given up and the caller is told: whether to send again is the caller's to know.
For one thread; only `stop` may come from another one, or from a signal handler.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from contracts.broker.pika_wire import CONFIRMED, READY, PikaWire
from contracts.broker.words import (
    Blocked,
    Broken,
    Delivery,
    LinkError,
    Outgoing,
    Refused,
    Source,
    Stopped,
    Unconfirmed,
    Unreachable,
)

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_OPEN_SECONDS = 15.0
_CONFIRM_SECONDS = 5.0  # then the network has swallowed it, which heartbeats would find out in a minute
_CLOSE_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 3600.0


def pauses() -> Iterator[float]:
    """Give seconds to wait before a next try: growing, with jitter, without end."""
    longest = _FIRST_PAUSE_SECONDS
    while True:
        yield random.uniform(longest / 2, longest)  # noqa: S311 - jitter is no secret
        longest = min(2 * longest, _LONGEST_PAUSE_SECONDS)


class Link:
    """One connection with one channel, for one thread.

    Instants (`until`) are those of `time.monotonic`. `wants` is asked in another thread whether a delivery is
    kept; it must be quick.
    """

    def __init__(
        self, broker_url: str, source: Source, name: str, wants: Callable[[Delivery], bool] | None = None
    ) -> None:
        self._url = broker_url
        self._source = source
        self._name = name
        self._wants = wants
        self._wire: PikaWire | None = None
        self._wire_number = 0
        self._pauses: Iterator[float] | None = None  # None: the last connection has served
        self._heard: SimpleQueue[tuple[int, object]] = SimpleQueue()  # its put is safe in a signal handler
        self._arrived: deque[Delivery] = deque()
        self._is_stopped = False

    def open(self, until: float) -> None:
        """Connect unless connected, trying again until then; raises Unreachable, Refused, Stopped."""
        reason = "it did not answer in time"
        while self._wire is None:
            if self._pauses is not None:
                # Half of what is left at most, so that a short deadline has a try in it.
                self.rest(min(next(self._pauses), max(0.0, until - time.monotonic()) / 2))
            self._pauses = self._pauses or pauses()
            try:
                self._connect(until)
            except Broken as error:
                reason = str(error)
            if self._wire is None and time.monotonic() >= until:
                raise Unreachable(f"no connection to the broker: {reason}")

    def publish(self, message: Outgoing, until: float) -> None:
        """Publish on the open connection and wait for the confirm; any LinkError but Unreachable."""
        wire = self._opened()
        wire.publish(message)
        limit = min(until, time.monotonic() + _CONFIRM_SECONDS)
        while (item := self._next(limit)) is not CONFIRMED:
            if isinstance(item, Delivery):
                self._arrived.append(item)
            elif item is None and wire.is_blocked and limit < until:
                limit = until  # another connection would be blocked as well
            elif item is None:
                self._give_up()
                raise Blocked("the broker is in alarm") if wire.is_blocked else Unconfirmed("no confirm came")
        self._pauses = None

    def receive(self, until: float) -> Delivery | None:
        """Wait for a delivery; None when none came until then. Raises Broken, Refused, Stopped."""
        self._opened()
        item = self._arrived.popleft() if self._arrived else self._next(until)
        if not isinstance(item, Delivery):
            return None
        self._pauses = None
        return item

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that this delivery is done; raises Broken when it cannot be told any more."""
        self._opened().acknowledge(delivery.tag)

    def rest(self, seconds: float) -> None:
        """Let time pass; raises what happens meanwhile: Broken, Refused, Stopped."""
        until = time.monotonic() + seconds
        while (item := self._next(until)) is not None:
            if isinstance(item, Delivery):
                self._arrived.append(item)

    def stop(self) -> None:
        """Let whatever waits here raise Stopped, now and from now on."""
        self._is_stopped = True
        self._heard.put((0, None))

    def close(self) -> None:
        """Close the connection, acknowledgements first; what was not acknowledged goes back to its queue."""
        if self._wire is not None:
            self._wire.close(wait_seconds=_CLOSE_SECONDS)
        self._give_up()

    def _connect(self, until: float) -> None:
        self._wire_number = number = self._wire_number + 1

        def tell(item: object) -> None:
            if not isinstance(item, Delivery) or self._wants is None or self._wants(item):
                self._heard.put((number, item))

        self._wire = PikaWire(self._url, self._source, self._name, tell)
        if self._next(min(until, time.monotonic() + _OPEN_SECONDS)) is not READY:
            self._give_up()

    def _opened(self) -> PikaWire:
        if self._wire is None:
            raise Broken("there is no connection")
        return self._wire

    def _give_up(self) -> None:
        wire, self._wire = self._wire, None
        self._arrived.clear()
        if wire is not None:
            wire.close()

    def _next(self, until: float) -> object | None:
        """Wait for what the wire tells next; None when there is nothing until then."""
        while True:
            if self._is_stopped:
                raise Stopped("the link was stopped")
            left = min(max(0.0, until - time.monotonic()), _LONGEST_WAIT_SECONDS)
            try:
                number, item = self._heard.get(timeout=left)
            except Empty:
                return None
            if number != self._wire_number or self._wire is None:
                continue  # of a connection that was given up
            if isinstance(item, (Broken, Refused)):
                self._give_up()
            if isinstance(item, LinkError):
                raise item
            return item
