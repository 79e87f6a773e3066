"""Commands that are set apart: handled in threads of their own, so that a slow one keeps nobody waiting.

They search, or only wait for a basket that somebody else has locked; each kind has a lane of its own. A
thread decides and commits, on a connection of its own to the database; what is to be said, and acked, is left
to the consumer, whose connections to the broker are not made for two threads. What comes later for the same
basket is kept back by the consumer until the command is done, so its order holds.
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from worker import heart, logs, pauses, tasks
from worker.ops.searching import UNDER_WAY

if TYPE_CHECKING:
    from contracts.envelope import Delivery
    from worker.intake import Intake
    from worker.tasks import Tools

_SEARCHING_THREADS = 2
_WAITING_THREADS = 1  # for what only waits for a basket: behind no search, however slow

log = logs.get(__name__)


class SetApart:
    """One command that is handled apart; its intake acks it by its tag."""

    def __init__(self, delivery: Delivery, intake: Intake, tag: int) -> None:
        self.delivery, self.intake, self.tag = delivery, intake, tag
        self.said: list[tasks.Saying] = []
        self.defect: BaseException | None = None
        self.begun_at = time.monotonic()
        self.tried_at: float | None = None  # monotonic; None between two attempts
        self.thread_id: int | None = None
        self.pauses = pauses.growing()

    @property
    def is_ours(self) -> bool:
        """Whether the message was not given back: else it is another worker's, or comes once more."""
        return not self.intake.is_closed


class _Lane:
    """Some threads, and the commands that wait for one of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.threads: list[threading.Thread] = []
        self.waiting: SimpleQueue[SetApart] = SimpleQueue()


class SideLanes:
    """The threads that handle what is set apart, and what they have finished."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._searching, self._locked = _Lane(_SEARCHING_THREADS), _Lane(_WAITING_THREADS)
        self._finished: SimpleQueue[SetApart] = SimpleQueue()
        self._under_way: set[SetApart] = set()
        self.wakes, self._bell = os.pipe()
        os.set_blocking(self.wakes, False)
        os.set_blocking(self._bell, False)

    def begin(self, command: SetApart, *, is_locked: bool = False) -> None:
        """Have a command handled; threads are started when they are first needed."""
        self._under_way.add(command)
        UNDER_WAY.set(len(self._under_way))
        lane = self._locked if is_locked else self._searching
        if len(lane.threads) < min(lane.most, len(self._under_way)):
            thread = threading.Thread(target=self._run, args=(lane,), name="side lane", daemon=True)
            lane.threads.append(thread)
            thread.start()
        lane.waiting.put(command)

    def finished(self) -> list[SetApart]:
        """Give what was finished since; raises a defect of ours, as the consumer's own batches do."""
        self._silence()  # also when there is nothing: the bell of what was taken before may ring late
        done = []
        while not self._finished.empty():
            command = self._finished.get()
            self._under_way.discard(command)
            UNDER_WAY.set(len(self._under_way))
            if command.defect is not None:
                raise RuntimeError("a command set apart failed on a defect of ours") from command.defect
            done.append(command)
        return done

    def watch(self) -> None:
        """End the process when an attempt never ends: its message comes back, and is counted."""
        for command in self._under_way:
            tried_at = command.tried_at  # once: its thread may end the attempt at any moment
            if tried_at is not None and heart.is_stuck(tried_at):
                heart.end_stuck(command.thread_id)

    @property
    def oldest_seconds(self) -> float:
        """Give how long the oldest of ours has been under way."""
        now = time.monotonic()
        return max((now - command.begun_at for command in self._under_way if command.is_ours), default=0.0)

    def say(self, command: SetApart) -> None:
        """Send replies and relay events of a finished one; for the consumer's thread."""
        for saying in command.said:
            tasks.say(self._tools, saying)

    def wait(self, seconds: float) -> None:
        """Wait until one is finished, at most so long."""
        select.select([self.wakes], [], [], seconds)

    def _run(self, lane: _Lane) -> None:
        while True:
            command = lane.waiting.get()
            try:
                is_finished = self._handle(command, lane)
            except BaseException as error:  # noqa: BLE001 - told to the consumer, which ends the process
                command.defect, is_finished = error, True
            if is_finished:
                self._finished.put(command)
                self._ring()
            else:
                lane.waiting.put(command)  # behind the others: what keeps it waiting may not concern them

    def _handle(self, command: SetApart, lane: _Lane) -> bool:
        """Try once; False when it must be tried again, for which only the database is a reason."""
        if not command.is_ours:
            return True
        command.tried_at, command.thread_id = time.monotonic(), threading.get_ident()
        outcome = tasks.apply_apart(self._tools, command.delivery, command.said.append)
        command.tried_at = None
        if isinstance(outcome, tasks.Done):
            return True
        # However many wait here, each comes to its turn about as often as if it were alone.
        pause = next(command.pauses) / (1 + lane.waiting.qsize())
        log.warning("command.held", why=outcome.why, pause_seconds=pause)
        time.sleep(pause)
        return False

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it has rung 65,536 times, and is heard
            os.write(self._bell, b"!")

    def _silence(self) -> None:
        with suppress(BlockingIOError):  # it is silent
            os.read(self.wakes, 4096)
