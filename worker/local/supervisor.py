"""The process that runs a stack: servers first, then the migrations, then the workers; the other way back.

Promises: one supervisor per state folder; what dies is started again; a stack that cannot be brought up
is taken down again and says why; SIGTERM, SIGINT and SIGHUP end everything in order.
Must not outlive what it cannot end, nor leave a child without a record of it.
"""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TextIO

from worker.local import files, leftovers, roles, servers, state, waiting
from worker.local.child import Child, LocalStackError, log
from worker.local.pids import Identity
from worker.local.postgres import Postgres
from worker.local.rabbitmq import RabbitMQ
from worker.local.state import Record, Stack, State
from worker.local.watch import Watch

JWT_SECRET = "BASKETRY_JWT_SECRET"
READY_WITHIN_SECONDS = 90.0
FOLDER_CHECK_SECONDS = 5.0
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class AlreadyRunningError(LocalStackError):
    """Another supervisor holds the state folder."""


class Supervisor:
    def __init__(self, state_dir: Path, instances: Mapping[str, int]) -> None:
        self._state_dir = state_dir.absolute()
        self._instances = instances
        self._watches: list[Watch] = []
        self._settings: dict[str, str] = {}
        self._state = State.STARTING
        self._lock: TextIO | None = None
        self._asked_to_stop = threading.Event()
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._writing = threading.RLock()

    def run(self) -> None:
        """Run the stack until a signal; AlreadyRunningError, LocalStackError when it cannot be."""
        self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with state.locked(self._state_dir) as lock:
            if lock is None:
                raise AlreadyRunningError(f"A stack runs in {self._state_dir} already.")
            self._lock = lock
            _log_to(self._state_dir / "log" / "supervisor.log")
            self._heed_signals()
            threading.excepthook = self._on_lost_watch
            leftovers.end(self._state_dir)
            try:
                self._bring_up()
                self._stay()
            except LocalStackError as error:
                log.error("%s", error)
                raise
            finally:
                self._take_down()

    @property
    def _holds_folder(self) -> bool:
        return self._lock is not None and state.is_still_held(self._state_dir, self._lock)

    def _stay(self) -> None:
        """Wait for the signal; a folder that was deleted is one. Meanwhile no log grows without end."""
        while not self._asked_to_stop.wait(FOLDER_CHECK_SECONDS):
            self._turn_logs_over()
            if not self._holds_folder:
                log.warning("%s was deleted: taking the stack down", self._state_dir)
                return

    def _turn_logs_over(self) -> None:
        for log_file in {watch.child.log_file for watch in self._watches}:
            try:
                files.turn_over(log_file, is_in_use=True)
            except OSError as error:  # a full disk, for one: the stack goes on
                log.warning("%s could not be turned over: %s", log_file, error)

    def _bring_up(self) -> None:
        if self._asked_to_stop.is_set():
            return
        self._report()
        postgres, rabbitmq = Postgres(self._state_dir), RabbitMQ(self._state_dir)
        database_url = servers.named_elsewhere(servers.DATABASE_URL, postgres)
        broker_url = servers.named_elsewhere(servers.BROKER_URL, rabbitmq)
        own: list[Child] = []
        for server, variable, named in (
            (postgres, servers.DATABASE_URL, database_url),
            (rabbitmq, servers.BROKER_URL, broker_url),
        ):
            if named is None:
                own.append(server)
            else:
                log.info("%s is set: using that server and starting no %s", variable, server.name)
        waiting.side_by_side(own, self._open)
        self._settings = {
            servers.DATABASE_URL: database_url or postgres.url,
            servers.BROKER_URL: broker_url or rabbitmq.url,
            JWT_SECRET: os.environ.get(JWT_SECRET) or self._jwt_secret(),
        }
        if not self._asked_to_stop.is_set():
            self._migrate()
        programs = roles.programs(self._instances, self._state_dir, self._settings)
        waiting.side_by_side(programs, self._watch)
        if not self._asked_to_stop.is_set():
            self._state = State.READY
            self._report()
            log.info("the stack in %s is ready", self._state_dir)

    def _open(self, server: Child) -> None:
        server.prepare()
        if isinstance(server, RabbitMQ):
            self._watch(server.epmd)
        self._watch(server)

    def _watch(self, child: Child) -> None:
        """Keep a child running and wait for it to be ready for the first time."""
        watch = Watch(child, report=self._report)
        with self._writing:
            if self._asked_to_stop.is_set():
                return
            self._watches.append(watch)
            watch.begin()
        try:
            watch.wait_first_ready(READY_WITHIN_SECONDS, self._asked_to_stop)
        except LocalStackError:
            self._asked_to_stop.set()  # nobody needs to wait for the others
            raise

    def _migrate(self) -> None:
        log_file = self._state_dir / "log" / "migrate.log"
        with log_file.open("ab") as output:
            code = subprocess.run(
                roles.basketry("migrate"),
                env={**os.environ, **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if code != 0:
            raise LocalStackError(
                f"The migrations failed with exit code {code}. The end of {log_file}:\n{files.tail(log_file)}"
            )

    def _jwt_secret(self) -> str:
        kept = self._state_dir / "jwt-secret"
        if not kept.exists():
            files.write_private(kept, files.secret())
        return kept.read_text(encoding="ascii")

    def _take_down(self) -> None:
        """Workers first, so that they end what they have begun; then what they need."""
        with self._writing:
            self._asked_to_stop.set()
        self._state = State.STOPPED
        for watch in self._watches:
            watch.retire()
        for roles_to_end in leftovers.ORDER:
            waiting.side_by_side([one for one in self._watches if one.child.role in roles_to_end], Watch.end)
        if self._holds_folder:
            state.forget(self._state_dir)
        log.info("the stack in %s is down", self._state_dir)

    def _report(self) -> None:
        """Write down what runs."""
        with self._writing:
            myself = Identity.of(os.getpid())
            supervisor = Record(
                role="supervisor",
                name="supervisor",
                state=self._state,
                pid=os.getpid(),
                started_at=myself.started_at if myself else None,
            )
            processes = tuple(watch.record for watch in self._watches)
            stack = Stack(supervisor=supervisor, processes=processes, environment=self._settings)
            if self._holds_folder:
                state.write(self._state_dir, stack)

    def _on_lost_watch(self, lost: threading.ExceptHookArgs) -> None:
        """End the stack: with a child that nobody watches any more it would only seem to run."""
        log.critical("a watch failed", exc_info=lost.exc_value)
        self._asked_to_stop.set()

    def _heed_signals(self) -> None:
        """End the stack on a signal, whatever the process that started us had blocked.

        The handler does nothing but hand the number on: it runs between any two steps of the main thread,
        and an Event that is set while that thread begins to wait for it locks both out for ever.
        """
        threading.Thread(target=self._obey, name="signals", daemon=True).start()
        for number in ENDING_SIGNALS:
            signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._signals.put(number)

    def _obey(self) -> None:
        while True:
            log.info("%s: taking the stack down", signal.Signals(self._signals.get()).name)
            self._asked_to_stop.set()


def _log_to(path: Path) -> None:
    """Log to this file, and to the terminal unless the terminal is this file (detached)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    path.touch(mode=0o600)
    if not os.path.samestat(os.fstat(sys.stderr.fileno()), path.stat()):
        handlers.append(logging.FileHandler(path, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
