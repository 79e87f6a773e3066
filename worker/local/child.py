"""A program that the stack starts, watches and ends: a server or a worker.

Promises that the child is our own direct child in a session of its own (a Ctrl-C at the terminal reaches
the supervisor alone, which then ends the children in order), and that all it prints is in its log file.
Must not restart anything: that is the supervisor's.
"""

import abc
import logging
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from worker.local import files, waiting

log = logging.getLogger("basketry.local")


class LocalStackError(Exception):
    """The local stack cannot do what it was asked; the message is for a person."""


class Child(abc.ABC):
    role: str
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    grace_seconds: ClassVar[float] = 15.0
    #: The unprivileged user a child is run as; None: the one who runs the stack.
    uid: int | None = None
    gid: int | None = None
    umask: ClassVar[int] = -1  # as inherited
    #: Where it shows metrics and health, when it is a process of ours.
    ops_url: str | None = None

    def __init__(self, name: str, log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self.popen: subprocess.Popen[bytes] | None = None

    @abc.abstractmethod
    def command(self) -> Sequence[str | Path]: ...

    @abc.abstractmethod
    def environment(self) -> Mapping[str, str]: ...

    @abc.abstractmethod
    def is_ready(self) -> bool: ...

    def working_directory(self) -> Path:
        return Path.cwd()

    def prepare(self) -> None:  # noqa: B027 - a worker needs nothing
        """Make ready on disk what the start needs; may be repeated while it is stopped."""

    def before_start(self) -> None:  # noqa: B027 - only some need it
        """Undo what the last run left behind."""

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in the foreground, as a direct child of this process."""
        self.before_start()
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        files.turn_over(self.log_file)
        with self.log_file.open("ab") as log_file:
            self.popen = subprocess.Popen(
                self.command(),
                env=self.environment(),
                cwd=self.working_directory(),
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.uid is None else [],
                umask=self.umask,
            )
        return self.popen

    def wait_ready(self, deadline_seconds: float) -> None:
        """Wait until it does its work; LocalStackError with the end of its log when it does not."""
        became_ready = False

        def is_settled() -> bool:
            nonlocal became_ready
            became_ready = not self.has_ended and self.is_ready()
            return became_ready or self.has_ended

        waiting.until(is_settled, seconds=deadline_seconds)
        if became_ready:
            return
        if self.popen is not None and self.has_ended:
            code = self.popen.returncode
            raise LocalStackError(
                f"{self.name} ended with exit code {code} before it was ready. {self.last_words()}"
            )
        raise LocalStackError(self.not_ready_after(deadline_seconds))

    def not_ready_after(self, seconds: float) -> str:
        return f"{self.name} was not ready after {seconds:.0f} s. {self.last_words()}"

    def last_words(self) -> str:
        return f"The end of {self.log_file}:\n{files.tail(self.log_file)}"

    @property
    def has_ended(self) -> bool:
        return self.popen is None or self.popen.poll() is not None

    def stop(self) -> None:
        """End it in its own way, by force when it has not ended after the grace period."""
        if self.popen is None or self.has_ended:
            return
        self.popen.send_signal(self.stop_signal)
        try:
            self.popen.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            log.warning(
                "%s pid=%d did not stop within %.0f s and is killed",
                self.name,
                self.popen.pid,
                self.grace_seconds,
            )
            self.popen.kill()
            self.popen.wait()
