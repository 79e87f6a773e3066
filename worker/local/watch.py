"""Watching one child: it is started again whenever it ends, after a pause that grows.

Promises one line in the log for each end, with exit code and next try, and that nothing is started once
it is retired. Must not know what the child is.
"""

import threading
import time
from collections.abc import Callable

from worker.local import waiting
from worker.local.child import Child, LocalStackError, log
from worker.local.pids import Identity
from worker.local.state import Record, State

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
#: A child that ran this long starts over with the first pause.
SETTLED_AFTER_SECONDS = 60.0
#: So many ends before it was ever ready, and it never will be.
HOPELESS_AFTER_ENDS = 3


class Watch:
    def __init__(self, child: Child, *, report: Callable[[], None]) -> None:
        self.child = child
        self._report = report
        self._state = State.STARTING
        self._identity: Identity | None = None
        self._ends = 0
        self._reason = ""
        self._is_retired = threading.Event()
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._keep_running, name=child.name)

    def begin(self) -> None:
        self._thread.start()

    @property
    def record(self) -> Record:
        return Record(
            role=self.child.role,
            name=self.child.name,
            state=self._state,
            pid=self._identity.pid if self._identity else None,
            started_at=self._identity.started_at if self._identity else None,
            ops=self.child.ops_url,
        )

    def wait_first_ready(self, deadline_seconds: float, give_up: threading.Event) -> None:
        """Wait for the first start to succeed; LocalStackError when it does not."""

        def is_decided() -> bool:
            return self._state is State.READY or self._ends >= HOPELESS_AFTER_ENDS or give_up.is_set()

        waiting.until(is_decided, seconds=deadline_seconds)
        if self._state is not State.READY and not give_up.is_set():
            raise LocalStackError(self._reason or self.child.not_ready_after(deadline_seconds))

    def retire(self) -> None:
        """Start it no more; it runs on until it is ended."""
        with self._starting:
            self._is_retired.set()

    def end(self) -> None:
        """End it for good."""
        self.retire()
        self.child.stop()
        if self._thread.ident is not None:
            self._thread.join()
        self._identity = None
        self._enter(State.STOPPED)

    def _keep_running(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._is_retired.is_set():
            started_at = time.monotonic()
            self._run_once()
            if self._is_retired.is_set():
                return
            if time.monotonic() - started_at >= SETTLED_AFTER_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.warning("%s next try in %.1f s", self._reason.partition("\n")[0], pause)
            self._ends += 1
            self._identity = None
            self._enter(State.BACKOFF)
            self._is_retired.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _run_once(self) -> None:
        """Start it and stay until it ends."""
        try:
            with self._starting:
                if self._is_retired.is_set():
                    return
                popen = self.child.start()
        except (OSError, LocalStackError) as error:
            self._reason = f"{self.child.name} could not be started: {error}"
            return
        self._identity = Identity.of(popen.pid)
        self._enter(State.STARTING)
        while not self.child.has_ended:
            if self.child.is_ready():
                self._enter(State.READY)
                log.info("%s pid=%d is ready", self.child.name, popen.pid)
                popen.wait()
            else:
                time.sleep(waiting.INTERVAL_SECONDS)
        self._reason = f"{self.child.name} pid={popen.pid} ended, exit code {popen.wait()}."
        self._reason += f"\n{self.child.last_words()}"

    def _enter(self, state: State) -> None:
        self._state = state
        self._report()
