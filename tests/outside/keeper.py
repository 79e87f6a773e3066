"""Ends what a test session has started when the session itself cannot any more.

It may have been killed, or ended by the time limit of a test, as each worker of pytest-xdist may. Promises
that then no server, no worker and no stack stays behind: all that was started with the session's mark in its
environment, and a Postgres, which is given no environment, by its folder.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = "TESTS_THAT_STARTED_THIS"
_STOPS_WITHIN_SECONDS = 10.0
_LOOKS_EVERY_SECONDS = 0.1


@contextmanager
def keeping(state_dir: Path, postgres_home: Path) -> Iterator[None]:
    """Have all that is started here ended with this process, whatever ends it."""
    program = [sys.executable, "-I", "-S", __file__, str(state_dir), str(postgres_home)]
    before = os.environ.get(MARK)
    with subprocess.Popen(program, stdin=subprocess.PIPE, start_new_session=True) as keeper:
        os.environ[MARK] = str(state_dir)
        try:
            yield
        finally:
            if before is None:
                del os.environ[MARK]
            else:
                os.environ[MARK] = before
            keeper.communicate(b"all is well")


def left_behind(state_dir: str, postgres_home: str) -> list[int]:
    """Find what still runs of a session."""
    mark = f"{MARK}={state_dir}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            environment, command = (path / "environ").read_bytes(), (path / "cmdline").read_bytes()
            if mark in environment or (b"-D\0" + postgres_home.encode()) in command:
                found.append(int(path.name))
    return found


def _end(state_dir: str, postgres_home: str) -> None:
    for number, seconds in ((signal.SIGTERM, _STOPS_WITHIN_SECONDS), (signal.SIGKILL, 1.0)):
        for pid in left_behind(state_dir, postgres_home):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while left_behind(state_dir, postgres_home) and time.monotonic() < deadline:
            time.sleep(_LOOKS_EVERY_SECONDS)
    shutil.rmtree(postgres_home, ignore_errors=True)


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    if not sys.stdin.buffer.read():  # the end of who held the other side, without a word
        _end(*sys.argv[1:])
