import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from worker.local import leftovers, pids, state, waiting, watch
from worker.local.child import Child, LocalStackError
from worker.local.pids import Identity
from worker.local.state import Record, Stack, State
from worker.local.watch import Watch


class Script(Child):
    """A few lines of Python that are ready when they say so."""

    role = "script"
    grace_seconds: ClassVar[float] = 1.0

    def __init__(self, folder: Path, lines: str) -> None:
        super().__init__("script", folder / "log" / "script.log")
        self._lines = lines

    def command(self) -> list[str | Path]:
        return [sys.executable, "-c", self._lines]

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONUNBUFFERED": "1"}

    def is_ready(self) -> bool:
        return self.log_file.read_text(encoding="utf-8").endswith("ready\n")


def in_time(condition: object) -> bool:
    assert callable(condition)
    return waiting.until(condition, seconds=10)


WAITS = "import signal; print('ready'); signal.pause()"
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready")
signal.pause()
"""


def test_a_child_that_dies_is_started_again_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "basketry.local")
    watched = Watch(Script(tmp_path, WAITS), report=lambda: None)
    watched.begin()
    watched.wait_first_ready(10, threading.Event())
    first = watched.record.identity
    assert first is not None
    first.send(signal.SIGKILL)
    assert in_time(lambda: watched.record.state is State.READY and watched.record.identity != first)
    watched.end()
    assert f"script pid={first.pid} ended, exit code -9. next try in 0.2 s" in caplog.text
    assert watched.record == Record(role="script", name="script", state=State.STOPPED)


def test_a_child_that_keeps_dying_is_tried_at_longer_and_longer_intervals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watch(Script(tmp_path, "raise SystemExit(3)"), report=lambda: None)
    watched.begin()
    assert in_time(lambda: caplog.text.count("exit code 3") >= 3)
    watched.end()
    pauses = [line.rpartition("try in ")[2] for line in caplog.text.splitlines() if "try in" in line]
    assert pauses[:3] == ["0.2 s", "0.4 s", "0.8 s"]


def test_a_child_that_never_becomes_ready_is_given_up_with_the_end_of_its_log(tmp_path: Path) -> None:
    watched = Watch(Script(tmp_path, "raise SystemExit('no such table')"), report=lambda: None)
    watched.begin()
    with pytest.raises(LocalStackError, match="no such table"):
        watched.wait_first_ready(10, threading.Event())
    watched.end()


def test_a_retired_child_is_not_started_again(tmp_path: Path) -> None:
    watched = Watch(Script(tmp_path, WAITS), report=lambda: None)
    watched.begin()
    watched.wait_first_ready(10, threading.Event())
    watched.retire()
    watched.child.stop()
    watched.end()
    assert watched.child.log_file.read_text(encoding="utf-8") == "ready\n"


def test_a_child_that_ignores_the_request_to_stop_is_killed_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child = Script(tmp_path, STUBBORN)
    child.start()
    child.wait_ready(10)
    child.stop()
    assert child.has_ended
    assert "did not stop within 1 s and is killed" in caplog.text


def test_a_program_that_does_not_exist_is_tried_again_like_one_that_died(tmp_path: Path) -> None:
    child = Script(tmp_path, "")
    child.command = lambda: ["/nonexistent"]  # type: ignore[method-assign]
    watched = Watch(child, report=lambda: None)
    watched.begin()
    with pytest.raises(LocalStackError, match="could not be started"):
        watched.wait_first_ready(10, threading.Event())
    watched.end()


@pytest.fixture
def bystander() -> object:
    with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def test_a_pid_that_was_given_to_somebody_else_is_left_alone(
    tmp_path: Path, bystander: subprocess.Popen[bytes]
) -> None:
    identity = Identity.of(bystander.pid)
    assert identity is not None
    stale = Record(
        role="worker",
        name="worker-1",
        state=State.READY,
        pid=bystander.pid,
        started_at=identity.started_at - 1,
    )
    (tmp_path / "run").mkdir()
    state.write(tmp_path, Stack(supervisor=stale, processes=(stale,)))
    assert leftovers.end(tmp_path) == 0
    assert (
        pids.end([Identity(pid=bystander.pid, started_at=identity.started_at - 1)], signal.SIGKILL, 1) == []
    )
    assert bystander.poll() is None
    assert state.read(tmp_path) is None


def test_the_pauses_are_those_that_the_documentation_names() -> None:
    assert (watch.FIRST_PAUSE_SECONDS, watch.LONGEST_PAUSE_SECONDS, watch.SETTLED_AFTER_SECONDS) == (
        0.2,
        30,
        60,
    )
