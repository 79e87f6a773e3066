"""Meeting a process in the middle of its work: while its transaction holds baskets."""

import signal
import time
from types import TracebackType
from typing import Self

import psycopg

from outside.processes import Process
from outside.stage import Stage

_WITHIN_SECONDS = 30.0
_HOLDS_BASKETS = (
    "select state from pg_locks join pg_stat_activity using (pid) where application_name = any(%s)"
    " and datname = current_database() and relation = 'basket'::regclass"
    " and mode in ('RowShareLock', 'RowExclusiveLock')"
)


class Midway:
    """Looks at the locks of processes as often as the database answers, in a session of its own."""

    def __init__(self, stage: Stage) -> None:
        self._looking = psycopg.connect(stage.database_url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._looking.close()

    def holds_baskets(self, process: Process) -> bool:
        return bool(self._states(process))

    def _stands_still(self, process: Process) -> bool:
        """Tell whether a stopped process holds baskets; what it had sent is done first, a commit too."""
        while states := self._states(process):
            if all(state == "idle in transaction" for state in states):
                return True
        return False

    def _states(self, process: Process) -> list[str]:
        """Give the states of its sessions that hold baskets: of a scheduler's orders of data, too."""
        names = [f"basketry {process.name}", f"basketry {process.name} data"]
        return [state for (state,) in self._looking.execute(_HOLDS_BASKETS, [names])]

    def wait(self, process: Process) -> None:
        """Return at the moment at which it is seen to hold baskets."""
        deadline = time.monotonic() + _WITHIN_SECONDS
        while not self.holds_baskets(process):
            assert time.monotonic() < deadline, f"{process.name} had nothing to do\n{process.log[-2000:]}"

    def kill(self, process: Process) -> None:
        self.wait(process)
        process.kill()

    def stop(self, process: Process) -> None:
        """Stop it, and be sure that it was stopped while it holds baskets."""
        for _ in range(1000):
            self.wait(process)
            process.signal(signal.SIGSTOP)
            if self._stands_still(process):
                return
            process.signal(signal.SIGCONT)  # it had just committed
        raise AssertionError(f"{process.name} was never met in the middle of its work")
