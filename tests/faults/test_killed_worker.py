"""`kill -9` of the worker under load: the supervisor restarts it; nothing is lost, nothing happens twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, assert_repeats_are_identical, numbered
from outside.stage import Stage

from worker.local import files, state, waiting

KILLS = 3


@pytest.fixture
def supervised(stage: Stage, tmp_path: Path) -> Iterator[Path]:
    """A supervisor with one worker on this stage; gives its state folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASKETRY_")}
    with (tmp_path / "up.log").open("wb") as output:
        supervisor = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "worker.cli",
                "up",
                "--workers",
                "1",
                "--state-dir",
                str(tmp_path / "state"),
            ],
            env={**inherited, **stage.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert waiting.until(lambda: is_up(tmp_path / "state"), seconds=60), files.tail(tmp_path / "up.log")
        yield tmp_path / "state"
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(30) == 0
    finally:
        if supervisor.poll() is None:
            supervisor.kill()
            supervisor.wait()


def is_up(state_dir: Path) -> bool:
    stack = state.read(state_dir)
    return stack is not None and stack.is_up


def worker_pid(state_dir: Path) -> int | None:
    stack = state.read(state_dir)
    ready = [one for one in (stack.processes if stack else ()) if one.role == "worker" and one.is_alive]
    return ready[0].pid if ready else None


@pytest.mark.faults
def test_a_worker_killed_three_times_in_5000_commands_loses_nothing_and_doubles_nothing(
    stage: Stage, supervised: Path
) -> None:
    (part,) = numbered(100, 50)
    with Listener(stage.broker_url) as events:
        publish(stage.broker_url, part[:2500])
        killed: list[int | None] = []
        for number in range(KILLS):
            if number == 1:
                publish(stage.broker_url, part[2500:])
            events.until_heard(400 + 1000 * number, seconds=60)
            pid = worker_pid(supervised)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            assert waiting.until(lambda: worker_pid(supervised) not in (None, *killed), seconds=30)
        events.until_heard(5000, seconds=60)
        assert events.until(lambda: stage.rows("select 1 from outbox where published_at is null") == [])
        assert_each_once_and_in_order(events, stage, [part])
        assert_repeats_are_identical(events)
    log = (supervised / "log" / "supervisor.log").read_text(encoding="utf-8")
    assert all(f"worker-1 pid={pid} ended, exit code -9" in log for pid in killed)
