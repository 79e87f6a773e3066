"""How much a tick takes on: as much as it finishes in about 200 ms.

A basket may hold one item or 500. While a tick runs its baskets are locked, and a worker that wants one of
them waits; a tick that takes too long would be cut off, and claim the same ones again.
"""

from __future__ import annotations

_SMALLEST, _LARGEST = 1, 500
_FIRST = 50
_QUICK_SECONDS, _SLOW_SECONDS = 0.1, 0.3


class Pace:
    """The size of the next tick, doubled after a quick one and halved after a slow or failed one."""

    def __init__(self) -> None:
        self.size = _FIRST

    def took(self, seconds: float, *, was_full: bool) -> None:
        """Learn from a tick: any slow one is a reason to take on less, only a full one to take on more.

        What it takes to find what is due does not count: it would take as long for less, for instance when
        much is due in the other lane.
        """
        if seconds > _SLOW_SECONDS:
            self.failed()
        elif was_full and seconds < _QUICK_SECONDS:
            self.size = min(_LARGEST, self.size * 2)

    def failed(self) -> None:
        self.size = max(_SMALLEST, self.size // 2)
