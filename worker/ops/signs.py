"""Signs of life: what a main loop tells of itself, and what is read off while it does something else.

Safe to be told by one thread and read by others; telling never waits and costs next to nothing. What is said
here goes to whoever asks the process over HTTP: sentences of ours, never a server's own words.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

ALIVE_WITHIN_SECONDS = 150.0  # the longest a loop may take for one turn: a batch with every timeout in it
_TICKED_WITHIN_SECONDS = 10.0  # a tick of a lane takes less, with its one search or without

Clock = Callable[[], float]


class Life:
    """Of any process: its last sign of life, and whether it was asked to stop."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._alive_at = clock()
        self._is_stopping = False

    def alive(self) -> None:
        """Tell that the main loop has come round."""
        self._alive_at = self._clock()

    def stopping(self) -> None:
        """Tell that the process was asked to stop."""
        self._is_stopping = True

    @property
    def silent_seconds(self) -> float:
        """How long ago the last sign of life was."""
        return self._clock() - self._alive_at

    def reasons(self) -> list[str]:
        """Say why the process is not ready; nothing when it is."""
        return ["The process is stopping."] if self._is_stopping else []


class Subscribed(msgspec.Struct, frozen=True):
    """What a worker consumes: queues of its own slot, and those of others that are away."""

    home: int
    guest: int


class Signs(Life):
    """Of a worker."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._subscribed: Subscribed | None = None
        self._why_not = "The worker has not subscribed to its queues yet."
        self._held_since: float | None = None
        self._is_connected = False
        self._oldest_published_at: Callable[[], float | None] = lambda: None

    def connected(self, *, is_connected: bool = True) -> None:
        """Tell whether there is a connection to the broker."""
        self._is_connected = is_connected

    def consuming(self, home: int, guest: int = 0) -> None:
        """Tell how many queues are subscribed to, on a live connection."""
        self._is_connected = True
        self._subscribed = Subscribed(home, guest)
        self.alive()

    def not_consuming(self, why: str) -> None:
        """Tell that no queue is subscribed to, with the reason in a sentence."""
        self._why_not = why
        self._subscribed = None
        self.alive()

    def holding(self) -> None:
        """Tell that a batch is held because the database does not take it; again with each try."""
        if self._held_since is None:
            self._held_since = self._clock()
        self.alive()

    def released(self) -> None:
        """Tell that the batch is done."""
        self._held_since = None
        self.alive()

    def waiting(self, oldest_published_at: Callable[[], float | None]) -> None:
        """Say how to find out when the oldest message that is not yet acked was published, in unix time.

        It is called by other threads, whenever somebody looks.
        """
        self._oldest_published_at = oldest_published_at

    @property
    def subscribed(self) -> Subscribed:
        return self._subscribed or Subscribed(0, 0)

    @property
    def is_consuming(self) -> bool:
        return self._subscribed is not None

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def held_seconds(self) -> float:
        since = self._held_since
        return 0.0 if since is None else self._clock() - since

    def oldest_waiting_seconds(self, now: float) -> float:
        """Give the age of the oldest message that is received and not acked; 0 when there is none."""
        published_at = self._oldest_published_at()
        return 0.0 if published_at is None else max(0.0, now - published_at)

    def reasons(self) -> list[str]:
        reasons = super().reasons()
        if not self.is_consuming:
            reasons.append(self._why_not)
        if self._held_since is not None:
            reasons.append(
                f"A batch of commands has been held for {self.held_seconds:.0f} s because the database does "
                "not take it."
            )
        return reasons


class Lane:
    """A loop of ticks; `tick` is what one is called."""

    def __init__(self, tick: str, clock: Clock) -> None:
        self._tick = tick
        self._clock = clock
        self._alive_at = clock()
        self._ticked_at: float | None = None
        self._has_failed = False

    def ticked(self) -> None:
        """Tell that what was due is dealt with, as far as one transaction goes."""
        self._ticked_at = self._alive_at = self._clock()
        self._has_failed = False

    def failed(self) -> None:
        """Tell that a tick has failed and will be tried again."""
        self._has_failed = True
        self._alive_at = self._clock()

    @property
    def silent_seconds(self) -> float:
        return self._clock() - self._alive_at

    def reasons(self) -> list[str]:
        if self._has_failed:
            return [f"The last {self._tick} failed; it is tried again every second."]
        if self._ticked_at is None:
            return [f"There was no {self._tick} yet."]
        age = self._clock() - self._ticked_at
        return [f"The last {self._tick} was {age:.0f} s ago."] if age > _TICKED_WITHIN_SECONDS else []


class Ticks(Life):
    """Of a scheduler, which needs the database alone; it lives and is ready when both its lanes are."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self.orders = Lane("tick", clock)
        self.data_orders = Lane("tick of data orders", clock)

    @property
    def silent_seconds(self) -> float:
        return max(self.orders.silent_seconds, self.data_orders.silent_seconds)

    def reasons(self) -> list[str]:
        return [*super().reasons(), *self.orders.reasons(), *self.data_orders.reasons()]
