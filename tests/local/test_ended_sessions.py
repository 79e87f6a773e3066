"""Whatever ends a session of tests, killed or out of time: no server and no worker of it stays behind."""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from outside.processes import ended, wait_for

from worker.local.pids import Identity

ROOT = Path(__file__).parents[2]
SESSION = """
import pathlib, time, pytest

@pytest.mark.timeout({seconds}, func_only=True)
@pytest.mark.parametrize("number", range({number}))
def test_waits(number, servers, worker, tmp_path_factory):
    pathlib.Path({folder!r}, f"ready-{{number}}").touch()
    time.sleep(600)
"""


def descendants(pid: int) -> list[Identity]:
    """Identify all that a process has started, and what that has started."""
    children = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        children[parent].append(int(path.name))
    found, looked_at = [], [pid]
    while looked_at:
        more = children[looked_at.pop()]
        looked_at += more
        found += [identity for one in more if (identity := Identity.of(one)) is not None]
    return found


def begin(folder: Path, *options: str, number: int, seconds: int) -> "subprocess.Popen[bytes]":
    """Start a session whose tests have servers and a worker, and wait."""
    module = folder / "test_waiting.py"
    module.write_text(SESSION.format(folder=str(folder), number=number, seconds=seconds))
    return subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                str(module),
                "-p",
                "conftest",
                "-c",
                str(ROOT / "pyproject.toml"),
            ),
            *(
                "--rootdir",
                str(folder),
                "--basetemp",
                str(folder / "base"),
                "-p",
                "no:cacheprovider",
                *options,
            ),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "number", "seconds", "ends_it"),
    [
        pytest.param((), 1, 600, signal.SIGKILL, id="killed"),
        pytest.param(("-n", "2"), 2, 600, signal.SIGTERM, id="asked to end with its workers at work"),
        pytest.param(("-n", "1", "--max-worker-restart", "0"), 1, 2, None, id="a worker out of time"),
    ],
)
def test_a_session_leaves_nothing_behind(
    tmp_path: Path, options: tuple[str, ...], number: int, seconds: int, ends_it: signal.Signals | None
) -> None:
    with ended(begin(tmp_path, *options, number=number, seconds=seconds)) as session:
        wait_for(lambda: len(list(tmp_path.glob("ready-*"))) == number, seconds=150)
        started = descendants(session.pid)
        assert len(started) >= number * 5, "Postgres, RabbitMQ, its epmd, a worker and who keeps them"
        if ends_it is not None:
            session.send_signal(ends_it)
        session.wait(90)
        wait_for(lambda: not any(identity.is_alive for identity in started))
