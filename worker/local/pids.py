"""Processes by pid and start time, so that a reused pid is never taken for the process that had it.

Reads /proc. Must not signal a process it has not identified by both.
"""

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from worker.local import waiting


@dataclass(frozen=True, kw_only=True)
class Identity:
    pid: int
    started_at: int  # clock ticks since boot, as the kernel counts them

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """Identify a live process; None when there is none (a zombie is none)."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The name in parentheses may itself hold spaces and parentheses.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid=pid, started_at=int(fields[19]))

    @property
    def is_alive(self) -> bool:
        return Identity.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Signal this process, if it still is this one."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):  # it ended on its own: that is what we want
                os.kill(self.pid, number)


def end(identities: Iterable[Identity], number: signal.Signals, grace_seconds: float) -> list[Identity]:
    """End the processes, by force after the grace period; return those that needed force."""
    pending = [identity for identity in identities if identity.is_alive]
    for identity in pending:
        identity.send(number)
    waiting.until(lambda: not any(one.is_alive for one in pending), seconds=grace_seconds)
    stubborn = [identity for identity in pending if identity.is_alive]
    for identity in stubborn:
        identity.send(signal.SIGKILL)
    waiting.until(lambda: not any(one.is_alive for one in stubborn), seconds=grace_seconds)
    return stubborn
