"""Workers and schedulers as they are run in earnest: command line, settings, signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import AnyStr, ClassVar

from outside.stage import Stage
from worker.local import waiting

READY_WITHIN_SECONDS = 40.0
STOPPED_WITHIN_SECONDS = 10.0  # the promise of a clean stop


@contextmanager
def ended(process: "subprocess.Popen[AnyStr]") -> Iterator["subprocess.Popen[AnyStr]"]:
    """End it at last, so that a test that fails does not wait for it."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class Process:
    """One `basketry worker` or `basketry scheduler`, with its log in a file."""

    role: ClassVar[str]
    running: "ClassVar[list[Process]]" = []  # noqa: RUF012 - of this session, so that a failure shows logs

    def __init__(
        self,
        stage: Stage,
        name: str,
        folder: Path,
        *,
        options: Sequence[str] = (),
        program: Sequence[str] = ("-m", "worker.cli"),
        home: Path | None = None,
        **environment: str,
    ) -> None:
        """Start it; `program` takes the place of `basketry` for a test that gives the process a defect.

        `home` is where another release lies (outside.release).
        """
        self.name = name
        self.log_file = folder / f"{name}.log"
        self._ready_file = folder / f"{name}.ready"
        self._ready_file.unlink(missing_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASKETRY_")}
        settings = {**stage.environment, "BASKETRY_READY_FILE": str(self._ready_file), **environment}
        with self.log_file.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, *program, self.role, "--name", name, *options],
                cwd=home,
                env={**inherited, **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.running.append(self)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Give how it has ended; None while it runs."""
        return self._popen.poll()

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self) -> None:
        waiting.until(lambda: self._ready_file.exists() or not self.is_alive, seconds=READY_WITHIN_SECONDS)
        assert self.is_alive, f"{self.name} ended with {self._popen.returncode}\n{self.log[-4000:]}"
        assert self._ready_file.exists(), f"{self.name} did not become ready\n{self.log[-4000:]}"

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._popen.send_signal(signal.SIGKILL)
        self._popen.wait()

    def stop(self) -> int:
        """Ask it to stop and give its exit code; fails when it takes longer than promised."""
        self._popen.send_signal(signal.SIGTERM)
        return self._popen.wait(STOPPED_WITHIN_SECONDS)

    def dismiss(self) -> None:
        """End it, whatever has happened, and forget it."""
        self.running.remove(self)
        if self.is_alive:
            self.kill()


class WorkerProcess(Process):
    role = "worker"


class SchedulerProcess(Process):
    role = "scheduler"


@contextmanager
def working(
    stage: Stage,
    name: str,
    folder: Path,
    *,
    options: Sequence[str] = (),
    home: Path | None = None,
    **environment: str,
) -> Iterator[WorkerProcess]:
    """Have a worker at work; afterwards it stops in order, unless the test has ended it."""
    worker = WorkerProcess(stage, name, folder, options=options, home=home, **environment)
    with _at_work(worker):
        yield worker


@contextmanager
def scheduling(stage: Stage, name: str, folder: Path, **environment: str) -> Iterator[SchedulerProcess]:
    """Have a scheduler at work; afterwards it stops in order, unless the test has ended it."""
    scheduler = SchedulerProcess(stage, name, folder, **environment)
    with _at_work(scheduler):
        yield scheduler


@contextmanager
def _at_work(process: Process) -> Iterator[None]:
    try:
        process.wait_ready()
        yield
        if process.is_alive:
            assert process.stop() == 0
    finally:
        process.dismiss()


def wait_for(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for a condition; a test fails when it does not hold in time."""
    assert waiting.until(condition, seconds=seconds), f"still not so after {seconds} s"
