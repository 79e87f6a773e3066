"""Servers of the session stopped, killed and frozen by a test; each is ready again for the next one."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from worker.local import waiting
from worker.local.child import Child, LocalStackError

Server = TypeVar("Server", bound=Child)

READY_WITHIN_SECONDS = 60.0


def ours(server: Server | None) -> Server:
    """Give a server that the session has started; somebody else's is not disturbed."""
    if server is None:
        pytest.skip("the server is not ours to disturb")
    return server


@contextmanager
def stopped(server: Child) -> Iterator[None]:
    """Have a server stopped in its own way while the block runs."""
    server.stop()
    try:
        yield
    finally:
        bring_back(server)


@contextmanager
def killed(server: Child) -> Iterator[None]:
    """Have a server gone as with a power cut while the block runs."""
    assert server.popen is not None
    server.popen.kill()
    server.popen.wait()
    try:
        yield
    finally:
        bring_back(server)


@contextmanager
def frozen(server: Child) -> Iterator[None]:
    """Have a server stand still while the block runs, with all its connections open."""
    assert server.popen is not None
    os.kill(server.popen.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.popen.pid, signal.SIGCONT)
        server.wait_ready(READY_WITHIN_SECONDS)


def bring_back(server: Child) -> None:
    """Start it, again and again as its supervisor would: what a killed one held is free after a moment."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        server.start()
        try:
            server.wait_ready(READY_WITHIN_SECONDS)
        except LocalStackError:
            if not server.has_ended or time.monotonic() >= deadline:
                raise
        else:
            return


def lasts(seconds: float, holds: Callable[[], bool]) -> None:
    """Let an outage last, and see to it that something holds all the while."""
    assert not waiting.until(lambda: not holds(), seconds=seconds), "it did not hold all the while"


def seconds_until(condition: Callable[[], bool], *, within: float) -> float:
    """Measure how long it takes until a condition holds; a test fails when it takes too long."""
    began = time.monotonic()
    assert waiting.until(condition, seconds=within), f"still not so after {within} s"
    return time.monotonic() - began
