"""Waiting for conditions that have no event (a port opens, a process ends), and for several jobs at once."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

INTERVAL_SECONDS = 0.05


def until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait until the condition holds; False when it did not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(INTERVAL_SECONDS)
    return True


def side_by_side(items: Iterable[Item], act: Callable[[Item], None]) -> None:
    """Do it for all at once and wait for all; the first error is raised when all have ended."""
    items = list(items)
    with ThreadPoolExecutor(max_workers=len(items) or 1) as threads:
        for done in [threads.submit(act, item) for item in items]:
            done.result()
