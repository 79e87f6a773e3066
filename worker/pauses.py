"""How long to rest after a failure: longer and longer, and never for all workers alike."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from celery.worker import state

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 3.0  # a worker is back within 5 s of its database, connecting and writing included
_LOOKS_EVERY_SECONDS = 0.1


def growing(longest: float = _LONGEST_SECONDS) -> Iterator[float]:
    """Give one pause after the other, in seconds, without end."""
    pause = _FIRST_SECONDS
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        pause = min(longest, pause * 2)


def rest(seconds: float) -> None:
    """Rest without a connection to be kept alive; a signal that ends the worker is seen soon."""
    until = time.monotonic() + seconds
    while (remaining := until - time.monotonic()) > 0:
        state.maybe_shutdown()
        time.sleep(min(_LOOKS_EVERY_SECONDS, remaining))
